"""The Celery application of this installation, with the settings of `workers.conf`."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from workers import metrics
from workers.conf import CELERY

from .parent_death import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

metrics.reuse_files()
app = Celery("config")
app.conf.update(CELERY)
# The broker's address, and other settings that differ between installations.
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def _bind_to_worker(**_: Any) -> None:
    """End with the worker, even if it is killed with SIGKILL."""
    die_with_parent()
