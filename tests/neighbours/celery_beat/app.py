"""The Celery app of the beat process."""

import os

from celery import Celery

from workers.conf import CELERY

app = Celery("beat", broker=os.environ["BEAT_BROKER"], config_source=CELERY)
app.conf.beat_scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
