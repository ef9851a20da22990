"""Every transition of the ledger, each one guarded UPDATE.

            owe                                       claim (lease free)
  (no row) ─────► queued ──────────────────────────────────────────► warming
                  ▲   ▲ ▲                                             │ │ │
       retry, owe │   │ └───── postpone, release: due later ──────────┘ │ └─► settle: row deleted
                 failed ◄────────── give up, bury: permanent, poison ───┘

Times are the database's (`Now()`): one clock for all workers. A guard names generation and lease
token, so what an overtaken worker writes hits no row.
"""

import random
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, connections, models, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now
from django.utils import timezone

from .models import JobState, RunState, SupersededJob, WarmJob, WarmRun
from .targets import JobTarget

POISON = "poison"
# Of this process, by its own clock: all there is to tell an older release from a newer one.
STARTED_AT = timezone.now()
# No job of such a run is begun.
HALTED = (RunState.PAUSED, RunState.CANCELLED)
# Between the UPDATE that finds no row and the INSERT that finds one, somebody's row may come, and
# go again before the next UPDATE. That many times in a row it does not.
INSERT_TRIES = 5


@dataclass(frozen=True, slots=True)
class Hint:
    """What a message says: look at this row. It may be stale, doubled or lost."""

    using: str
    job_id: int
    generation: int
    bulk: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a row, until its lease ends."""

    job_id: int
    generation: int
    target: JobTarget
    signature: str  # of what was owed where the row was written; blank: whatever is declared
    enqueuer_started_at: datetime | None  # when the process that wrote the row had started
    attempt: int  # 1 for the first
    force: bool
    run_id: int | None
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one rendition, or all of them, could not be made."""

    path: str  # on the field's storage
    kind: str
    reason: str


# ---- owing -----------------------------------------------------------------------------------


def enqueue(target: JobTarget, signature: str, *, force: bool = False) -> Hint:
    """Make the row say: all of this is owed, from now on and as of this save.

    Call it in the transaction of the save. An attempt that is going on is overtaken; one that
    failed is forgiven.
    """
    with transaction.atomic(using=target.using):
        _leave_run(target)
        fresh = _fresh(signature)
        jobs = _of(target)
        # A forced job stays forced until it is done, whatever is saved between.
        raised = {**fresh, "generation": F("generation") + 1, "force": force or F("force")}
        for _ in range(INSERT_TRIES):
            if jobs.update(**raised) or _insert(target, {**fresh, "force": force}):
                break
        job_id, generation = jobs.values_list("pk", "generation").get()
    return Hint(target.using, job_id, generation)


def enqueue_for_run(target: JobTarget, signature: str, run: WarmRun) -> JobState | None:
    """Put a row for a bulk run, unless there is one; return the state of the one there was."""
    with transaction.atomic(using=target.using):
        values = {**_fresh(signature), "force": run.force, "run_id": run.pk, "hinted_at": None}
        if _insert(target, values):
            return None
        state = _of(target).values_list("state", flat=True).first()
    return JobState(state) if state else JobState.QUEUED


def delete_job(target: JobTarget) -> None:
    """Owe nothing any more: the instance or its picture is gone."""
    with transaction.atomic(using=target.using):
        _leave_run(target)
        _of(target).delete()


def signature_of(target: JobTarget, *, include_warming: bool = True) -> str | None:
    """Return what is owed to a save, or None where nothing is.

    What only a bulk run has put there is owed to nobody: the run may be cancelled.

    Args:
        include_warming: Also where an attempt at it is going on.
    """
    rows = _of(target).filter(run__isnull=True)
    rows = rows if include_warming else rows.exclude(state=JobState.WARMING)
    return rows.values_list("signature", flat=True).first()


def _fresh(signature: str) -> dict[str, Any]:
    return {
        "state": JobState.QUEUED,
        "signature": signature,
        "enqueuer_started_at": STARTED_AT,
        "attempts": 0,
        "due_at": Now(),
        "hinted_at": Now(),
        "kind": "",
        "error": "",
        "failures": [],
        "queued_at": Now(),
        "changed_at": Now(),
    }


