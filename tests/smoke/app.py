"""The Celery application of the smoke tests' workers and beat."""

from typing import Any

from celery import Celery
from celery.schedules import schedule
from celery.signals import worker_process_init

from config.parent_death import die_with_parent
from workers.conf import CELERY

from .environment import SWEEP_EVERY_S, Environment

app = Celery("tests.smoke", broker=Environment.of_this_process().broker_url, config_source=CELERY)
app.autodiscover_tasks()
app.conf.beat_schedule["renditions.sweep"]["schedule"] = schedule(SWEEP_EVERY_S)
app.conf.worker_soft_shutdown_timeout = 1


@app.on_after_finalize.connect
def _know_the_filter(**_: Any) -> None:
    from . import filters, receivers

    filters.register()
    receivers.connect()


@worker_process_init.connect
def _bind_to_worker(**_: Any) -> None:
    die_with_parent()
