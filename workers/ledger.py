"""Every transition of a job on the ledger, each one guarded UPDATE.

The ledger is the one metaphor of this package: a saved image is owed its renditions, and the row
is the debt. The row is written in the transaction of the save and deleted when everything is made,
so no loss of broker, cache or worker can lose the work. Taking away is owed in the same way: a
removal is a row that names a former picture, and it has the same transitions.

          enqueue                                    claim (lease free)
  (no row) ─────► queued ──────────────────────────────────────────► warming
     ▲            ▲   ▲ ▲                                             │ │ │
     │  retry,    │   │ └───── postpone, release: due later ──────────┘ │ └─► settle: row deleted
     │  enqueue   │   │                                                 │
     └────────── failed ◄───────── give up (permanent, or no attempt left; also a dead worker's)
       settle_failed: something else has made everything

All times are the database's (`Now()`): one clock for all workers. Each guard names the generation
and the lease token, so an UPDATE by a worker that a newer save has overtaken matches no row.
"""

import functools
import random
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

from django.db import IntegrityError, connections, models, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Now

from . import events, job_log, metrics, statements, tracing
from .failures import Failure, WorkerDied
from .models import Event, JobState, RunState, SupersededJob, Takes, WarmJob, WarmRun
from .prepared import Param, Prepared, Row, can_insert_or_update
from .statements import aware
from .targets import STARTED_AT, JobTarget, Tried, removal_of, tried_now

Table = TypeVar("Table", WarmJob, SupersededJob)

# No job of a run in one of these states is started.
HALTED = (RunState.PAUSED, RunState.CANCELLED)
# Race: another process may insert the row after our UPDATE and delete it before our next one. This
# many times in a row does not happen.
INSERT_TRIES = 5
# Rows that one transaction locks, so that a save does not wait long for them.
ROWS_AT_ONCE = 1000


class Work(Enum):
    """The kinds of jobs. Each is sent in its own order."""

    SAVES = "saves"
    REMOVALS = "removals"
    RUNS = "runs"

    @property
    def is_bulk(self) -> bool:
        """Whether the jobs wait while those of saves are worked on."""
        return self is not Work.SAVES


@dataclass(frozen=True, slots=True)
class Hint:
    """The content of a message: look at this row. It may be stale, sent twice or lost."""

    using: str
    job_id: int
    generation: int
    bulk: bool = False


