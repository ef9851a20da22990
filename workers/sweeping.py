"""What heals by itself: messages that were lost, and workers that died."""

import logging
from collections.abc import Callable, Iterator

from django.db import Error as DatabaseTrouble
from django.db import connections, router

from renditions import unfinished

from . import conf, dispatch, ledger, runs
from .jobs import LONGEST_JITTER
from .models import WarmJob
from .subjects import all_warmed_fields

logger = logging.getLogger(__name__)


def sweep() -> int:
    """Send what is due and in nobody's hands, as far as the queues have room; return how many.

    Raises:
        kombu.exceptions.OperationalError: the broker is away; the next sweep tries again.
    """
    _sweep_storages()
    return _in_each_database(_sweep_ledger)


def _sweep_ledger(using: str) -> int:
    longest_wait_s = conf.get("BACKOFF_MAX_S") * LONGEST_JITTER
    ledger.mend_times(using, lease_s=conf.get("LEASE_S"), delay_s=longest_wait_s)
    sent = sum(dispatch.send_due(using, bulk=bulk) for bulk in (False, True))
    runs.nudge(using)
    return sent


def _sweep_storages() -> None:
    """Remove what killed workers were writing: after a lease nobody can be at it any more."""
    for storage in {id(field.storage): field.storage for field in all_warmed_fields()}.values():
        unfinished.sweep(storage, older_than_s=conf.get("LEASE_S"))


def release_worker(worker: str) -> int:
    """Free what a worker of this node name held when it ended; return how many jobs."""
    return _in_each_database(lambda using: ledger.release_worker(using, worker))


def release_killed_worker(worker: str) -> int:
    """Free what a worker of this node name held when it was killed, by one of its jobs perhaps."""
    spread_s = 2 * conf.get("BACKOFF_S")
    return _in_each_database(lambda using: ledger.release_worker(using, worker, spread_s=spread_s))


def release_task(task_id: str, reason: str) -> None:
    """Free what a task held that is gone; its next attempt waits a little."""
    delay_s = conf.get("BACKOFF_S")
    _in_each_database(
        lambda using: ledger.release_task(using, task_id, delay_s=delay_s, reason=reason)
    )


def _in_each_database(do: Callable[[str], int]) -> int:
    """Return the sum of `do` over all ledgers; one that cannot be reached stops no other."""
    total = 0
    for using in databases():
        try:
            total += do(using)
        except DatabaseTrouble as error:
            logger.warning(
                "The ledger in %r was left out. If it is a replica, let the router not migrate "
                "'rendition_workers' there. %s",
                using,
                error,
            )
    return total


def databases() -> Iterator[str]:
    """Return the aliases of the databases that have a ledger."""
    for using in connections:
        if router.allow_migrate_model(using, WarmJob):
            yield using
