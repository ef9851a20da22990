"""What heals by itself: messages that were lost, and workers that died."""

import logging

from renditions.storage import disk as unfinished

from . import conf, databases, dispatch, ledger, runs
from .jobs import LONGEST_JITTER
from .subjects import all_warmed_fields

logger = logging.getLogger(__name__)


def sweep() -> int:
    """Send what is due and in nobody's hands, as far as the queues have room; return how many.

    Raises:
        kombu.exceptions.OperationalError: the broker is away; the next sweep tries again.
    """
    sent = sum(databases.in_each(_sweep_ledger))
    _sweep_storages()
    return sent


def _sweep_ledger(using: str) -> int:
    longest_wait_s = conf.get("BACKOFF_MAX_S") * LONGEST_JITTER
    ledger.mend_times(using, lease_s=conf.get("LEASE_S"), delay_s=longest_wait_s)
    sent = sum(dispatch.send_due(using, bulk=bulk) for bulk in (False, True))
    runs.nudge(using)
    return sent


def _sweep_storages() -> None:
    """Remove what killed workers were writing: after a lease nobody can be at it any more."""
    for storage in {id(field.storage): field.storage for field in all_warmed_fields()}.values():
        try:
            unfinished.sweep(storage, older_than_s=conf.get("LEASE_S"))
        except OSError as error:
            logger.warning("Unfinished files are left on a storage: %s", error)


def release_worker(worker: str) -> int:
    """Free what a worker of this node name held when it ended; return how many jobs."""
    return sum(databases.in_each(lambda using: ledger.release_worker(using, worker)))


def release_killed_worker(worker: str) -> int:
    """Free what a worker of this node name held when it was killed, by one of its jobs perhaps."""
    spread_s = 2 * conf.get("BACKOFF_S")
    return sum(
        databases.in_each(lambda using: ledger.release_worker(using, worker, spread_s=spread_s))
    )


def release_task(task_id: str, reason: str) -> None:
    """Free what a task held that is gone; its next attempt waits a little."""
    delay_s = conf.get("BACKOFF_S")
    databases.in_each(
        lambda using: ledger.release_task(using, task_id, delay_s=delay_s, reason=reason)
    )
