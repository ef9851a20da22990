"""One job from the claim to its end, and the memory that it may use."""

import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error as DatabaseError
from django.db import transaction

from renditions.engine.originals import OpenedOriginal
from renditions.engine.removal import delete_renditions
from renditions.engine.warming import Result, Reuse, WarmReport, warm_without_recheck
from renditions.errors import OutOfMemory, PermanentError, RenditionError
from renditions.facts import size_to_plan_with, write_facts
from renditions.files import VersatileImageFieldFile
from renditions.planning.plans import RenditionPlan
from renditions.storage.objects import start_threads

from . import (
    dispatch,
    events,
    incomplete,
    job_log,
    ledger,
    metrics,
    removals,
    runs,
    throughput,
    tracing,
)
from .conf import backoff_s, worker_settings
from .failures import Failure, JobTimedOut, WorkerOutdated
from .metrics import JobResult
from .models import Event
from .targets import Tried, field_of, image_of, is_outdated, planned_paths, signature

# Each look at the ledger costs a query. A rendition that is published up to this long after a save
# has overtaken the attempt is deleted at the end of the attempt.
ASK_AGAIN_AFTER_S = 0.1

_budget_in_use = threading.Lock()


def run_job(hint: ledger.Hint, task_id: str, worker: str) -> None:
    """Claim the job that `hint` names and bring it to an end; return at once if it is taken."""
    settings = worker_settings()
    claim = ledger.claim(
        hint,
        task_id=task_id,
        worker=worker,
        lease_s=settings.lease_s,
        max_attempts=settings.max_attempts,
    )
    if claim is None:
        return
    metrics.note_started(claim.waited_s, is_bulk=claim.is_bulk)
    with tracing.job_span(claim.target, attempt=claim.attempt, parent=claim.trace):
        _run(claim)


