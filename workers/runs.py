"""Bulk runs: a re-warm of a field over all its instances, in steps, in constant memory."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from time import monotonic

from celery import current_app
from django.db import models, router, transaction
from django.db.models import F
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from renditions.engine.status import Look, are_made
from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile
from renditions.records import RenditionRecord, project_recorder

from . import conf, dispatch, ledger
from .models import UNFINISHED, JobState, RunState, WarmRun
from .targets import (
    JobTarget,
    all_warmed_fields,
    declares_the_same,
    field_of,
    image_of,
    in_each_ledger,
    signature,
    target_of,
)

logger = logging.getLogger(__name__)

ADVANCE_TASK = "renditions.advance_run"
# Of its time limit. A storage may be slow, and one that is looked at is to be counted.
SHARE_OF_TIME = 0.5


def start(field: VersatileImageField, *, using: str | None = None, force: bool = False) -> WarmRun:
    """Begin a run over all instances of `field`, or return the one that is going on or paused."""
    run, begun = unfinished(field, using=using).get_or_create(
        **_model_and_field(field), defaults={"force": force}
    )
    if begun:
        _send_next_step_after_commit(run)
    return run


def of_field(field: VersatileImageField, *, using: str | None = None) -> models.QuerySet[WarmRun]:
    """Return all runs over `field`, the last one first."""
    using = using or router.db_for_write(field.model)
    return WarmRun.objects.using(using).filter(**_model_and_field(field))


def unfinished(field: VersatileImageField, *, using: str | None = None) -> models.QuerySet[WarmRun]:
    """Return the run over `field` that is going on or paused; there is one at most."""
    return of_field(field, using=using).filter(state__in=UNFINISHED)


def _model_and_field(field: VersatileImageField) -> dict[str, str]:
    return {"model_label": field.model._meta.label, "field_name": field.name}


def start_all() -> list[WarmRun]:
    """Begin a run for every field that declares something to warm, in each of its databases."""
    return [run for field in all_warmed_fields() for run in start_in_each_database(field)]


def start_in_each_database(field: VersatileImageField, *, force: bool = False) -> list[WarmRun]:
    """Begin a run over all instances of `field` in each of its databases."""
    return in_each_ledger(lambda using: start(field, using=using, force=force), field.model)


def pause(run: WarmRun) -> bool:
    """Begin nothing more of `run` until it is resumed; False where it does not run."""
    return _change_state(run, (RunState.RUNNING,), RunState.PAUSED)


def resume(run: WarmRun) -> bool:
    """Go on where `run` was paused; False where it is not."""
    if not _change_state(run, (RunState.PAUSED,), RunState.RUNNING):
        return False
    ledger.clear_hints(run._state.db or "default", run.pk)
    _send_next_step_after_commit(run)
    return True


def cancel(run: WarmRun) -> bool:
    """End `run` but for what workers have in hand; False where it has ended already.

    What a save owes is none of its business: that is still made.
    """
    if not _change_state(run, UNFINISHED, RunState.CANCELLED):
        return False
    ledger.delete_run_jobs(run._state.db or "default", run.pk)
    return True


def _change_state(run: WarmRun, before: Collection[RunState], after: RunState) -> bool:
    here = WarmRun.objects.using(run._state.db).filter(pk=run.pk, state__in=before)
    return bool(here.update(state=after, changed_at=Now()))


def advance(using: str, run_id: int) -> None:
    """Look at one chunk of instances, put on the ledger what is owed, and send for the next.

    Two steps at once, from a doubled message, can't count an instance twice: the cursor moves
    only from where the step left it.
    """
    run = WarmRun.objects.using(using).filter(pk=run_id, state=RunState.RUNNING).first()
    if run is None or run.walked or run.outstanding >= conf.get("MAX_QUEUED"):
        return
    field = field_of(JobTarget(using, run.model_label, "", run.field_name))
    # A field that code no longer has has nothing left to look at.
    instances = _next_chunk(run, field.model) if field else []
    if field and not run.cursor:
        # Pages show it wherever there is no picture, and no save may have told of it.
        field.warm_placeholder(field.declared_key_set())
    if not field or not instances:
        WarmRun.objects.using(using).filter(pk=run.pk).update(walked=True, changed_at=Now())
        finish_if_done(using)
        return
    if _walk(run, field, instances):
        _send_next_step(run)


def continue_all(using: str) -> None:
    """Send on every run that is under way: its last message may be lost, or its window full."""
    runs = WarmRun.objects.using(using)
    # What a worker had in hand at the cancellation may have been postponed since.
    for run in runs.filter(state=RunState.CANCELLED, jobs__state=JobState.QUEUED).distinct():
        ledger.delete_run_jobs(using, run.pk)
    finish_if_done(using)
    for run in runs.filter(state=RunState.RUNNING, walked=False):
        if run.outstanding < conf.get("MAX_QUEUED"):
            _send_next_step(run)


def finish_if_done(using: str) -> None:
    """Close the runs that have looked at everything and wait for no job."""
    WarmRun.objects.using(using).filter(
        state__in=UNFINISHED, walked=True, jobs__isnull=True
    ).update(state=RunState.DONE, changed_at=Now())


def _walk(run: WarmRun, field: VersatileImageField, instances: Sequence[models.Model]) -> bool:
    """Count and owe `instances`; False where another step has moved the run on meanwhile."""
    enough = monotonic() + SHARE_OF_TIME * conf.get("SOFT_TIME_LIMIT_S")
    images: list[VersatileImageFieldFile] = [getattr(each, field.name) for each in instances]
    records = {} if run.force else _recall(images)
    counts: Counter[str] = Counter()
    for instance, image in zip(instances, images, strict=True):
        counts["planned"] += 1
        if not image:
            counts["blank"] += 1
        # A look that fails, or takes all of a step's time, is left to a job: that has attempts, and
        # an end that says why.
        elif not run.force and are_made(image.storage, image.plans(), Look.FILES, records):
            counts["current"] += 1
        elif _move(run, instance, counts, enqueuing=field):
            counts.clear()
        else:
            return False
        if monotonic() > enough:
            break
    return not counts or _move(run, instance, counts)


def _move(
    run: WarmRun,
    last: models.Model,
    counts: Counter[str],
    enqueuing: VersatileImageField | None = None,
) -> bool:
    """Count all up to `last`, and owe that one; False where another step was first."""
    using = run._state.db or "default"
    here = WarmRun.objects.using(using).filter(pk=run.pk, cursor=run.cursor, state=RunState.RUNNING)
    # One instance in each transaction, its row before the run's: a step that waits for somebody's
    # save has nothing in its hands that the save, or a worker, could be waiting for.
    with transaction.atomic(using=using):
        if enqueuing:
            counts.update(_enqueue(run, last, enqueuing))
        numbers = {name: F(name) + number for name, number in counts.items()}
        if not here.update(cursor=str(last.pk), changed_at=Now(), **numbers):
            transaction.set_rollback(True, using=using)
            return False
    run.cursor = str(last.pk)
    return True


def _enqueue(run: WarmRun, instance: models.Model, field: VersatileImageField) -> dict[str, int]:
    """Put the instance's row for the run; return what is to be counted already."""
    using = run._state.db or "default"
    target = target_of(instance, field, using)
    there = ledger.enqueue_for_run(target, signature(field), run)
    if there is None:
        return {}
    is_stale = not declares_the_same(ledger.signature_of(target) or "", field)
    if there is JobState.FAILED and not (run.force or is_stale):
        return {"failed": 1}
    if run.force or is_stale:
        # What is owed already, or failed, is not everything.
        image = image_of(target)
        ledger.enqueue(target, signature(field, image.plans() if image else ()), force=run.force)
    ledger.count_superseded(using, run.pk)
    return {}


