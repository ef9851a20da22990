"""The Celery application of this installation; its settings are those of `workers.conf`."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from workers.conf import CELERY

from .parent_death import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.conf.update(CELERY)
# Broker address and whatever else differs from one installation to the next.
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def _bind_to_worker(**_: Any) -> None:
    """Leave no pool process behind when the worker is killed with -9."""
    die_with_parent()
