"""When a worker, or a process of it, is known to be gone, its leases are free at once.

Without this a job would wait for its lease to end; with it the lease is needed only when a whole
machine vanishes.
"""

from typing import Any

from celery.exceptions import TimeLimitExceeded, WorkerLostError
from celery.signals import task_failure, worker_init, worker_ready, worker_shutdown
from django.db import connections

from . import dispatch, sweeping
from .tasks import warm


def connect() -> None:
    """Listen to Celery's signals; they fire in worker processes only."""
    worker_init.connect(free_predecessor, weak=False)
    worker_ready.connect(sweep_at_start, weak=False)
    worker_shutdown.connect(free_own, weak=False)
    task_failure.connect(free_lost_task, sender=warm, weak=False)


def free_predecessor(sender: Any, **kwargs: Any) -> None:
    """Free what a worker of the same node name held when it was killed.

    Node names are unique while a worker runs, so whoever has a lease under ours is gone.
    """
    sweeping.release_worker(str(sender.hostname))
    # The pool forks after this; a connection must not be shared with its children.
    connections.close_all()


def sweep_at_start(sender: Any, **kwargs: Any) -> None:
    """Send what became due while no worker ran."""
    dispatch.send_sweep()


def free_own(sender: Any, **kwargs: Any) -> None:
    """Free what is still held when this worker ends, its jobs cut off by the shutdown."""
    sweeping.release_worker(str(sender.hostname))
    connections.close_all()


def free_lost_task(task_id: str, exception: BaseException, **kwargs: Any) -> None:
    """Free what a task held: its process was killed, ran out of time, or an error left it."""
    sweeping.release_task(task_id)
    if isinstance(exception, WorkerLostError | TimeLimitExceeded):
        # Then this is the worker's main process, which forks.
        connections.close_all()