@dataclass(frozen=True, slots=True)
class Removal:
    """What a job takes away. Its target names the picture."""

    takes: Takes
    ppoi: str  # the focal point of the picture, as text; empty: its field has none
    owed_at: datetime  # always aware


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a job until its lease expires."""

    job_id: int
    generation: int
    target: JobTarget
    signature: str  # of what has to be made; blank: whatever is declared
    enqueuer_started_at: datetime | None
    attempt: int  # 1 for the first
    force: bool
    is_new_upload: bool
    run_id: int | None
    token: str = field(repr=False)
    removal: Removal | None = None  # None: the job makes renditions
    # By the clock of the database: from the time when it was due, and from its save, to the claim.
    waited_s: float = 0.0
    age_s: float = 0.0
    claimed_at: float = field(default_factory=time.monotonic, compare=False)
    trace: str = ""  # the `traceparent` of its save

    @property
    def is_bulk(self) -> bool:
        return self.run_id is not None or self.removal is not None

    @property
    def seconds_since_save(self) -> float:
        return self.age_s + time.monotonic() - self.claimed_at


@dataclass(frozen=True, slots=True)
class Job:
    """A job on the ledger, as far as it decides whether another one is needed."""

    state: JobState
    run_id: int | None
    tried: Tried  # the version is known of a failed job only


# ---- enqueue -----------------------------------------------------------------------------------


def enqueue(
    target: JobTarget, signature: str, *, force: bool = False, is_new_upload: bool = False
) -> Hint:
    """Put a job for `target` on the ledger, as a new generation; call it in the save's transaction.

    A running attempt at an older generation is overtaken, and a failed job starts again.

    Args:
        force: Existing files are stale.
        is_new_upload: There are no files yet.
    """
    # Without a savepoint: the save fails with the ledger.
    with transaction.atomic(using=target.using, savepoint=False):
        put = _put if can_insert_or_update(target.using) else _put_in_steps
        job_id, generation, run_id = put(target, signature, force, is_new_upload, tracing.current())
        if run_id is not None:
            _leave_run(target, run_id)
    return Hint(target.using, job_id, generation)


def enqueue_for_run(run: WarmRun, signature: str, targets: Sequence[JobTarget]) -> int:
    """Put a job of `run` on the ledger for each of `targets` that has none; return how many."""
    values = _for_run(signature, run)
    if not statements.takes_chunks(run.using):
        return sum(_insert(target, values) for target in targets)
    object_pks = [target.object_pk for target in targets]
    values |= {"model_label": run.model_label, "field_name": run.field_name}
    return statements.insert_absent(run.using, WarmJob, values, "object_pk", object_pks)


def requeue_for_run(run: WarmRun, signature: str, targets: Sequence[JobTarget]) -> int:
    """Let `run` try the failed jobs of `targets` again; return how many were still failed."""
    failed = _makers(run.using).filter(
        model_label=run.model_label,
        field_name=run.field_name,
        object_pk__in=[target.object_pk for target in targets],
        state=JobState.FAILED,
    )
    return failed.update(**_for_run(signature, run), generation=F("generation") + 1)


def delete_job(target: JobTarget, *, waits_for_worker: bool = False) -> None:
    """Delete the job: the instance or its image is gone.

    Args:
        waits_for_worker: A job in progress stays, overtaken, until its worker has ended. It tells a
            removal that files may still be published.
    """
    with transaction.atomic(using=target.using, savepoint=False):
        # The lock keeps a bulk run from taking over a failed job before it is deleted.
        found = _locking_job(target.using).row(**_names(target))
        if found is None:
            return
        [run_id] = found
        if run_id is not None:
            _leave_run(target, run_id)
        if not (waits_for_worker and _overtake(_of(target))):
            _of(target).delete()


def _overtake(job: models.QuerySet[WarmJob]) -> bool:
    """Begin a new generation of a job in progress; False if no worker has it."""
    leased = job.filter(lease_until__gt=Now())
    return bool(leased.update(**_fresh(""), generation=F("generation") + 1))


def job_of(target: JobTarget) -> Job | None:
    """Return the job for `target`, or None if nothing is on the ledger."""
    row = _finding_job(target.using).row(**_names(target))
    if row is None:
        return None
    state, run_id, signature, original_version = row
    return Job(JobState(state), run_id, Tried(signature, original_version))


def jobs_of(
    using: str, model_label: str, field_name: str, object_pks: Collection[str]
) -> dict[str, Job]:
    """Return the jobs of one field that are on the ledger, by primary key of their objects."""
    rows = _makers(using).filter(
        model_label=model_label, field_name=field_name, object_pk__in=object_pks
    )
    return {
        object_pk: Job(JobState(state), run_id, Tried(signature, version))
        for object_pk, state, run_id, signature, version in rows.values_list(
            "object_pk", "state", "run_id", "signature", "original_version"
        )
    }


def settle_failed(
    using: str, model_label: str, field_name: str, object_pks: Collection[str]
) -> int:
    """Delete the failed jobs of images whose renditions are all made by now; return how many.

    A row that another transaction has locked stays: a save or a retry has it.
    """
    failed = _makers(using).filter(
        state=JobState.FAILED,
        model_label=model_label,
        field_name=field_name,
        object_pk__in=object_pks,
    )

    def delete_part() -> int:
        with transaction.atomic(using=using):
            return _jobs(using).filter(pk__in=_lock_free(failed)).delete()[0]

    return _in_parts(delete_part)


def _fresh(signature: Any) -> dict[str, Any]:
    return {
        "state": JobState.QUEUED,
        "signature": signature,
        "enqueuer_started_at": STARTED_AT,
        "is_new_upload": False,
        "attempts": 0,
        "due_at": Now(),
        "hinted_at": Now(),
        **_no_failure(),
        "original_version": "",
        "trace": "",
        "queued_at": Now(),
        "changed_at": Now(),
    }


def _for_run(signature: str, run: WarmRun) -> dict[str, Any]:
    return {**_fresh(signature), "force": run.force, "run_id": run.pk, "hinted_at": None}


def _insert(target: JobTarget, values: Mapping[str, Any]) -> bool:
    try:
        with transaction.atomic(using=target.using):
            WarmJob.objects.using(target.using).create(**_names(target), **values)
    except IntegrityError:
        return False
    return True


def _put(target: JobTarget, signature: str, force: bool, is_new_upload: bool, trace: str) -> Row:
    """Write a new generation of the job; return its key, its generation and its run."""
    [row] = _putting_job(target.using, STARTED_AT).rows(
        **_names(target),
        signature=signature,
        force=force,
        is_new_upload=is_new_upload,
        trace=trace,
    )
    return row


def _put_in_steps(
    target: JobTarget, signature: str, force: bool, is_new_upload: bool, trace: str
) -> Row:
    """Do the same on a database without INSERT ... ON CONFLICT ... RETURNING."""
    fresh = {**_fresh(signature), "is_new_upload": is_new_upload, "trace": trace}
    jobs = _of(target)
    raised = {**fresh, "generation": F("generation") + 1, "force": force or F("force")}
    for _ in range(INSERT_TRIES):
        if jobs.update(**raised) or _insert(target, {**fresh, "force": force}):
            break
    return jobs.values_list("pk", "generation", "run_id").get()


def _leave_run(target: JobTarget, run_id: int) -> None:
    """Take the job, whose row is locked, out of its bulk run, which counts it as superseded."""
    if _of(target).filter(run_id=run_id).update(run=None):
        count_superseded(target.using, run_id)


# ---- work --------------------------------------------------------------------------------------


def claim(
    hint: Hint,
    *,
    task_id: str,
    worker: str,
    lease_s: int,
    max_attempts: int,
) -> Claim | None:
    """Take the lease of a job, and count the attempt before anything is opened.

    Args:
        task_id: Of the message; `release_task` frees the lease if its process dies.
        worker: Node name; `release_worker` frees the leases of a dead worker.
        lease_s: Longer than the task may run.

    Returns:
        None if there is nothing to do: the job is done, overtaken, leased, not due, or its run is
        paused. A job without attempts left, whose worker never came back, fails as poison.
    """
    # Two deliveries of a message share a task id, so each lease has a token of its own.
    token = secrets.token_hex(8)
    is_taken = _taking_lease(hint.using, lease_s, max_attempts).write(
        job_id=hint.job_id, generation=hint.generation, token=token, task=task_id, worker=worker
    )
    if not is_taken:
        waiting = _waiting(hint.using, hint.job_id, hint.generation)
        _fail_poisoned(waiting.filter(attempts__gte=max_attempts), max_attempts)
        return None
    # A save may overtake the claim here already: then it is not valid. Or it deletes the row.
    row = _reading_leased(hint.using).row(job_id=hint.job_id, token=token)
    if row is None:
        return None
    model_label, object_pk, field_name, removed_name, *rest = row
    signature, started_at, attempt, force, is_new, run_id, takes, ppoi, *rest = rest
    trace, queued_at, due_at, claimed_at = rest
    return Claim(
        job_id=hint.job_id,
        generation=hint.generation,
        target=JobTarget(hint.using, model_label, object_pk, field_name, removed_name),
        signature=signature,
        enqueuer_started_at=started_at,
        attempt=attempt,
        force=force,
        is_new_upload=is_new,
        run_id=run_id,
        token=token,
        removal=Removal(Takes(takes), ppoi, aware(hint.using, queued_at)) if takes else None,
        waited_s=(claimed_at - due_at).total_seconds(),
        age_s=(claimed_at - queued_at).total_seconds(),
        trace=trace,
    )


def holds(claim: Claim) -> bool:
    """Whether the claim is still valid: not overtaken by a save, and not claimed again."""
    return _finding_held(claim.target.using).row(**_lease(claim)) is not None


def settle(claim: Claim, *, counted: str, told: Sequence[Event] = ()) -> bool:
    """Delete the job, because everything is made; False if the claim is no longer valid.

    Args:
        counted: Which count of the bulk run goes up: `created`, `current` or `blank`.
        told: What receivers are told of it.
    """
    using = claim.target.using
    # One statement is a transaction by itself.
    is_one = claim.run_id is None and not told
    with nullcontext() if is_one else transaction.atomic(using=using):
        if not _deleting_held(using).write(**_lease(claim)):
            return False
        count(using, claim.run_id, **{counted: 1})
        events.save(using, told)
    return True


def postpone(claim: Claim, failures: Sequence[Failure], *, delay_s: float) -> bool:
    """Let the job be tried again in `delay_s`; False if the claim is no longer valid."""
    later = Now() + timedelta(seconds=delay_s)
    held = _held(claim.target.using, **_lease(claim))
    return bool(held.update(**_ended(JobState.QUEUED, failures), due_at=later))


def give_up(
    claim: Claim,
    failures: Sequence[Failure],
    tried: Tried | None = None,
    told: Sequence[Event] = (),
) -> bool:
    """Mark the job as failed, with the reasons; False if the claim is no longer valid.

    Args:
        tried: What the attempt was about; by default it is looked up now.
        told: What receivers are told of the renditions that were made.
    """
    tried = tried or tried_now(claim.target)
    with transaction.atomic(using=claim.target.using):
        held = _held(claim.target.using, **_lease(claim))
        kept = held.update(**_given_up(failures, tried))
        if kept:
            count(claim.target.using, claim.run_id, failed=1)
            events.save(claim.target.using, [*told, *events.of_failed(claim.target, failures)])
    return bool(kept)


def release_overtaken(claim: Claim) -> Hint | None:
    """Free the lease of a claim that a save has overtaken; return a hint for the newer generation.

    None if another worker has the job, or the job was deleted.
    """
    row = _jobs(claim.target.using).filter(pk=claim.job_id)
    if not row.filter(lease_token=claim.token).update(**_unleased(), hinted_at=Now()):
        return None
    generation = row.values_list("generation", flat=True).first()
    return Hint(claim.target.using, claim.job_id, generation) if generation else None


def release_task(using: str, task_id: str, *, delay_s: float, detail: str = "") -> int:
    """Free the lease of a task that died, and note why in `detail`; the attempt stays counted."""
    return _release(_jobs(using).filter(lease_task=task_id), delay_s, detail)


@dataclass(frozen=True, slots=True)
class CutOff:
    """A job whose process is gone."""

    target: JobTarget
    attempt: int  # that was cut off; 1 for the first


def held_by_task(using: str, task_id: str) -> list[CutOff]:
    """Return the job that the task with this id has, if any."""
    held = _jobs(using).filter(lease_task=task_id, lease_until__isnull=False)
    columns = ("attempts", "model_label", "object_pk", "field_name", "removed_name")
    return [
        CutOff(JobTarget(using, *target), attempt)
        for attempt, *target in held.values_list(*columns)
    ]


def release_worker(using: str, worker: str, *, spread_s: float = 0) -> int:
    """Free all leases of a dead worker; the attempts stay counted.

    Args:
        spread_s: Jobs that were cut off before wait a random time up to this. One of them may have
            killed the worker, and the others should not run beside it again.
    """
    held = _jobs(using).filter(lease_worker=worker, lease_until__isnull=False)
    freed = 0
    # One UPDATE per row: never wait for a lock while holding others (deadlock).
    for pk, attempts in list(held.values_list("pk", "attempts")):
        delay_s = random.uniform(0, spread_s) if attempts > 1 else 0  # noqa: S311
        freed += _release(held.filter(pk=pk), delay_s, "")
    return freed


def _release(job: models.QuerySet[WarmJob], delay_s: float, detail: str) -> int:
    # If a save has overtaken the lost attempt, the row is queued already: it keeps its due time,
    # and `detail` does not concern it.
    # SQLite compares times as texts. `Now() + 0` has more digits than `Now()` and sorts after it.
    due_at = Now() + timedelta(seconds=delay_s) if delay_s else Now()
    later = When(state=JobState.WARMING, then=due_at)
    known = When(state=JobState.WARMING, then=Value(detail, output_field=models.TextField()))
    return job.filter(lease_until__isnull=False).update(
        **_unleased(),
        state=JobState.QUEUED,
        due_at=Case(later, default=F("due_at")),
        detail=Case(known, default=F("detail")),
        hinted_at=None,
        changed_at=Now(),
    )


def _fail_poisoned(jobs: models.QuerySet[WarmJob], max_attempts: int) -> None:
    """Fail `jobs`, one at most: each attempt was started and none came back."""
    for job in jobs:
        poisoned = jobs.filter(run_id=job.run_id) if job.run_id else jobs.filter(run__isnull=True)
        detail = f"{max_attempts} attempts."
        if job.detail:
            detail = f"{detail} Last error: {job.detail}"
        target = JobTarget(
            jobs.db, job.model_label, job.object_pk, job.field_name, job.removed_name
        )
        failure = Failure.of_job(WorkerDied(detail))
        given_up = _given_up([failure], tried_now(target))
        with transaction.atomic(using=jobs.db):
            if poisoned.update(**given_up):
                count(jobs.db, job.run_id, failed=1)
                events.save(jobs.db, events.of_failed(target, [failure]))
                metrics.note_ended(job.model_label, metrics.JobResult.FAILED, failure.kind)
                job_log.poisoned(target, max_attempts, failure)


def _given_up(failures: Sequence[Failure], tried: Tried) -> dict[str, Any]:
    return {
        **_ended(JobState.FAILED, failures),
        "signature": tried.signature,
        "original_version": tried.original_version,
        "due_at": None,
        "run": None,
    }


def _ended(state: JobState, failures: Sequence[Failure]) -> dict[str, Any]:
    return {
        **_unleased(),
        "state": state,
        "kind": failures[0].kind,
        "headline": failures[0].headline,
        "detail": failures[0].detail,
        "failures": [failure.as_json() for failure in failures],
        "hinted_at": None,
        "changed_at": Now(),
    }


def _no_failure() -> dict[str, Any]:
    return {"kind": "", "headline": "", "detail": "", "failures": []}


def _unleased() -> dict[str, Any]:
    return {"lease_until": None, "lease_token": "", "lease_task": "", "lease_worker": ""}


# ---- retry and sweep ---------------------------------------------------------------------------


def retry(jobs: models.QuerySet[WarmJob]) -> int:
    """Queue the failed ones of `jobs` again, with all their attempts; return how many.

    They make what their fields declare now.
    """
    failed, retried, last = jobs.filter(state=JobState.FAILED).order_by("pk"), 0, 0
    while part := list(failed.filter(pk__gt=last).values_list("pk", flat=True)[:ROWS_AT_ONCE]):
        last = part[-1]
        retried += _update_part(
            _jobs(jobs.db).filter(pk__in=part, state=JobState.FAILED),
            state=JobState.QUEUED,
            signature="",
            **_no_failure(),
            generation=F("generation") + 1,
            attempts=0,
            due_at=Now(),
            hinted_at=None,
            trace="",
            changed_at=Now(),
        )
    return retried


def retry_target(target: JobTarget) -> Hint | None:
    """Queue the failed job of `target` again; return its hint, or None if no job has failed."""
    if not retry(_of(target)):
        return None
    found = _of(target).values_list("pk", "generation").first()
    if found is None:
        return None
    hint = Hint(target.using, *found)
    mark_hinted(target.using, [hint])
    return hint


def due(using: str, limit: int, work: Work, *, resend_after_s: int) -> list[Hint]:
    """Return hints for at most `limit` jobs that are due and not leased, oldest first.

    Args:
        work: Which jobs.
        resend_after_s: A job that was hinted less than this ago is left out: its message is most
            likely still in the queue.
    """
    oldest = Now() - timedelta(seconds=resend_after_s)
    stale = Q(hinted_at__isnull=True) | Q(hinted_at__lt=oldest)
    # The database's clock was set back.
    stale |= Q(hinted_at__gt=Now())
    wanted = {
        Work.SAVES: Q(run__isnull=True, takes__isnull=True),
        Work.REMOVALS: Q(takes__isnull=False),
        Work.RUNS: Q(run__state=RunState.RUNNING),
    }[work]
    rows = (
        _jobs(using)
        .filter(_claimable(), stale, wanted)
        .order_by("due_at", "pk")
        .values_list("pk", "generation")[:limit]
    )
    return [Hint(using, job_id, generation, work.is_bulk) for job_id, generation in rows]


def mark_hinted(using: str, hints: Iterable[Hint]) -> None:
    """Note that a message was sent just now for each of `hints`."""
    job_ids = [hint.job_id for hint in hints]
    for start in range(0, len(job_ids), ROWS_AT_ONCE):
        part = job_ids[start : start + ROWS_AT_ONCE]
        _update_part(_jobs(using).filter(pk__in=part), hinted_at=Now())


def mark_unhinted(hint: Hint) -> None:
    """Note that no message was sent for `hint`: the next sweep sends one."""
    _jobs(hint.using).filter(pk=hint.job_id, generation=hint.generation).update(hinted_at=None)


def clamp_times(using: str, *, lease_s: float, delay_s: float) -> int:
    """Correct times that are further in the future than possible; return how many rows.

    They exist if the database's clock was set back. Without this, jobs wait until the clock has
    caught up.

    Args:
        lease_s: The longest lease. A longer one ends after this, counted from now.
        delay_s: The longest wait for another attempt.
    """
    lease_end, latest = Now() + timedelta(seconds=lease_s), Now() + timedelta(seconds=delay_s)
    leased = _jobs(using).filter(lease_until__gt=lease_end).order_by("lease_until")
    late = _jobs(using).filter(due_at__gt=latest).order_by("due_at")
    clamped = [
        _update_unlocked(leased, lease_until=lease_end),
        # Jobs of saves, removals and jobs of runs have an index each.
        _update_unlocked(late.filter(run__isnull=True, takes__isnull=True), due_at=Now()),
        _update_unlocked(late.filter(takes__isnull=False), due_at=Now()),
        _update_unlocked(late.filter(run__isnull=False), due_at=Now()),
    ]
    return max(clamped)


# ---- removals ----------------------------------------------------------------------------------


def owe_removal(target: JobTarget, takes: Takes, ppoi: str, *, delay_s: int) -> Hint:
    """Put a removal on the ledger; call it in the transaction of the change.

    Args:
        target: It names the picture that its row no longer shows.
        ppoi: The focal point of that picture, as text.
        delay_s: Nothing is taken away before.
    """
    about = {"removed_name": target.removed_name, "removed_ppoi": ppoi, "takes": takes}
    with transaction.atomic(using=target.using, savepoint=False):
        if can_insert_or_update(target.using):
            removal = _putting_removal(target.using, STARTED_AT, delay_s)
            [(job_id, generation)] = removal.rows(**_names(target), **about)
        else:
            job_id, generation = _put_removal_in_steps(target, about, delay_s)
    return Hint(target.using, job_id, generation, bulk=True)


def _put_removal_in_steps(target: JobTarget, about: Mapping[str, Any], delay_s: int) -> Row:
    """Put a removal on a database without INSERT ... ON CONFLICT ... RETURNING."""
    fresh, jobs = {**_fresh_removal(delay_s), **about}, _of(target)
    raised = {**fresh, "generation": F("generation") + 1}
    if about["takes"] != Takes.ALL:
        # The same picture may be owed to be taken away already, with its original.
        del raised["takes"]
    for _ in range(INSERT_TRIES):
        if jobs.update(**raised) or _insert(target, fresh):
            break
    return jobs.values_list("pk", "generation").get()


def _fresh_removal(delay_s: int) -> dict[str, Any]:
    due_at = Now() + timedelta(seconds=delay_s) if delay_s else Now()
    return {**_fresh(""), "due_at": due_at, "hinted_at": None if delay_s else Now()}


def is_removal_owed(target: JobTarget) -> bool:
    """Whether a removal of the same picture with its original waits, for whatever instance."""
    waiting = _removals(target.using, target.removed_name).filter(
        model_label=target.model_label,
        field_name=target.field_name,
        takes=Takes.ALL,
        state=JobState.QUEUED,
        is_begun=False,
    )
    return waiting.exists()


def put_off_removals(using: str, name: str, *, delay_s: int) -> bool:
    """Put off all removals of `name`, which a new upload is about to get.

    After `delay_s` they find out whether a row shows the upload.

    Returns:
        Whether the upload needs another name: one of them has begun to delete files, so that it
        cannot be put off. Or a worker still has the former picture, and may publish a rendition of
        it over one of the upload.
    """
    removals = _removals(using, name)
    if not removals.exists():
        return False
    removals.filter(is_begun=False).update(
        state=JobState.QUEUED,
        generation=F("generation") + 1,
        attempts=0,
        **_no_failure(),
        due_at=Now() + timedelta(seconds=delay_s),
        hinted_at=None,
        changed_at=Now(),
    )
    return removals.filter(Q(is_begun=True) | Exists(_leased_makers(using))).exists()


def _leased_makers(using: str) -> models.QuerySet[WarmJob]:
    """Return the jobs in progress that make renditions of the image of an outer removal."""
    image = {name: OuterRef(name) for name in ("model_label", "object_pk", "field_name")}
    return _makers(using).filter(**image, lease_until__gt=Now()).order_by()


def begin_removal(claim: Claim) -> bool:
    """Note that files are going to be deleted; False if the claim is no longer valid.

    The row is locked until the transaction ends, so that no upload can put off the removal.
    """
    held = _held(claim.target.using, **_lease(claim))
    return bool(held.update(is_begun=True, changed_at=Now()))


def is_in_progress(target: JobTarget) -> bool:
    """Whether a worker has the job for `target`, even if a save has overtaken it."""
    return _of(target).filter(lease_until__gt=Now()).exists()


def wait(claim: Claim, *, delay_s: float) -> bool:
    """Let the job be claimed again in `delay_s`; the attempt does not count."""
    held = _held(claim.target.using, **_lease(claim))
    return bool(
        held.update(
            **_unleased(),
            state=JobState.QUEUED,
            attempts=F("attempts") - 1,
            due_at=Now() + timedelta(seconds=delay_s),
            hinted_at=None,
            changed_at=Now(),
        )
    )


def _removals(using: str, name: str) -> models.QuerySet[WarmJob]:
    return _jobs(using).filter(takes__isnull=False, removal=removal_of(name))


# ---- bulk runs ---------------------------------------------------------------------------------


def count(using: str, run_id: int | None, **counts: int) -> None:
    """Add to the counts of a run; call it in the transaction that changes the counted jobs."""
    if run_id is not None:
        WarmRun.objects.using(using).filter(pk=run_id).update(
            **{name: F(name) + number for name, number in counts.items()}, changed_at=Now()
        )


def count_superseded(using: str, run_id: int) -> None:
    """Count one instance of a run as superseded, without a lock on the run."""
    SupersededJob.objects.using(using).create(run_id=run_id)


def fold_superseded(using: str, run_id: int) -> None:
    """Add the rows of the superseded jobs of a run to its counter, and delete them."""
    rows = SupersededJob.objects.using(using)

    def fold_part() -> int:
        with transaction.atomic(using=using):
            folded, _ = rows.filter(pk__in=_lock_free(rows.filter(run_id=run_id))).delete()
            count(using, run_id, superseded_counted=folded)
        return folded

    _in_parts(fold_part)


def fold_all_superseded(using: str) -> None:
    """Do so for every run."""
    rows = SupersededJob.objects.using(using)
    for run_id in list(rows.order_by().values_list("run_id", flat=True).distinct()):
        fold_superseded(using, run_id)


def clear_hints(using: str, run_id: int) -> None:
    """Let messages for all jobs of a run be sent at once, even if some were sent just now."""
    hinted = _jobs(using).filter(run_id=run_id, hinted_at__isnull=False)
    _update_unlocked(hinted.order_by("due_at"), hinted_at=None)


def delete_run_jobs(using: str, run_id: int) -> None:
    """Delete the queued jobs of a run and count them as cancelled; jobs in progress go on."""
    waiting = _jobs(using).filter(run_id=run_id, state=JobState.QUEUED).order_by("due_at")

    def delete_part() -> int:
        with transaction.atomic(using=using):
            deleted, _ = _jobs(using).filter(pk__in=_lock_free(waiting)).delete()
            count(using, run_id, cancelled=deleted)
        return deleted

    _in_parts(delete_part)


# ---- rows --------------------------------------------------------------------------------------


def _update_unlocked(jobs: models.QuerySet[WarmJob], **values: Any) -> int:
    """Update those of `jobs` that no other transaction has locked; return how many.

    Each transaction changes a part of them, so a save waits for one part at most. An updated row
    must no longer be one of `jobs`.
    """
    return _in_parts(lambda: _update_part(jobs, **values))


def _in_parts(change: Callable[[], int]) -> int:
    """Call `change`, which changes some rows, until it finds no more; return how many it found."""
    changed, part = 0, ROWS_AT_ONCE
    while part == ROWS_AT_ONCE:
        part = change()
        changed += part
    return changed


def _update_part(jobs: models.QuerySet[WarmJob], **values: Any) -> int:
    with transaction.atomic(using=jobs.db):
        return _jobs(jobs.db).filter(pk__in=_lock_free(jobs)).update(**values)


def _lock_free(rows: models.QuerySet[Table]) -> Any:
    """Lock some of `rows` that no other transaction has locked, and return their keys.

    Where many rows may match, they have the order of an index: PostgreSQL takes a part of them from
    the whole table if it believes that they are all over it.
    """
    # Without the order of the model, which is another one than that of the index.
    ordered = rows if rows.query.order_by else rows.order_by()
    keys = ordered.values_list("pk", flat=True)
    if not connections[rows.db].features.has_select_for_update_skip_locked:
        return keys[:ROWS_AT_ONCE]
    # SKIP LOCKED: waiting here while holding rows could deadlock with a save. A list: PostgreSQL
    # may read the whole table to find the rows of a subquery.
    return list(keys.select_for_update(skip_locked=True)[:ROWS_AT_ONCE])


def _claimable() -> Q:
    return Q(
        Q(lease_until__isnull=True) | Q(lease_until__lt=Now()),
        state__in=[JobState.QUEUED, JobState.WARMING],
        due_at__lte=Now(),
    )


def _jobs(using: str) -> models.QuerySet[WarmJob]:
    return WarmJob.objects.using(using)


def _makers(using: str) -> models.QuerySet[WarmJob]:
    """Return the jobs that make renditions."""
    return _jobs(using).filter(removal="")


def _of(target: JobTarget) -> models.QuerySet[WarmJob]:
    return _jobs(target.using).filter(**_names(target))


def _waiting(using: str, job_id: Any, generation: Any) -> models.QuerySet[WarmJob]:
    """Return the row of a message, if a worker may claim it."""
    halted = WarmRun.objects.using(using).filter(state__in=HALTED).values("pk")
    waiting = _jobs(using).filter(_claimable(), pk=job_id, generation=generation)
    return waiting.exclude(run__in=halted)


def _held(using: str, job_id: Any, generation: Any, token: Any) -> models.QuerySet[WarmJob]:
    """Return the row of a claim, if the claim is valid."""
    return _jobs(using).filter(
        pk=job_id, generation=generation, lease_token=token, state=JobState.WARMING
    )


def _names(target: JobTarget) -> dict[str, str]:
    return {name: getattr(target, name) for name in TARGET}


def _lease(claim: Claim) -> dict[str, Any]:
    return {"job_id": claim.job_id, "generation": claim.generation, "token": claim.token}


# ---- the queries of each save and each job, built once -------------------------------------------

# The columns that tell one job from all others.
TARGET = ("model_label", "object_pk", "field_name", "removal")
_ANY_TARGET: dict[str, Any] = {name: Param(name) for name in TARGET}
_ANY_LEASE: dict[str, Any] = {name: Param(name) for name in ("job_id", "generation", "token")}


@functools.cache
def _putting_job(using: str, started_at: datetime) -> Prepared:
    fresh = {
        **_fresh(Param("signature")),
        "enqueuer_started_at": started_at,
        "is_new_upload": Param("is_new_upload"),
        "trace": Param("trace"),
    }
    return Prepared.insert_or_update(
        WarmJob(**_ANY_TARGET, **fresh, force=Param("force")),
        using,
        unique=TARGET,
        copied=fresh,
        # A later save must not clear `force`: the files are stale until the job is done.
        raised={"generation": "{old} + 1", "force": "{old} OR {new}"},
        returned=("id", "generation", "run_id"),
    )


@functools.cache
def _putting_removal(using: str, started_at: datetime, delay_s: int) -> Prepared:
    about = {name: Param(name) for name in ("removed_name", "removed_ppoi", "takes")}
    fresh = {**_fresh_removal(delay_s), "enqueuer_started_at": started_at, **about}
    return Prepared.insert_or_update(
        WarmJob(**_ANY_TARGET, **fresh),
        using,
        unique=TARGET,
        copied=fresh.keys() - {"takes"},
        # The same picture may be owed to be taken away already, with its original.
        raised={
            "generation": "{old} + 1",
            "takes": f"CASE WHEN {{new}} = '{Takes.ALL}' THEN {{new}} ELSE {{old}} END",
        },
        returned=("id", "generation"),
    )


@functools.cache
def _finding_job(using: str) -> Prepared:
    columns = ("state", "run_id", "signature", "original_version")
    return Prepared.select(_jobs(using).filter(**_ANY_TARGET).values_list(*columns))


@functools.cache
def _locking_job(using: str) -> Prepared:
    jobs = _jobs(using).filter(**_ANY_TARGET)
    return Prepared.select(jobs.select_for_update().values_list("run_id"))


@functools.cache
def _taking_lease(using: str, lease_s: int, max_attempts: int) -> Prepared:
    waiting = _waiting(using, Param("job_id"), Param("generation"))
    return Prepared.update(
        waiting.filter(attempts__lt=max_attempts),
        state=JobState.WARMING,
        attempts=F("attempts") + 1,
        lease_until=Now() + timedelta(seconds=lease_s),
        lease_token=Param("token"),
        lease_task=Param("task"),
        lease_worker=Param("worker"),
        changed_at=Now(),
    )


@functools.cache
def _reading_leased(using: str) -> Prepared:
    leased = _jobs(using).filter(pk=Param("job_id"), lease_token=Param("token"))
    named = ("model_label", "object_pk", "field_name", "removed_name")
    about = ("signature", "enqueuer_started_at", "attempts", "force", "is_new_upload", "run_id")
    of_removal = ("takes", "removed_ppoi")
    # The claim has just changed the row.
    times = ("queued_at", "due_at", "changed_at")
    return Prepared.select(leased.values_list(*named, *about, *of_removal, "trace", *times))


@functools.cache
def _finding_held(using: str) -> Prepared:
    return Prepared.select(_held(using, **_ANY_LEASE).values_list("pk"))


@functools.cache
def _deleting_held(using: str) -> Prepared:
    return Prepared.delete(_held(using, **_ANY_LEASE))
