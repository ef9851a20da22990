"""When a worker, or a process of it, is known to be gone, its leases are free at once.

Without this a job would wait for its lease to end; with it the lease is needed only when a whole
machine vanishes.
"""

from typing import Any

from celery.exceptions import TimeLimitExceeded, WorkerLostError
from celery.signals import (
    task_failure,
    worker_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from django.db import connections

from . import dispatch, sweeping
from .tasks import warm


def connect() -> None:
    """Listen to Celery's signals; they fire in worker processes only."""
    worker_init.connect(free_predecessor, weak=False)
    worker_ready.connect(sweep_at_start, weak=False)
    worker_shutdown.connect(free_own, weak=False)
    worker_shutting_down.connect(free_own_if_cut_off, weak=False)
    task_failure.connect(free_lost_task, weak=False)


def free_predecessor(sender: Any, **kwargs: Any) -> None:
    """Free what a worker of the same node name held when it was killed.

    Node names are unique while a worker runs, so whoever has a lease under ours is gone.
    """
    sweeping.release_killed_worker(str(sender.hostname))
    # The pool forks after this; a connection must not be shared with its children.
    connections.close_all()


def sweep_at_start(sender: Any, **kwargs: Any) -> None:
    """Send what became due while no worker ran."""
    dispatch.send_sweep()


def free_own(sender: Any, **kwargs: Any) -> None:
    """Free what is still held when this worker ends, its jobs cut off by the shutdown."""
    _hand_over(str(sender.hostname))


def free_own_if_cut_off(sender: str, how: str, **kwargs: Any) -> None:
    """Free what is held when a cold or soft shutdown has ended the pool.

    After such a shutdown Celery sends no `worker_shutdown`. At a warm one the jobs go on.
    """
    if how == "Cold":
        _hand_over(sender)


def _hand_over(worker: str) -> None:
    """Let another worker have at once what this one could not finish."""
    freed = sweeping.release_worker(worker)
    connections.close_all()
    if freed:
        dispatch.send_sweep()


def free_lost_task(sender: Any, task_id: str, exception: BaseException, **kwargs: Any) -> None:
    """Free what a task held: its process was killed, ran out of time, or an error left it."""
    # By its name: each Celery app of a project has a task object of its own.
    if sender.name != warm.name:
        return
    sweeping.release_task(task_id, f"{type(exception).__name__}: {exception}")
    if isinstance(exception, WorkerLostError | TimeLimitExceeded):
        # Then this is the worker's main process, which forks.
        connections.close_all()
