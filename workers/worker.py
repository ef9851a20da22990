"""One job from the claim to its end, and the memory that it may use."""

import logging
import os
import random
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error as DatabaseError

from renditions.engine.removal import prune
from renditions.engine.warming import Result, WarmReport, warm_once
from renditions.errors import OutOfMemory, PermanentError
from renditions.planning.plans import RenditionPlan

from . import conf, dispatch, ledger, runs
from .targets import declares_the_same, field_of, image_of, planned_paths

logger = logging.getLogger(__name__)

TIME_LIMIT, OUTDATED = "time_limit", "outdated"
SHORTEST_JITTER, LONGEST_JITTER = 0.8, 1.2

_budget_in_use = threading.Lock()


def run_job(hint: ledger.Hint, task_id: str, worker: str) -> None:
    """Make what the row that `hint` points at still owes, or end at once."""
    claim = ledger.claim(
        hint,
        task_id=task_id,
        worker=worker,
        lease_s=conf.get("LEASE_S"),
        max_attempts=conf.get("MAX_ATTEMPTS"),
    )
    if claim is None:
        return
    published: list[RenditionPlan] = []
    try:
        with memory_budget(conf.get("JOB_MEMORY_MB")):
            was_ended = _attempt(claim, published)
    except SoftTimeLimitExceeded:
        reason = f"Not done within {conf.get('SOFT_TIME_LIMIT_S')} s."
        was_ended = _cut_off(claim, TIME_LIMIT, reason)
    # One that left the task would take the whole worker with it.
    except MemoryError:
        reason = f"It wanted more than {conf.get('JOB_MEMORY_MB')} MB of memory."
        was_ended = _cut_off(claim, OutOfMemory.kind, reason)
    if not was_ended:
        _delete_stale_files(claim, published)
        _release_to_newer_save(claim)
    elif claim.run_id:
        runs.finish_if_done(claim.target.using)


def backoff_s(attempt: int) -> float:
    """Return how long to wait after the failed `attempt`: doubling, bounded, +-20 %.

    The jitter keeps jobs that failed together, for one storage that was away, from coming back
    together.
    """
    wait = min(conf.get("BACKOFF_S") * 2.0 ** (attempt - 1), conf.get("BACKOFF_MAX_S"))
    return wait * random.uniform(SHORTEST_JITTER, LONGEST_JITTER)  # noqa: S311


def _attempt(claim: ledger.Claim, published: list[RenditionPlan]) -> bool:
    """Make what is owed; False where the claim was overtaken.

    Args:
        published: Gets what is published, so that it is known though this is cut off.
    """
    image = image_of(claim.target)
    if not image:
        # Gone, unless only a newer release has the field.
        return _end(claim, counted="blank")

    def is_wanted(plan: RenditionPlan) -> bool:
        if not ledger.holds(claim):
            return False
        published.append(plan)
        return True

    report = warm_once(
        image.storage,
        image.plans(),
        force=claim.force,
        still_wanted=is_wanted,
        interrupts=(SoftTimeLimitExceeded, DatabaseError),
    )
    if report.failures:
        return _fail(claim, _failures(report), final=_is_final(report))
    return _end(claim, counted="created" if report.of(Result.CREATED) else "current")


def _end(claim: ledger.Claim, *, counted: str) -> bool:
    """Settle what is done, unless the save may owe other renditions than this process knows of."""
    if not _is_outdated(claim):
        return ledger.settle(claim, counted=counted)
    reason = (
        f"This worker does not declare for {claim.target.model_label}.{claim.target.field_name} "
        "what the newer process that saved the picture does: it runs an older release, or has "
        "other settings. Restart the workers, then retry."
    )
    return _fail(claim, [ledger.Failure("", OUTDATED, reason)], final=False)


def _is_outdated(claim: ledger.Claim) -> bool:
    if claim.enqueuer_started_at is None or claim.enqueuer_started_at <= ledger.STARTED_AT:
        return False
    field = field_of(claim.target)
    return field is None or not declares_the_same(claim.signature, field)


def _fail(claim: ledger.Claim, failures: list[ledger.Failure], *, final: bool) -> bool:
    logger.warning("%s: attempt %d failed: %s", claim.target, claim.attempt, failures[0].reason)
    if final or claim.attempt >= conf.get("MAX_ATTEMPTS"):
        return ledger.give_up(claim, failures)
    return ledger.postpone(claim, failures, delay_s=backoff_s(claim.attempt))


def _cut_off(claim: ledger.Claim, kind: str, reason: str) -> bool:
    """Write that the attempt was ended from outside, whatever it had made by then."""
    return _fail(claim, [ledger.Failure("", kind, reason)], final=False)


def _delete_stale_files(claim: ledger.Claim, published: Sequence[RenditionPlan]) -> None:
    """Leave nothing behind of a picture that was replaced, moved or deleted meanwhile."""
    field = field_of(claim.target)
    if field and published:
        needed = planned_paths(published[0].original, claim.target.using)
        prune(field.storage, [plan for plan in published if plan.path not in needed])


def _release_to_newer_save(claim: ledger.Claim) -> None:
    """Let the save that overtook this claim have its turn at once."""
    hint = ledger.release_overtaken(claim)
    if hint:
        dispatch.send_after_commit(hint)


def _failures(report: WarmReport) -> list[ledger.Failure]:
    return [
        ledger.Failure(plan.path, error.kind, str(error)) for plan, error in report.failures.items()
    ]


def _is_final(report: WarmReport) -> bool:
    """Whether no failure of `report` could end better by itself."""
    return all(isinstance(error, PermanentError) for error in report.failures.values())


# ---- memory ------------------------------------------------------------------------------------


@contextmanager
def memory_budget(megabytes: int) -> Iterator[None]:
    """Let this process grow by at most `megabytes` inside the block; 0: no limit.

    An allocation beyond the budget raises `MemoryError`, and the worker process survives. The soft
    limit of `RLIMIT_AS` is lowered for the block and restored after it, so that other tasks of the
    project are not limited.

    Linux only. macOS accepts the limit and does not enforce it, and Windows has none: there only
    `worker_max_memory_per_child` bounds a job.
    """
    # RLIMIT_AS belongs to the process. A thread pool runs several jobs in one process; the first
    # one sets the limit.
    if not megabytes or sys.platform != "linux" or not _budget_in_use.acquire(blocking=False):
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    budget = _address_space_bytes() + megabytes * 1024**2
    others = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([budget, *others]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        _budget_in_use.release()


def _address_space_bytes() -> int:
    # proc(5): the first number is the total program size, in pages.
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")
