"""The workers that run: each says regularly that it is there.

A page, a command or a probe reads the rows. Remote control of Celery, which would need an answer
of each worker, is not used.
"""

from collections.abc import Sequence
from datetime import timedelta
from importlib.metadata import version

from django.db.models.functions import Now

from .models import WorkerNode
from .targets import STARTED_AT, in_each_ledger

# A worker says this often that it is there.
BEAT_S = 15
# Later than this, it is gone: three beats, and a slow database.
GONE_AFTER_S = 60
# The row of a worker that is gone is shown for this long.
KEPT = timedelta(days=1)


def beat(name: str, queues: Sequence[str], processes: int) -> None:
    """Note in each ledger that the worker `name` runs now."""
    values = {
        "queues": sorted(queues),
        "processes": processes,
        "release": version("django-renditions"),
        "started_at": STARTED_AT,
        "seen_at": Now(),
    }
    in_each_ledger(
        lambda using: WorkerNode.objects.using(using).update_or_create(name=name, defaults=values)
    )


def leave(name: str) -> None:
    """Note that the worker `name` was stopped."""
    in_each_ledger(lambda using: WorkerNode.objects.using(using).filter(name=name).delete())


def forget(using: str) -> None:
    """Delete the rows of workers that have been gone for long."""
    WorkerNode.objects.using(using).filter(seen_at__lt=Now() - KEPT).delete()
