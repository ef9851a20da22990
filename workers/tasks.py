"""Celery tasks: each reads a message, calls one function, ends."""

from typing import Any

from celery import Task, shared_task

from . import recovery, runs, worker
from .ledger import Hint


# Acknowledged before it runs: the ledger, not the broker, remembers what is owed. A broker that
# redelivers what killed its worker would do so for ever.
@shared_task(name="renditions.warm", bind=True, ignore_result=True, acks_late=False)
def warm(self: "Task[Any, Any]", using: str, job_id: int, generation: int) -> None:
    """Make what the job still owes, or end at once if somebody else has it."""
    request = self.request
    worker.run_job(Hint(using, job_id, generation), str(request.id), str(request.hostname))


@shared_task(name="renditions.sweep", ignore_result=True, acks_late=False)
def sweep() -> None:
    """Send again whatever is due and in nobody's hands, and push bulk runs on."""
    recovery.sweep()


@shared_task(name="renditions.rewarm_all", ignore_result=True, acks_late=False)
def rewarm_all() -> None:
    """Start a bulk run for every field that declares something to warm."""
    runs.start_all()


@shared_task(name="renditions.advance_run", ignore_result=True, acks_late=False)
def advance_run(using: str, run_id: int) -> None:
    """Look at the next chunk of a bulk run."""
    runs.advance(using, run_id)
