"""Bulk runs: a re-warm or a prune of one field, step by step, in constant memory."""

import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.db import models, router, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.db.models.signals import post_init, pre_init
from kombu.exceptions import OperationalError

from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile, VersatileImageFileDescriptor
from renditions.signals import prune_requested

from . import chunks, dispatch, ledger, prunes
from .conf import worker_settings
from .models import DAY_S, UNFINISHED, JobState, RunKind, RunState, WarmJob, WarmRun
from .targets import (
    STARTED_AT,
    JobTarget,
    all_warmed_fields,
    declaration,
    field_of,
    in_each_ledger,
    is_outdated,
)

logger = logging.getLogger(__name__)

# The methods of a model that run while an instance is loaded.
_LOADING = {"__init__", "__setattr__", "from_db"}

# ---- start and find ----------------------------------------------------------------------------


def start(field: VersatileImageField, *, using: str | None = None, force: bool = False) -> WarmRun:
    """Start a run over all instances of `field`, or return the unfinished one."""
    defaults = {
        "force": force,
        "declaration": declaration(field),
        "enqueuer_started_at": STARTED_AT,
    }
    return _start(unfinished(field, using=using), _model_and_field(field), defaults)


def start_prune(
    field: VersatileImageField, *, orphans: bool = False, min_age_s: int = DAY_S
) -> WarmRun:
    """Start a prune of the files of `field`, or return the unfinished one.

    Args:
        orphans: Also delete originals that no row names.
        min_age_s: Keep younger files.
    """
    defaults = {
        "orphans": orphans,
        "min_age_s": min_age_s,
        "declaration": prunes.declaration(),
        "enqueuer_started_at": STARTED_AT,
    }
    found = unfinished(field, kind=RunKind.PRUNE)
    return _start(found, {**_model_and_field(field), "kind": RunKind.PRUNE}, defaults)


def start_prunes(
    fields: Sequence[VersatileImageField], orphans: bool, min_age: timedelta, **kwargs: Any
) -> list[str]:
    """Start a prune of each field, and return what to print: `renditions prune --in-workers`."""
    min_age_s = int(min_age.total_seconds())
    runs = (start_prune(field, orphans=orphans, min_age_s=min_age_s) for field in fields)
    return [f"{run}: {run.state}" for run in runs]


def connect() -> None:
    """Start runs when `renditions prune --in-workers` asks for them."""
    prune_requested.connect(start_prunes, dispatch_uid="rendition_workers.start_prunes")


def _start(
    found: models.QuerySet[WarmRun], identity: dict[str, Any], defaults: dict[str, Any]
) -> WarmRun:
    run, is_new = found.get_or_create(**identity, defaults=defaults)
    if is_new:
        _send_next_step_after_commit(run)
    return run


def start_in_each_database(field: VersatileImageField, *, force: bool = False) -> list[WarmRun]:
    """Start a run over all instances of `field` in each of its databases."""
    return in_each_ledger(lambda using: start(field, using=using, force=force), field.model)


def start_all() -> list[WarmRun]:
    """Start a run for every field that declares something to warm, in each of its databases."""
    return [run for field in all_warmed_fields() for run in start_in_each_database(field)]


def of_field(
    field: VersatileImageField, *, using: str | None = None, kind: RunKind = RunKind.WARM
) -> models.QuerySet[WarmRun]:
    """Return all runs over `field`, the newest first."""
    using = using or router.db_for_write(field.model)
    return WarmRun.objects.using(using).filter(**_model_and_field(field), kind=kind)


def unfinished(
    field: VersatileImageField, *, using: str | None = None, kind: RunKind = RunKind.WARM
) -> models.QuerySet[WarmRun]:
    """Return the run over `field` that is running or paused; there is at most one."""
    return of_field(field, using=using, kind=kind).filter(state__in=UNFINISHED)


def _model_and_field(field: VersatileImageField) -> dict[str, str]:
    return {"model_label": field.model._meta.label, "field_name": field.name}


# ---- pause, resume, cancel ---------------------------------------------------------------------


def pause(run: WarmRun) -> bool:
    """Start no more jobs of `run` until it is resumed; False if it is not running."""
    return _change_state(run, (RunState.RUNNING,), RunState.PAUSED)


def resume(run: WarmRun) -> bool:
    """Continue `run` from where it was paused; False if it is not paused."""
    # The rate of the run is counted anew.
    anew = {"resumed_at": Now(), "ended_before": run.ended}
    if not _change_state(run, (RunState.PAUSED,), RunState.RUNNING, **anew):
        return False
    ledger.clear_hints(run.using, run.pk)
    _send_next_step_after_commit(run)
    return True


def cancel(run: WarmRun) -> bool:
    """End `run`; jobs in progress go on. False if it has ended already.

    Jobs that a save has enqueued do not belong to the run, and stay.
    """
    if not _change_state(run, UNFINISHED, RunState.CANCELLED):
        return False
    ledger.delete_run_jobs(run.using, run.pk)
    return True


def _change_state(run: WarmRun, before: Collection[RunState], after: RunState, **more: Any) -> bool:
    unchanged = WarmRun.objects.using(run.using).filter(pk=run.pk, state__in=before)
    return bool(unchanged.update(state=after, changed_at=Now(), **more))


# ---- steps -------------------------------------------------------------------------------------


