"""The Celery application of a run's workers and beats."""

from typing import Any

from celery import Celery
from celery.schedules import schedule
from celery.signals import worker_process_init

from config.parent_death import die_with_parent
from workers.conf import CELERY

from .environment import Environment

SWEEP_EVERY_S = 1

_environment = Environment.of_this_process()
app = Celery("tests.chaos", broker=_environment.broker_url, set_as_current=True)
# In every thread, also of the web server, because `config` sets an application as well.
app.set_default()
app.conf.update(CELERY)
app.conf.beat_schedule = {
    "renditions.sweep": {
        **CELERY["beat_schedule"]["renditions.sweep"],
        "schedule": schedule(SWEEP_EVERY_S),
    }
}
app.conf.update(_environment.celery)
app.autodiscover_tasks()


@worker_process_init.connect
def _bind_to_worker(**_: Any) -> None:
    die_with_parent()
