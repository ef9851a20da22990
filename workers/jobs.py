"""One job, from the claim to its end on the ledger."""

import logging
import random
from functools import partial

from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error as DatabaseTrouble

from renditions.errors import OutOfMemory, PermanentError
from renditions.files import VersatileImageFieldFile
from renditions.pruning import prune
from renditions.warming import Result, WarmReport, warm

from . import conf, dispatch, ledger
from .budget import memory_budget
from .subjects import image_of

logger = logging.getLogger(__name__)

TIME_LIMIT = "time-limit"
SHORTEST_JITTER, LONGEST_JITTER = 0.8, 1.2


def work(hint: ledger.Hint, task_id: str, worker: str) -> None:
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
    try:
        with memory_budget(conf.get("JOB_MEMORY_MB")):
            _make(claim)
    except SoftTimeLimitExceeded:
        _cut_off(claim, TIME_LIMIT, f"Not done within {conf.get('SOFT_TIME_LIMIT_S')} s.")
    # One that left the task would take the whole worker with it.
    except MemoryError:
        reason = f"It wanted more than {conf.get('JOB_MEMORY_MB')} MB of memory."
        _cut_off(claim, OutOfMemory.kind, reason)


def backoff_s(attempt: int) -> float:
    """Return how long to wait after the failed `attempt`: doubling, bounded, +-20 %.

    The jitter keeps jobs that failed together, for one storage that was away, from coming back
    together.
    """
    wait = min(conf.get("BACKOFF_S") * 2.0 ** (attempt - 1), conf.get("BACKOFF_MAX_S"))
    return wait * random.uniform(SHORTEST_JITTER, LONGEST_JITTER)  # noqa: S311


def _make(claim: ledger.Claim) -> None:
    image = image_of(claim.subject)
    if not image:
        if not ledger.settle(claim, counted="blank"):
            _hand_on(claim)
        return
    report = warm(
        image.storage,
        image.plans(),
        force=claim.force,
        wanted=partial(ledger.holds, claim),
        interrupts=(SoftTimeLimitExceeded, DatabaseTrouble),
    )
    if not _end(claim, report):
        _withdraw(claim, image, report)
        _hand_on(claim)


def _end(claim: ledger.Claim, report: WarmReport) -> bool:
    """Write the end of the attempt; False where the claim was overtaken."""
    if report.failures:
        return _fail(claim, _failures(report), final=_is_final(report))
    counted = "created" if report.of(Result.CREATED) else "current"
    return ledger.settle(claim, counted=counted)


def _fail(claim: ledger.Claim, failures: list[ledger.Failure], *, final: bool) -> bool:
    logger.warning("%s: attempt %d failed: %s", claim.subject, claim.attempt, failures[0].reason)
    if final or claim.attempt >= conf.get("MAX_ATTEMPTS"):
        return ledger.give_up(claim, failures)
    return ledger.postpone(claim, failures, delay_s=backoff_s(claim.attempt))


def _cut_off(claim: ledger.Claim, kind: str, reason: str) -> None:
    """Write that the attempt was ended from outside, whatever it had made by then."""
    if not _fail(claim, [ledger.Failure("", kind, reason)], final=False):
        _hand_on(claim)


def _withdraw(claim: ledger.Claim, image: VersatileImageFieldFile, report: WarmReport) -> None:
    """Leave nothing behind of a picture that was replaced, moved or deleted meanwhile."""
    now = image_of(claim.subject)
    still_planned = {plan.path for plan in now.plans()} if now else set()
    created = report.of(Result.CREATED)
    prune(image.storage, [plan for plan in created if plan.path not in still_planned])


def _hand_on(claim: ledger.Claim) -> None:
    """Let the save that overtook this claim have its turn at once."""
    hint = ledger.hand_back(claim)
    if hint:
        dispatch.send_after_commit(hint)


def _failures(report: WarmReport) -> list[ledger.Failure]:
    return [
        ledger.Failure(plan.path, error.kind, str(error)) for plan, error in report.failures.items()
    ]


def _is_final(report: WarmReport) -> bool:
    """Whether no failure of `report` could end better by itself."""
    return all(isinstance(error, PermanentError) for error in report.failures.values())
