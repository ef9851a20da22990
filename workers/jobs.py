"""One job, from the claim to its end on the ledger."""

import logging
import random
from collections.abc import Sequence

from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error as DatabaseTrouble

from renditions.engine.removal import prune
from renditions.engine.warming import Result, WarmReport, warm
from renditions.errors import OutOfMemory, PermanentError
from renditions.planning.plans import RenditionPlan

from . import conf, dispatch, ledger, runs
from .budget import memory_budget
from .subjects import declares_the_same, field_of, image_of, planned_paths

logger = logging.getLogger(__name__)

TIME_LIMIT, OUTDATED = "time_limit", "outdated"
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
    published: list[RenditionPlan] = []
    try:
        with memory_budget(conf.get("JOB_MEMORY_MB")):
            was_ended = _make(claim, published)
    except SoftTimeLimitExceeded:
        reason = f"Not done within {conf.get('SOFT_TIME_LIMIT_S')} s."
        was_ended = _cut_off(claim, TIME_LIMIT, reason)
    # One that left the task would take the whole worker with it.
    except MemoryError:
        reason = f"It wanted more than {conf.get('JOB_MEMORY_MB')} MB of memory."
        was_ended = _cut_off(claim, OutOfMemory.kind, reason)
    if not was_ended:
        _withdraw(claim, published)
        _hand_on(claim)
    elif claim.run_id:
        runs.finish_if_done(claim.subject.using)


def backoff_s(attempt: int) -> float:
    """Return how long to wait after the failed `attempt`: doubling, bounded, +-20 %.

    The jitter keeps jobs that failed together, for one storage that was away, from coming back
    together.
    """
    wait = min(conf.get("BACKOFF_S") * 2.0 ** (attempt - 1), conf.get("BACKOFF_MAX_S"))
    return wait * random.uniform(SHORTEST_JITTER, LONGEST_JITTER)  # noqa: S311


def _make(claim: ledger.Claim, published: list[RenditionPlan]) -> bool:
    """Make what is owed; False where the claim was overtaken.

    Args:
        published: Gets what is published, so that it is known though this is cut off.
    """
    image = image_of(claim.subject)
    if not image:
        # Gone, unless only a newer release has the field.
        return _end(claim, counted="blank")

    def is_wanted(plan: RenditionPlan) -> bool:
        if not ledger.holds(claim):
            return False
        published.append(plan)
        return True

    report = warm(
        image.storage,
        image.plans(),
        force=claim.force,
        wanted=is_wanted,
        interrupts=(SoftTimeLimitExceeded, DatabaseTrouble),
    )
    if report.failures:
        return _fail(claim, _failures(report), final=_is_final(report))
    return _end(claim, counted="created" if report.of(Result.CREATED) else "current")


def _end(claim: ledger.Claim, *, counted: str) -> bool:
    """Settle what is done, unless the save may owe other renditions than this process knows of."""
    if not _is_outdated(claim):
        return ledger.settle(claim, counted=counted)
    reason = (
        f"This worker does not declare for {claim.subject.model_label}.{claim.subject.field_name} "
        "what the newer process that saved the picture does: it runs an older release, or has "
        "other settings. Restart the workers, then retry."
    )
    return _fail(claim, [ledger.Failure("", OUTDATED, reason)], final=False)


def _is_outdated(claim: ledger.Claim) -> bool:
    if claim.asked_by is None or claim.asked_by <= ledger.STARTED_AT:
        return False
    field = field_of(claim.subject)
    return field is None or not declares_the_same(claim.signature, field)


def _fail(claim: ledger.Claim, failures: list[ledger.Failure], *, final: bool) -> bool:
    logger.warning("%s: attempt %d failed: %s", claim.subject, claim.attempt, failures[0].reason)
    if final or claim.attempt >= conf.get("MAX_ATTEMPTS"):
        return ledger.give_up(claim, failures)
    return ledger.postpone(claim, failures, delay_s=backoff_s(claim.attempt))


def _cut_off(claim: ledger.Claim, kind: str, reason: str) -> bool:
    """Write that the attempt was ended from outside, whatever it had made by then."""
    return _fail(claim, [ledger.Failure("", kind, reason)], final=False)


def _withdraw(claim: ledger.Claim, published: Sequence[RenditionPlan]) -> None:
    """Leave nothing behind of a picture that was replaced, moved or deleted meanwhile."""
    field = field_of(claim.subject)
    if field and published:
        needed = planned_paths(published[0].original, claim.subject.using)
        prune(field.storage, [plan for plan in published if plan.path not in needed])


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