def _recall(images: Iterable[VersatileImageFieldFile]) -> Mapping[str, RenditionRecord]:
    plans = [plan for image in images for plan in image.plans()]
    return project_recorder().recall(plans)


def _next_chunk(run: WarmRun, model: type[models.Model]) -> list[models.Model]:
    instances = model._base_manager.using(run._state.db).order_by("pk")
    if run.cursor:
        instances = instances.filter(pk__gt=run.cursor)
    return list(instances[: conf.get("CHUNK_SIZE")])


def _send_next_step_after_commit(run: WarmRun) -> None:
    """Send for the first step when the run is committed, or its message would find none."""
    transaction.on_commit(lambda: _send_next_step(run), using=run._state.db, robust=True)


def _send_next_step(run: WarmRun) -> None:
    """Send the jobs of the last step, and the next one behind them: workers set its pace."""
    using = run._state.db or "default"
    try:
        dispatch.send_due(using, bulk=True)
        current_app.send_task(
            ADVANCE_TASK,
            kwargs={"using": using, "run_id": run.pk},
            queue=conf.BULK_QUEUE,
            ignore_result=True,
            retry=False,
            soft_time_limit=conf.get("SOFT_TIME_LIMIT_S"),
            time_limit=conf.get("HARD_TIME_LIMIT_S"),
        )
    except OperationalError as error:
        logger.warning("%s waits for the next sweep, which sends it on: %s", run, error)
