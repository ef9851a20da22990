"""The settings of the gallery, with a strict policy and a beat that need not be waited for."""

from celery.schedules import schedule

from config.settings import *  # noqa: F403
from workers.conf import CELERY, TaskName

CONTENT_SECURITY_POLICY = "default-src 'self'"
CELERY["beat_schedule"][TaskName.SWEEP]["schedule"] = schedule(2)