def _insert(target: JobTarget, values: Mapping[str, Any]) -> bool:
    try:
        with transaction.atomic(using=target.using):
            WarmJob.objects.using(target.using).create(
                model_label=target.model_label,
                object_pk=target.object_pk,
                field_name=target.field_name,
                **values,
            )
    except IntegrityError:
        return False
    return True


def _leave_run(target: JobTarget) -> None:
    """Take the row out of its bulk run, which counts it as superseded."""
    for run_id in _of(target).filter(run__isnull=False).values_list("run_id", flat=True):
        if _of(target).filter(run_id=run_id).update(run=None):
            count_superseded(target.using, run_id)


# ---- working ---------------------------------------------------------------------------------


def claim(
    hint: Hint, *, task_id: str, worker: str, lease_s: int, max_attempts: int
) -> Claim | None:
    """Take the lease of the row, and count the attempt before anything is opened.

    Args:
        task_id: Of the message; `release_task` frees the lease if its process dies.
        worker: Node name; `release_worker` frees the leases of one that is gone.
        lease_s: Longer than the task may run.

    Returns:
        None where there is nothing to do: done, overtaken, taken, not due, of a run that is
        paused, or used up. A row whose attempts are used up and whose worker never came back is
        buried as poison.
    """
    # A message may be delivered twice: by its task id a zombie would pass for its double.
    token = secrets.token_hex(8)
    waiting = _jobs(hint.using).filter(_claimable(), pk=hint.job_id, generation=hint.generation)
    halted = WarmRun.objects.using(hint.using).filter(state__in=HALTED).values("pk")
    waiting = waiting.exclude(run__in=halted)
    with transaction.atomic(using=hint.using):
        taken = waiting.filter(attempts__lt=max_attempts).update(
            state=JobState.WARMING,
            attempts=F("attempts") + 1,
            lease_until=Now() + timedelta(seconds=lease_s),
            lease_token=token,
            lease_task=task_id,
            lease_worker=worker,
            changed_at=Now(),
        )
        if not taken:
            _fail_poisoned(hint.using, waiting.filter(attempts__gte=max_attempts), max_attempts)
            return None
        job = _jobs(hint.using).get(pk=hint.job_id)
    return Claim(
        job_id=job.pk,
        generation=job.generation,
        target=JobTarget(hint.using, job.model_label, job.object_pk, job.field_name),
        signature=job.signature,
        enqueuer_started_at=job.enqueuer_started_at,
        attempt=job.attempts,
        force=job.force,
        run_id=job.run_id,
        token=token,
    )


def holds(claim: Claim) -> bool:
    """Whether the claim still stands: not overtaken by a save, not expired and taken over."""
    return _held(claim).exists()


def settle(claim: Claim, *, counted: str) -> bool:
    """All is made: delete the row and count it. False where the claim no longer stands.

    Args:
        counted: The count of the bulk run that gains one: `created`, `current` or `blank`.
    """
    with transaction.atomic(using=claim.target.using):
        # The UPDATE takes the row's lock, so no save can come between it and the DELETE.
        if not _held(claim).update(lease_until=None):
            return False
        _jobs(claim.target.using).filter(pk=claim.job_id).delete()
        count(claim.target.using, claim.run_id, **{counted: 1})
    return True


def postpone(claim: Claim, failures: Sequence[Failure], *, delay_s: float) -> bool:
    """Try again in `delay_s`. False where the claim no longer stands."""
    later = Now() + timedelta(seconds=delay_s)
    return bool(_held(claim).update(**_ended(JobState.QUEUED, failures), due_at=later))


def give_up(claim: Claim, failures: Sequence[Failure]) -> bool:
    """Keep the row as failed, with the reasons. False where the claim no longer stands."""
    with transaction.atomic(using=claim.target.using):
        kept = _held(claim).update(**_ended(JobState.FAILED, failures), run=None)
        if kept:
            count(claim.target.using, claim.run_id, failed=1)
    return bool(kept)


def release_overtaken(claim: Claim) -> Hint | None:
    """Free the lease of a claim that was overtaken; return a hint of what is owed now, if any."""
    row = _jobs(claim.target.using).filter(pk=claim.job_id)
    if not row.filter(lease_token=claim.token).update(**_unleased(), hinted_at=Now()):
        return None
    generation = row.values_list("generation", flat=True).first()
    return Hint(claim.target.using, claim.job_id, generation) if generation else None


