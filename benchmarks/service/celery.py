"""The Celery application of the measured processes."""

from typing import Any

from celery import Celery
from celery.signals import worker_process_init
from kombu.transport import TRANSPORT_ALIASES

from config.parent_death import die_with_parent
from workers.conf import CELERY

from .environment import Environment

# kombu finds the transport by this name when it is the scheme of a broker's address.
TRANSPORT_ALIASES["silent"] = "benchmarks.service.silent:Transport"

app = Celery("benchmarks", broker=Environment.of_this_process().broker_url, set_as_current=True)
app.set_default()
app.conf.update(CELERY)
app.autodiscover_tasks()


@worker_process_init.connect
def _bind_to_worker(**_: Any) -> None:
    die_with_parent()
