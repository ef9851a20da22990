"""Celery tasks: each reads a message, calls one function, ends."""

from typing import Any

from celery import Task, shared_task
from kombu.exceptions import OperationalError

from . import events, recovery, runs, worker
from .conf import TaskName
from .ledger import Hint


class JobTask(Task[Any, Any]):
    Request = f"{__package__}.request:JobRequest"


# acks_late=False: the ledger remembers the work, not the broker. With late acknowledgement the
# broker redelivers a message that kills its worker without limit.
# throws: `recovery.on_task_failure` says what has happened. Otherwise each attempt would be an
# ERROR of Celery, and an event of an error tracker.
@shared_task(
    name=TaskName.WARM,
    bind=True,
    base=JobTask,
    ignore_result=True,
    acks_late=False,
    throws=(Exception,),
)
def warm(self: "Task[Any, Any]", using: str, job_id: int, generation: int) -> None:
    """Make the outstanding renditions of one job, or end at once if another worker has it."""
    request = self.request
    worker.run_job(Hint(using, job_id, generation), str(request.id), str(request.hostname))


@shared_task(name=TaskName.SWEEP, ignore_result=True, acks_late=False, throws=(OperationalError,))
def sweep(is_scheduled: bool = True) -> None:
    """Send hints for the jobs that are due, and continue bulk runs.

    Args:
        is_scheduled: False: a worker or the admin asked for it, so it is no sign of a running beat.
    """
    recovery.sweep()
    if is_scheduled:
        recovery.note_scheduled_sweep()


@shared_task(name=TaskName.REWARM_ALL, ignore_result=True, acks_late=False)
def rewarm_all() -> None:
    """Start a bulk run for every field that declares something to warm."""
    runs.start_all()


@shared_task(name=TaskName.ADVANCE_RUN, ignore_result=True, acks_late=False)
def advance_run(using: str, run_id: int) -> None:
    """Look at the next chunk of a bulk run."""
    runs.advance(using, run_id)


@shared_task(name=TaskName.TELL, ignore_result=True, acks_late=False)
def tell(using: str) -> None:
    """Tell the receivers of the project what is due to be told."""
    events.tell_due(using)
