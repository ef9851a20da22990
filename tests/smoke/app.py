"""The Celery application of the processes that the smoke tests start."""

from typing import Any

from celery import Celery
from celery.schedules import schedule
from celery.signals import worker_process_init

from config.lifeline import die_with_parent
from workers.conf import CELERY

from .place import SWEEP_EVERY_S, Place

app = Celery("tests.smoke", broker=Place.of_this_process().broker_url, config_source=CELERY)
app.autodiscover_tasks()
app.conf.beat_schedule["renditions.sweep"]["schedule"] = schedule(SWEEP_EVERY_S)
app.conf.worker_soft_shutdown_timeout = 1


@app.on_after_finalize.connect
def _know_the_filter(**_: Any) -> None:
    from . import filters

    filters.register()


@worker_process_init.connect
def _bind_to_worker(**_: Any) -> None:
    die_with_parent()
