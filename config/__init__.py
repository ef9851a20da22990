"""Where this installation runs. Nobody imports it, and it is not in the wheel."""

from .celery import app as celery_app

__all__ = ["celery_app"]