def release_task(using: str, task_id: str, *, delay_s: float, reason: str = "") -> int:
    """Free the lease of a task that is gone, and note why; the attempt stays counted."""
    return _release(_jobs(using).filter(lease_task=task_id), delay_s, reason)


def release_worker(using: str, worker: str, *, spread_s: float = 0) -> int:
    """Free all leases of a worker that is gone; the attempts stay counted.

    Args:
        spread_s: Jobs that were cut off before wait up to this long, by chance: one of them may be
            what killed the worker, and the others should not be beside it again.
    """
    held = _jobs(using).filter(lease_worker=worker, lease_until__isnull=False)
    freed = 0
    # One at a time, because each is to be freed, and whoever waits for a save must hold nothing.
    for pk, attempts in list(held.values_list("pk", "attempts")):
        delay_s = random.uniform(0, spread_s) if attempts > 1 else 0  # noqa: S311
        freed += _release(held.filter(pk=pk), delay_s, "")
    return freed


def _release(job: models.QuerySet[WarmJob], delay_s: float, reason: str) -> int:
    # A save that overtook the lost attempt has queued the row already: it need not wait, and the
    # reason is not its own.
    # SQLite compares times as texts, and a sum has more digits than the same moment without one.
    due_at = Now() + timedelta(seconds=delay_s) if delay_s else Now()
    later = When(state=JobState.WARMING, then=due_at)
    known = When(state=JobState.WARMING, then=Value(reason, output_field=models.TextField()))
    return job.filter(lease_until__isnull=False).update(
        **_unleased(),
        state=JobState.QUEUED,
        due_at=Case(later, default=F("due_at")),
        error=Case(known, default=F("error")),
        hinted_at=None,
        changed_at=Now(),
    )


def _fail_poisoned(using: str, jobs: models.QuerySet[WarmJob], max_attempts: int) -> None:
    for run_id, last in list(jobs.values_list("run_id", "error")):
        buried = jobs.filter(run_id=run_id) if run_id else jobs.filter(run__isnull=True)
        error = (
            f"It was begun {max_attempts} times and its worker died, was killed or met an error "
            "each time. Replace the picture, or give the workers more memory or time, then retry."
        )
        failure = Failure("", POISON, f"{error} The last time: {last}" if last else error)
        if buried.update(**_ended(JobState.FAILED, [failure]), run=None):
            count(using, run_id, failed=1)


def _ended(state: JobState, failures: Sequence[Failure]) -> dict[str, Any]:
    return {
        **_unleased(),
        "state": state,
        "kind": failures[0].kind if failures else "",
        "error": failures[0].reason if failures else "",
        "failures": [
            {"path": each.path, "kind": each.kind, "reason": each.reason} for each in failures
        ],
        "hinted_at": None,
        "changed_at": Now(),
    }


def _unleased() -> dict[str, Any]:
    return {"lease_until": None, "lease_token": "", "lease_task": "", "lease_worker": ""}


# ---- retrying and sweeping -------------------------------------------------------------------


def retry(jobs: models.QuerySet[WarmJob]) -> int:
    """Queue the failed ones of `jobs` again, with all their attempts; return how many.

    What their fields declare by now is what they owe.
    """
    return _update_free(
        jobs.filter(state=JobState.FAILED),
        state=JobState.QUEUED,
        signature="",
        kind="",
        error="",
        failures=[],
        generation=F("generation") + 1,
        attempts=0,
        due_at=Now(),
        hinted_at=None,
        changed_at=Now(),
    )


def due(using: str, limit: int, *, bulk: bool, resend_after_s: int) -> list[Hint]:
    """Return hints for at most `limit` rows that are due and not leased, oldest first.

    A row that was hinted a moment ago is left out: its message is most likely on its way.
    """
    stale = Q(hinted_at__isnull=True) | Q(hinted_at__lt=Now() - timedelta(seconds=resend_after_s))
    owed = Q(run__state=RunState.RUNNING) if bulk else Q(run__isnull=True)
    rows = (
        _jobs(using)
        .filter(_claimable(), stale, owed)
        .order_by("due_at", "pk")
        .values_list("pk", "generation")[:limit]
    )
    return [Hint(using, job_id, generation, bulk) for job_id, generation in rows]


