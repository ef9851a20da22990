"""What the ledger adds to `manage.py renditions explain`. It only looks."""

from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from renditions.explanation import Addition, ExplainedPicture, explain
from renditions.explanation import Turn as RenditionTurn
from renditions.fields import VersatileImageField
from renditions.shell import age_text

from . import alarms, chunks, ledger, snapshot
from .conf import worker_settings
from .enqueue import Why, why_enqueue
from .failures import Failure
from .models import JobState, RunState, WarmJob, WarmRun
from .targets import JobTarget, signature, target_of
from .worker import reuse_for

_SAVE = {
    Why.WAITS: "nothing, because a job for just this is on the ledger",
    Why.GIVEN_UP: "nothing, because the job gave up on this version of the original",
    Why.MADE: "nothing, because the records say that everything is made",
    Why.OTHER_JOB: "a job, because the one on the ledger is for another name, focal point or "
    "declaration",
    Why.ORIGINAL_CHANGED: "a job, because the original is another version than the job gave up on",
    Why.LACKS_FACTS: "a job, because the row lacks the facts of the picture",
    Why.OUTSTANDING: "a job, because not every rendition is recorded as made",
}
_RUN = {
    chunks.Turn.BLANK: "count it as blank",
    chunks.Turn.CURRENT: "count it as current",
    chunks.Turn.ENQUEUE: "enqueue a job",
    chunks.Turn.REQUEUE: "try it again, because something has changed since it gave up",
    chunks.Turn.FAILED: "count it as failed, because nothing has changed since it gave up",
    chunks.Turn.SUPERSEDED: "leave it to the job of a save",
    chunks.Turn.RAISE: "replace its job, which makes only a part of what is declared",
}


def on_explanation_requested(
    sender: VersatileImageField,
    picture: ExplainedPicture,
    instance: models.Model,
    using: str,
    **kwargs: Any,
) -> Addition | None:
    """Return what the ledger has of the picture; None: the field has no jobs."""
    if not sender.warm and not sender.cleanup:
        return None
    target = target_of(instance, sender, using)
    job = _of(target).filter(removal="").first()
    removals = list(_of(target).exclude(removal="").order_by("pk"))
    lines = [_job_text(job)] if job else ["no job"]
    if job:
        lines += _reasons(job.all_failures())
    lines += [f"removal of {row.removed_name}: {_job_text(row)}" for row in removals]
    return Addition(
        title="ledger",
        facts={
            "job": _job_json(job) if job else None,
            "removals": [
                {"name": row.removed_name, "takes": row.takes, **_job_json(row)} for row in removals
            ],
        },
        lines=tuple(lines),
        now=tuple(_now(sender, picture, target, job)) if sender.warm else (),
    )


def _of(target: JobTarget) -> Any:
    """Return the rows of `target`, with times that count from now, by the clock of the database."""

    def since(column: str) -> "ExpressionWrapper[Any]":
        return ExpressionWrapper(Now() - F(column), output_field=DurationField())

    names = {name: getattr(target, name) for name in ("model_label", "object_pk", "field_name")}
    return (
        WarmJob.objects.using(target.using)
        .filter(**names)
        .select_related("run")
        .annotate(
            due=since("due_at"),
            leased=since("lease_until"),
            hinted=since("hinted_at"),
            queued=since("queued_at"),
            changed=since("changed_at"),
        )
    )


def _reasons(failures: list[Failure]) -> list[str]:
    """Return each reason with the renditions that have it; the job itself tells the only one."""
    paths: dict[str, list[str]] = {}
    for failure in failures:
        paths.setdefault(str(failure), []).append(failure.path or "the whole job")
    if len(paths) < 2:
        return []
    return [f"  {', '.join(of_reason)}: {reason}" for reason, of_reason in paths.items()]


# ---- the ledger ----------------------------------------------------------------------------------


def _job_json(job: Any) -> dict[str, Any]:
    return {
        "id": job.pk,
        "state": job.state,
        "generation": job.generation,
        "attempts": job.attempts,
        "max_attempts": worker_settings().max_attempts,
        "queued_s_ago": _seconds(job.queued),
        "changed_s_ago": _seconds(job.changed),
        "due_in_s": _seconds(job.due, -1),
        "message_sent_s_ago": _seconds(job.hinted),
        "lease_ends_in_s": _seconds(job.leased, -1),
        "worker": job.lease_worker or None,
        "bulk_run": job.run_id,
        "kind": job.kind or None,
        "reason": job.error or None,
        "failures": job.failures,
    }