def _run(claim: ledger.Claim) -> None:
    settings = worker_settings()
    began = time.monotonic()
    maybe_published: list[RenditionPlan] = []
    start_threads()
    try:
        with memory_budget(settings.job_memory_mb):
            ended = _attempt(claim, maybe_published)
    except SoftTimeLimitExceeded:
        error = JobTimedOut(f"The limit is {settings.soft_time_limit_s} s.")
        ended = _fail_interrupted(claim, error)
    # Celery ends the whole worker on a MemoryError that leaves the task.
    except MemoryError:
        ended = _fail_interrupted(claim, OutOfMemory(f"The limit is {settings.job_memory_mb} MB."))
    if ended is None:
        metrics.note_ended(claim.target.model_label, JobResult.SUPERSEDED)
        _delete_stale_files(claim, maybe_published)
        _release_to_newer_save(claim)
        return
    _tell(claim, ended, time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class _Ended:
    """How an attempt has ended on the ledger. It is counted and told after its commit."""

    result: JobResult
    failures: Sequence[Failure] = ()
    delay_s: float = 0.0  # to the next attempt
    name: str = ""  # of the picture, if a report tells what was made of it
    report: WarmReport | None = None


def _attempt(claim: ledger.Claim, maybe_published: list[RenditionPlan]) -> _Ended | None:
    """Make what is outstanding; None if the claim is no longer valid.

    Args:
        maybe_published: Gets each plan right before it is published, so that the caller knows
            them even if this attempt is cut off.
    """
    if claim.removal:
        return _take_away(claim, claim.removal)
    image = image_of(claim.target)
    if not image:
        # The instance was deleted; or only a newer release has the field, and then `_settle` does
        # not settle the job.
        return _settle(claim, _Ended(JobResult.BLANK), counted="blank")

    with OpenedOriginal(image.storages.originals, str(image.name)) as original:
        report = warm_without_recheck(
            image.storages,
            image.plans(size=size_to_plan_with(image, original)),
            reuse=reuse_for(claim.force, claim.is_new_upload),
            still_wanted=_StillWanted(claim, maybe_published),
            interrupts=(SoftTimeLimitExceeded, DatabaseError),
            original=original,
            wants_facts=image.lacks_meta,
        )
    metrics.note_work(claim.target.model_label, report.seconds, report.published_bytes)
    tracing.note_report(report)
    using, share = claim.target.using, report.share_of_rows
    is_news = incomplete.is_news(claim.target, share)
    with transaction.atomic(using=using) if report.facts or is_news else nullcontext():
        if report.facts:
            # The row before the ledger, as in a save: otherwise the two could wait for each other.
            write_facts(image, report.facts, using)
        if is_news and share is not None:
            incomplete.note(claim.target, str(image.name), share)
        ended = _end_attempt(claim, image, report)
        if (report.facts or is_news) and ended is None:
            transaction.set_rollback(True, using=using)
    return ended


def _end_attempt(
    claim: ledger.Claim, image: VersatileImageFieldFile, report: WarmReport
) -> _Ended | None:
    told = events.of_made(claim.target, image, report, attempt=claim.attempt)
    if report.failures:
        field = field_of(claim.target)
        wanted = signature(field, image.plans()) if field else ""
        tried = Tried(wanted, report.source_version)
        return _fail(claim, _failures(report), final=_is_final(report), tried=tried, told=told)
    counted = "created" if report.of(Result.CREATED) else "current"
    ended = _Ended(JobResult.MADE, name=str(image.name), report=report)
    return _settle(claim, ended, counted=counted, told=told)


def _take_away(claim: ledger.Claim, removal: ledger.Removal) -> _Ended | None:
    try:
        result = removals.take_away(claim, removal)
    except RenditionError as error:
        is_final = isinstance(error, PermanentError)
        return _fail(claim, [Failure.of_job(error)], final=is_final, tried=Tried("", ""))
    return _Ended(result) if result else None


class _StillWanted:
    """Whether a rendition may be published: no save has overtaken the attempt.

    The ledger is asked before the first rendition, and again after some time.
    """

    def __init__(self, claim: ledger.Claim, maybe_published: list[RenditionPlan]) -> None:
        """Add each plan that may be published to `maybe_published`."""
        self._claim = claim
        self._maybe_published = maybe_published
        self._is_wanted = True
        self._ask_at = time.monotonic()

    def __call__(self, plan: RenditionPlan) -> bool:
        now = time.monotonic()
        if self._is_wanted and now >= self._ask_at:
            self._is_wanted = ledger.holds(self._claim)
            self._ask_at = now + ASK_AGAIN_AFTER_S
        if self._is_wanted:
            self._maybe_published.append(plan)
        return self._is_wanted


def reuse_for(force: bool, is_new_upload: bool) -> Reuse:
    """Return which existing files an attempt at a job leaves as they are."""
    if force:
        return Reuse.NOTHING
    return Reuse.RECORDED if is_new_upload else Reuse.GOOD


def _settle(
    claim: ledger.Claim, ended: _Ended, *, counted: str, told: Sequence[Event] = ()
) -> _Ended | None:
    """Settle the job, unless a newer release enqueued it: that may want other renditions."""
    if not is_outdated(claim.enqueuer_started_at, claim.signature, field_of(claim.target)):
        return ended if ledger.settle(claim, counted=counted, told=told) else None
    label = f"{claim.target.model_label}.{claim.target.field_name}"
    error = WorkerOutdated(f"The process that saved declares something else for {label}.")
    # This process does not know the newer declaration, so it notes none. The next save or bulk run
    # of the newer release then sees another one, and enqueues the job again.
    return _fail(claim, [Failure.of_job(error)], final=False, tried=Tried("", ""))


def _fail(
    claim: ledger.Claim,
    failures: list[Failure],
    *,
    final: bool,
    tried: Tried | None = None,
    told: Sequence[Event] = (),
) -> _Ended | None:
    if final or claim.attempt >= worker_settings().max_attempts:
        ended = _Ended(JobResult.FAILED, failures)
        return ended if ledger.give_up(claim, failures, tried, told) else None
    delay_s = backoff_s(claim.attempt)
    ended = _Ended(JobResult.RETRIED, failures, delay_s)
    return ended if ledger.postpone(claim, failures, delay_s=delay_s) else None


def _fail_interrupted(claim: ledger.Claim, error: RenditionError) -> _Ended | None:
    """End an attempt that its time or memory limit has stopped. What it has made stays."""
    return _fail(claim, [Failure.of_job(error)], final=False)


def _delete_stale_files(claim: ledger.Claim, maybe_published: Sequence[RenditionPlan]) -> None:
    """Delete what this attempt published of an image that was replaced or deleted meanwhile."""
    field = field_of(claim.target)
    if field and maybe_published:
        needed = planned_paths(maybe_published[0].original, claim.target.using)
        stale = {plan.path for plan in maybe_published} - needed
        delete_renditions(field.storages.renditions, stale)


def _release_to_newer_save(claim: ledger.Claim) -> None:
    """Let the save that overtook this claim be worked on at once."""
    hint = ledger.release_overtaken(claim)
    if hint:
        dispatch.send_after_commit(hint)


def _failures(report: WarmReport) -> list[Failure]:
    return [Failure.of(plan.path, error) for plan, error in report.failures.items()]


def _is_final(report: WarmReport) -> bool:
    """Whether another attempt would fail again."""
    return all(isinstance(error, PermanentError) for error in report.failures.values())


# ---- after the commit --------------------------------------------------------------------------


def _tell(claim: ledger.Claim, ended: _Ended, took_s: float) -> None:
    """Count how an attempt has ended, log it, and call the receivers of the project."""
    _count(claim, ended)
    _log(claim, ended, took_s)
    if claim.run_id:
        runs.finish_if_done(claim.target.using)
    events.tell_about(claim.target)


def _count(claim: ledger.Claim, ended: _Ended) -> None:
    label, using = claim.target.model_label, claim.target.using
    metrics.note_ended(label, ended.result, ended.failures[0].kind if ended.failures else "")
    if ended.result is JobResult.MADE:
        throughput.note(using, made=1)
        if not claim.is_bulk:
            metrics.note_ready(label, claim.seconds_since_save)
    elif ended.result is JobResult.FAILED:
        throughput.note(using, failed=1)


def _log(claim: ledger.Claim, ended: _Ended, took_s: float) -> None:
    target, attempt, failures = claim.target, claim.attempt, ended.failures
    if failures:
        tracing.note_failures(failures, is_given_up=ended.result is JobResult.FAILED)
    if ended.report:
        job_log.made(target, ended.name, attempt, ended.report, took_s)
    elif ended.result is JobResult.REMOVED:
        job_log.removed(target, took_s)
    elif ended.result is JobResult.FAILED:
        job_log.given_up(target, attempt, failures)
    elif ended.result is JobResult.RETRIED:
        attempts = worker_settings().max_attempts
        job_log.repeated(target, attempt, attempts, ended.delay_s, failures)


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