def mark_hinted(using: str, hints: Iterable[Hint]) -> None:
    """Note that a message has just been sent for each of `hints`."""
    _update_free(_jobs(using).filter(pk__in=[hint.job_id for hint in hints]), hinted_at=Now())


def mark_unhinted(hint: Hint) -> None:
    """Note that no message could be sent for `hint`: the next sweep does."""
    _jobs(hint.using).filter(pk=hint.job_id, generation=hint.generation).update(hinted_at=None)


def clamp_times(using: str, *, lease_s: float, delay_s: float) -> int:
    """Bring back times that lie further ahead than anybody writes them; return how many rows.

    The database's clock was set back since: without this a job would wait for it to catch up.

    Args:
        lease_s: The longest lease. One that seems longer gets this, from now on.
        delay_s: The longest wait for another attempt.
    """
    lease_end, latest = Now() + timedelta(seconds=lease_s), Now() + timedelta(seconds=delay_s)
    mended = [
        _update_free(_jobs(using).filter(lease_until__gt=lease_end), lease_until=lease_end),
        _update_free(_jobs(using).filter(due_at__gt=latest), due_at=Now()),
        _update_free(_jobs(using).filter(hinted_at__gt=Now()), hinted_at=None),
    ]
    return max(mended)


# ---- bulk runs -------------------------------------------------------------------------------


def count(using: str, run_id: int | None, **counts: int) -> None:
    """Add to the counts of a run, in the transaction that moves the jobs they count."""
    if run_id is not None:
        WarmRun.objects.using(using).filter(pk=run_id).update(
            **{name: F(name) + number for name, number in counts.items()}, changed_at=Now()
        )


def count_superseded(using: str, run_id: int) -> None:
    """Note that one instance of a run was left to a save or is gone; locks nothing of the run."""
    SupersededJob.objects.using(using).create(run_id=run_id)


def clear_hints(using: str, run_id: int) -> None:
    """Let the jobs of a run be sent at once, whatever was sent for them before."""
    _update_free(_jobs(using).filter(run_id=run_id), hinted_at=None)


def delete_run_jobs(using: str, run_id: int) -> None:
    """Owe nothing more of a run, but for what workers have in hand, which ends as it does."""
    waiting = _jobs(using).filter(run_id=run_id, state=JobState.QUEUED)
    with transaction.atomic(using=using):
        dropped = list(_unlocked(waiting))
        _jobs(using).filter(pk__in=dropped).delete()
        count(using, run_id, cancelled=len(dropped))


def _update_free(jobs: models.QuerySet[WarmJob], **values: Any) -> int:
    """Change all of `jobs` but those that somebody else is changing; return how many.

    Who changes many rows and waits for one of them could be waited for by the same save.
    """
    with transaction.atomic(using=jobs.db):
        return _jobs(jobs.db).filter(pk__in=_unlocked(jobs)).update(**values)


def _unlocked(jobs: models.QuerySet[WarmJob]) -> models.QuerySet[WarmJob, int]:
    """Lock and return the keys of all of `jobs` but those that somebody else is changing."""
    skip = connections[jobs.db].features.has_select_for_update_skip_locked
    return jobs.order_by().select_for_update(skip_locked=skip).values_list("pk", flat=True)


def _claimable() -> Q:
    return Q(
        Q(lease_until__isnull=True) | Q(lease_until__lt=Now()),
        state__in=[JobState.QUEUED, JobState.WARMING],
        due_at__lte=Now(),
    )


def _jobs(using: str) -> models.QuerySet[WarmJob]:
    return WarmJob.objects.using(using)


def _of(target: JobTarget) -> models.QuerySet[WarmJob]:
    return _jobs(target.using).filter(
        model_label=target.model_label,
        object_pk=target.object_pk,
        field_name=target.field_name,
    )


def _held(claim: Claim) -> models.QuerySet[WarmJob]:
    return _jobs(claim.target.using).filter(
        pk=claim.job_id,
        generation=claim.generation,
        lease_token=claim.token,
        state=JobState.WARMING,
    )
