"""For the tests of a project: do the work of the workers here and now."""

from django.db import DEFAULT_DB_ALIAS

from . import ledger, worker
from .conf import worker_settings

__all__ = ["work_owed"]


def work_owed(using: str = DEFAULT_DB_ALIAS) -> int:
    """Run all jobs that are due, as a worker would; return how many were started.

    Needs no broker and no commit, so it works in a test that is rolled back. A job with a
    transient failure is due later and stays on the ledger; one with a permanent failure stays as
    failed.
    """
    started = 0
    while hints := _due(using):
        for hint in hints:
            worker.run_job(hint, task_id="work_owed", worker="work_owed")
        started += len(hints)
    return started


def _due(using: str) -> list[ledger.Hint]:
    limit = worker_settings().max_queued
    # -1: also jobs whose message was sent just now.
    return [
        hint for work in ledger.Work for hint in ledger.due(using, limit, work, resend_after_s=-1)
    ]