def advance(using: str, run_id: int) -> None:
    """Look at the next chunk of instances, enqueue what is outstanding, and send the next step.

    A message that is delivered twice counts no instance twice: the cursor moves only from the
    value that the step has read.
    """
    run = WarmRun.objects.using(using).filter(pk=run_id, state=RunState.RUNNING).first()
    if run is None or run.walked or _is_full(run):
        return
    field = field_of(JobTarget(using, run.model_label, "", run.field_name))
    if run.kind == RunKind.PRUNE:
        _advance_prune(run, field)
        return
    if is_outdated(run.enqueuer_started_at, run.declaration, field):
        # This worker would count as current what the newer release wants to be made.
        _wait_for_release(run)
        return
    # If the code no longer has the field, there is nothing to look at.
    if field and run.total is None:
        _count_rows(run, field)
    instances = _next_chunk(run, field) if field else []
    if field and not run.cursor:
        # Once for each run: the placeholder belongs to no instance, so no save enqueues it.
        field.warm_placeholder(field.declared_key_set())
    if not field or not instances:
        _finish_walk(run)
        return
    if chunks.plan_chunk(run, field, instances):
        _send_next_step(run)


def _advance_prune(run: WarmRun, field: VersatileImageField | None) -> None:
    if field and prunes.is_outdated(run):
        # This worker would delete what the newer release needs.
        _wait_for_release(run)
        return
    ended = prunes.step(run, field) if field else prunes.Ended.WALKED
    if ended is prunes.Ended.WALKED:
        _finish_walk(run)
    elif ended is prunes.Ended.IN_TIME:
        _send_next_step(run)


def _count_rows(run: WarmRun, field: VersatileImageField) -> None:
    """Count the rows once, for the estimated end: not in the request that starts the run."""
    total = field.model._base_manager.using(run.using).count()
    WarmRun.objects.using(run.using).filter(pk=run.pk).update(total=total)


def _wait_for_release(run: WarmRun) -> None:
    """Leave the step to a newer worker: the sweep sends it again until one takes it."""
    WarmRun.objects.using(run.using).filter(pk=run.pk).update(waits_for_release=True)
    logger.warning("%s waits for a worker that has the code of its start; restart this one", run)


def _finish_walk(run: WarmRun) -> None:
    WarmRun.objects.using(run.using).filter(pk=run.pk).update(walked=True, changed_at=Now())
    finish_if_done(run.using)


def continue_all(using: str) -> None:
    """Send the next step of each running run: its last message may be lost.

    A run also stops by itself while `max_queued` of its jobs are outstanding.
    """
    runs = WarmRun.objects.using(using)
    # A job that was in progress when its run was cancelled may be queued again by now: its attempt
    # failed, and it was postponed.
    for run in runs.filter(_has_job(state=JobState.QUEUED), state=RunState.CANCELLED):
        ledger.delete_run_jobs(using, run.pk)
    ledger.fold_all_superseded(using)
    finish_if_done(using)
    for run in runs.filter(state=RunState.RUNNING, walked=False):
        if not _is_full(run):
            _send_next_step(run)


def finish_if_done(using: str) -> None:
    """Mark as done the runs that have looked at every instance and have no outstanding job."""
    walked = WarmRun.objects.using(using).filter(state__in=UNFINISHED, walked=True)
    walked.filter(~_has_job()).update(state=RunState.DONE, changed_at=Now())


def _is_full(run: WarmRun) -> bool:
    """Whether as many jobs of `run` are outstanding as a run may have."""
    limit = worker_settings().max_queued
    # Only a run that looks full counts its jobs: some may have been deleted by hand.
    return run.outstanding >= limit and run.jobs.using(run.using)[:limit].count() >= limit


def _has_job(**kwargs: JobState) -> Exists:
    """Whether a run has a job on the ledger."""
    return Exists(WarmJob.objects.filter(run=OuterRef("pk"), **kwargs))


def _next_chunk(run: WarmRun, field: VersatileImageField) -> list[models.Model]:
    instances = field.model._base_manager.using(run.using).order_by("pk")
    if run.cursor:
        instances = instances.filter(pk__gt=run.cursor)
    if _needs_only_itself(field):
        needed = ["pk", field.name, *filter(None, [field.ppoi_field])]
        instances = instances.only(*needed)
    return list(instances[: worker_settings().chunk_size])


def _needs_only_itself(field: VersatileImageField) -> bool:
    """Whether the other columns of a row are not read, as far as the code of the project tells.

    A column that was left out costs one query for each instance that reads it.
    """
    model = field.model
    own_classes = [cls for cls in model.__mro__ if cls not in models.Model.__mro__]
    has_own_code = any(vars(cls).keys() & _LOADING for cls in own_classes)
    return (
        not has_own_code
        and type(model._base_manager) is models.Manager
        and field.attr_class is VersatileImageFieldFile
        and field.descriptor_class is VersatileImageFileDescriptor
        and not pre_init.has_listeners(model)
        and not post_init.has_listeners(model)
    )


def _send_next_step_after_commit(run: WarmRun) -> None:
    """Send after the commit: before it, the worker would not find the run."""
    transaction.on_commit(lambda: _send_next_step(run), using=run.using, robust=True)


def _send_next_step(run: WarmRun) -> None:
    """Send the jobs of the last step, then the next step: workers set the pace of the run."""
    # `dispatch` says that the broker is away. Then the run waits for the next sweep.
    with suppress(OperationalError):
        dispatch.send_due(run.using, ledger.Work.RUNS)
        dispatch.send_advance(run.using, run.pk)
