"""For your tests: what workers would do, done here and now."""

from django.db import DEFAULT_DB_ALIAS

from . import conf, ledger, worker

__all__ = ["work_owed"]


def work_owed(using: str = DEFAULT_DB_ALIAS) -> int:
    """Make what is owed and due, as a worker would; return how many jobs were begun.

    Needs no broker and no commit, so it works in a test that is rolled back. What fails for a
    while is due only later and is left on the ledger; what fails for good is left as failed.
    """
    begun = 0
    while hints := _due(using):
        for hint in hints:
            worker.run_job(hint, task_id="work_owed", worker="work_owed")
        begun += len(hints)
    return begun


def _due(using: str) -> list[ledger.Hint]:
    # Before anything was sent: a message that is on its way keeps nothing back.
    return [
        hint
        for bulk in (False, True)
        for hint in ledger.due(using, conf.get("MAX_QUEUED"), bulk=bulk, resend_after_s=-1)
    ]