def _seconds(age: timedelta | None, sign: int = 1) -> float | None:
    return None if age is None else round(sign * age.total_seconds(), 1)


def _job_text(job: Any) -> str:
    told = [
        f"job {job.pk} {job.state}, attempt {job.attempts} of {worker_settings().max_attempts}",
        f"queued {_ago(job.queued)}",
    ]
    if job.due and job.state == JobState.QUEUED:
        told.append(f"due {_at(job.due)}")
    if job.hinted and job.state == JobState.QUEUED:
        told.append(f"message sent {_ago(job.hinted)}")
    if job.leased:
        told.append(f"lease of {job.lease_worker} ends {_at(job.leased)}")
    if job.run_id:
        told.append(f"of bulk run {job.run}")
    if job.state == JobState.FAILED:
        told.append(f"given up {_ago(job.changed)}")
    text = ", ".join(told)
    return f"{text}. {job.kind}: {job.error}" if job.kind else text


def _ago(since: timedelta) -> str:
    return f"{age_text(max(0.0, since.total_seconds()))} ago"


def _at(since: timedelta) -> str:
    """Return when a moment is, from the time since it, which is negative in the future."""
    seconds = since.total_seconds()
    return f"{age_text(seconds)} ago" if seconds >= 0 else f"in {age_text(-seconds)}"


# ---- what would happen ---------------------------------------------------------------------------


def _now(
    field: VersatileImageField, picture: ExplainedPicture, target: JobTarget, job: Any
) -> list[str]:
    image = picture.image
    if not image:
        return ["A save would enqueue nothing, because the field is empty."]
    plans = image.plans()
    wanted = signature(field, plans)
    why = why_enqueue(target, wanted, image, plans, is_unchanged=True)
    told = [*_of_workers(picture, job, why)]
    told.append(f"A save that leaves the picture alone would enqueue {_SAVE[why]}.")
    seen = chunks.Seen(
        instance=image.instance,
        image=image,
        target=target,
        is_current=not image.lacks_meta and not _outstanding(picture),
    )
    turn = chunks.turn_of(WarmRun(force=False), field, seen, ledger.job_of(target))
    told.append(f"A bulk run, such as that of each night, would {_RUN[turn]}.")
    return told


def _outstanding(picture: ExplainedPicture) -> int:
    return len(picture.renditions) - len(picture.of(RenditionTurn.KEEP))


def _of_workers(picture: ExplainedPicture, job: Any, why: Why) -> list[str]:
    if job is None:
        if not _outstanding(picture):
            return ["Nothing is outstanding: every rendition is made and current."]
        return [
            "No worker looks at it, because it has no job. With one, a worker would "
            f"{picture.effect}."
        ]
    if job.state == JobState.FAILED:
        return [_of_failed(job, why)]
    attempt = explain(picture.image, picture.field, reuse_for(job.force, job.is_new_upload))
    told = [_when(job), f"A worker would {attempt.effect}."]
    found = alarms.alarms(snapshot.take_signs())
    told += [f"{each.headline} {each.remedy}" for each in found if each.stops_work]
    return told


def _of_failed(job: Any, why: Why) -> str:
    retry = f"`manage.py renditions retry --model {job.model_label} --pk {job.object_pk}`"
    if why is Why.GIVEN_UP:
        return (
            "Nothing happens until a retry, because it gave up on this version of the original: "
            f"{retry}."
        )
    return f"Nothing happens until a retry, a save or a bulk run: {retry}."


def _when(job: Any) -> str:
    """Return when a worker takes a job that has not failed."""
    if job.leased is not None and job.leased < timedelta(0):
        return f"{job.lease_worker} works on it; its lease ends {_at(job.leased)}."
    if job.leased is not None:
        return f"The lease of {job.lease_worker} has expired: the next sweep sends the job again."
    if job.run and job.run.state == RunState.PAUSED:
        name = f"{job.run.model_label}.{job.run.field_name}"
        return f"Nothing happens until its bulk run is resumed: `manage.py rewarm resume {name}`."
    if job.attempts >= worker_settings().max_attempts:
        return "All its attempts are used, and none came back: it fails as `poison` next."
    if job.due < timedelta(0):
        return f"It waits: it is due {_at(job.due)}."
    if job.hinted is None:
        return "It is due, and no message was sent: the next sweep sends one."
    if job.hinted.total_seconds() > worker_settings().resend_after_s:
        return (
            f"It is due. Its message was sent {_ago(job.hinted)}, and no worker has taken it: the "
            "next sweep sends it again."
        )
    return f"It is due, and its message was sent {_ago(job.hinted)}: a worker takes it next."
