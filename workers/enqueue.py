"""A save puts work on the ledger; `enqueue_all` does so for changes that are no saves.

The job row and the instance's row are written in one transaction.
"""

import functools
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import nullcontext
from enum import Enum
from typing import Any

from django.apps import apps
from django.db import models, router, transaction
from django.db.models.signals import class_prepared, post_delete, post_save, pre_delete

from renditions.engine.status import Look, are_current, recall, version_now
from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile
from renditions.planning.plans import Original, RenditionPlan
from renditions.signals import field_added, name_chosen, original_dropped, renditions_made
from renditions.storage.any import UNVERSIONED

from . import dispatch, incomplete, ledger, removals
from .models import JobState
from .row_write import atomic_from_write
from .targets import (
    JobTarget,
    cleans_up,
    image_of,
    picture_fields,
    signature,
    target_of,
    warmed_fields,
)

ROWS_PER_FETCH = 500


def enqueue_all(queryset: models.QuerySet[models.Model]) -> int:
    """Enqueue the outstanding renditions of each instance of `queryset`; return how many jobs.

    For changes that send no signal: call it after `bulk_create`, `bulk_update`, `update` and raw
    SQL.
    """
    enqueued = 0
    for instance in queryset.iterator(chunk_size=ROWS_PER_FETCH):
        # Jobs go to the database that a save would write to; `queryset` may read from a replica.
        using = router.db_for_write(type(instance), instance=instance)
        # A queryset of a base model may return instances of its children (django-polymorphic).
        for field in warmed_fields(type(instance)):
            target = target_of(instance, field, using)
            hint = _enqueue(target, field, getattr(instance, field.name), is_unchanged=False)
            if hint:
                dispatch.send_after_commit(hint)
                enqueued += 1
    return enqueued


# The old name of `enqueue_all`.
owe_all = enqueue_all


def retry(instance: models.Model, field: VersatileImageField) -> bool:
    """Queue what the picture of `field` still lacks; return whether a job was queued.

    A failed job starts again, with all its attempts. Without a job, what is missing is enqueued. A
    job that waits or is in progress stays as it is.
    """
    using = router.db_for_write(type(instance), instance=instance)
    target = target_of(instance, field, using)
    hint = ledger.retry_target(target)
    if hint is None and ledger.job_of(target) is None:
        hint = _enqueue(target, field, image_of(target), is_unchanged=False)
    if hint:
        dispatch.send_after_commit(hint)
    return hint is not None


# ---- models that are watched --------------------------------------------------------------------


def connect() -> None:
    """Watch every model that declares something to warm, and those that come later."""
    for model in apps.get_models(include_auto_created=True):
        watch(model)
    class_prepared.connect(_watch_prepared, dispatch_uid="renditions.watch")
    field_added.connect(_watch_changed, dispatch_uid="renditions.watch")
    renditions_made.connect(settle_made, dispatch_uid="renditions.settle_made")
    renditions_made.connect(incomplete.note_made, dispatch_uid="renditions.note_incomplete")
    name_chosen.connect(removals.put_off, dispatch_uid="renditions.put_off")
    original_dropped.connect(removals.owe_dropped, dispatch_uid="renditions.owe_dropped")


def watch(model: type[models.Model]) -> None:
    """Let a row of `model` be written together with its jobs, and be deleted together with them.

    Nothing of the project is inside the transaction that this adds. Its receivers of `pre_save` and
    `post_save` run before and after it, in the transaction and with the visibility that they have
    without us.
    """
    if not picture_fields(model):
        return
    # A child and a proxy model inherit `_save_table`, perhaps in its wrapped form already.
    save_table: Callable[..., bool] = model._save_table  # type: ignore[attr-defined]  # noqa: SLF001
    if not hasattr(save_table, "renditions_enqueue"):
        model._save_table = _save_table_and_enqueue(save_table)  # type: ignore[attr-defined]  # noqa: SLF001
    post_save.connect(send_hints, sender=model, dispatch_uid="renditions.send_hints")
    pre_delete.connect(removals.owe_deleted, sender=model, dispatch_uid="renditions.owe_deleted")
    post_delete.connect(on_delete, sender=model, dispatch_uid="renditions.delete_job")


def _watch_prepared(sender: type[models.Model], **kwargs: Any) -> None:
    watch(sender)


def _watch_changed(sender: type[models.Model], **kwargs: Any) -> None:
    """Watch a model that got a field after it was prepared, and the models that inherit from it."""
    if apps.models_ready:
        for model in apps.get_models(include_auto_created=True):
            if issubclass(model, sender):
                watch(model)


def _save_table_and_enqueue(save_table: Callable[..., bool]) -> Callable[..., bool]:
    """Make the write of a row and the enqueueing of its jobs one transaction.

    Outside of `atomic()` Django commits the row before it sends `post_save`. A process that is
    killed in between would leave a saved image without a job. `Model._save_table` is the place
    where every way of saving meets: `save()`, `DeserializedObject.save()`, a `save_base` that
    another package has replaced, and once for each table of an inherited model.
    """

    @functools.wraps(save_table)
    def save_table_and_enqueue(
        self: models.Model,
        raw: bool = False,
        cls: type[models.Model] | None = None,
        force_insert: bool = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Collection[str] | None = None,
    ) -> bool:
        table = cls or type(self)
        fields = [
            field
            for field in picture_fields(table)
            if field.model is table
            and (field.warm or cleans_up())
            and _was_saved(field, update_fields)
        ]

        def write() -> bool:
            return save_table(self, raw, cls, force_insert, force_update, using, update_fields)

        if not fields or using is None:
            return write()
        # The instance was not loaded, so the content under its names may be unknown.
        is_new = raw or self._state.adding
        replaced = _Replaced(self, fields, using, update_fields)
        with atomic_from_write(using, table, replaced.look):
            is_updated = write()
            hints = [
                enqueue_saved(
                    self, field, using, is_new=is_new or not is_updated, written=update_fields
                )
                for field in fields
                if field.warm
            ]
            hints += replaced.owe()
        vars(self._state).setdefault(_HINTS, []).extend(hint for hint in hints if hint)
        return is_updated

    save_table_and_enqueue.renditions_enqueue = True  # type: ignore[attr-defined]
    return save_table_and_enqueue


class _Replaced:
    """The pictures that a row shows before a save, and no longer after it."""

    def __init__(
        self,
        instance: models.Model,
        fields: Iterable[VersatileImageField],
        using: str,
        update_fields: Collection[str] | None,
    ) -> None:
        self._instance, self._using = instance, using
        self._fields = [field for field in fields if _is_written(field, update_fields)]
        self._before: dict[VersatileImageField, removals.Shown] = {}

    def look(self, is_update: bool) -> None:
        """Look at the row right before it is written, and keep the new pictures from removals."""
        if not cleans_up():
            return
        cleaned = [field for field in self._fields if field.cleanup] if is_update else []
        if cleaned:
            self._before = removals.shown_by(
                cleaned, _pk_of(self._instance, cleaned[0]), self._using
            )
        for field in self._fields:
            image = getattr(self._instance, field.name)
            if image and self._may_be_new_to_row(field, image, is_update):
                removals.share(self._using, image.name)

    def _may_be_new_to_row(
        self, field: VersatileImageField, image: VersatileImageFieldFile, is_update: bool
    ) -> bool:
        """Whether the row may not show the picture yet.

        An instance whose key was cleared writes a loaded name to a new row. An older instance
        writes a name that its row no longer has.
        """
        if field in self._before:
            return image.name != self._before[field].name
        return image.was_assigned or not is_update or field.cleanup is not None

    def owe(self) -> list[ledger.Hint | None]:
        """Owe the removal of the pictures that the row no longer shows."""
        return [
            removals.owe(target_of(self._instance, field, self._using), field, before)
            for field, before in self._before.items()
            if str(getattr(self._instance, field.name).name or "") != before.name
        ]


# The attribute of `instance._state` that keeps the hints of its rows until `post_save` sends them.
_HINTS = "renditions_hints"


def send_hints(instance: models.Model, **kwargs: Any) -> None:
    """Send the hints of the rows that this save has written, after the commit.

    If a receiver before this one raises, the next sweep sends them.
    """
    for hint in vars(instance._state).pop(_HINTS, ()):
        dispatch.send_after_commit(hint)


def on_delete(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Delete the job of a deleted instance; a worker that runs it publishes nothing more."""
    for field in warmed_fields(sender):
        # The row of a parent model may be kept. Its own deletion sends a signal of its own.
        if field.model is sender._meta.concrete_model:
            target = target_of(instance, field, using)
            ledger.delete_job(target, waits_for_worker=bool(field.cleanup))


def _pk_of(instance: models.Model, field: VersatileImageField) -> Any:
    """Return the primary key of the row that has `field`: of a parent's for an inherited one."""
    return getattr(instance, field.model._meta.pk.attname)


def _is_written(field: VersatileImageField, update_fields: Collection[str] | None) -> bool:
    """Whether a save writes the column of the picture."""
    return update_fields is None or bool({field.name, field.attname} & set(update_fields))


def _was_saved(field: VersatileImageField, update_fields: Collection[str] | None) -> bool:
    # None: all fields. Django passes the names of the loaded ones if some are deferred.
    return _is_written(field, update_fields) or field.ppoi_field in (update_fields or ())


# ---- what is outstanding -----------------------------------------------------------------------


def enqueue_saved(
    instance: models.Model,
    field: VersatileImageField,
    using: str,
    *,
    is_new: bool,
    written: Collection[str] | None,
) -> ledger.Hint | None:
    """Enqueue what a save of `instance` leaves outstanding for `field`.

    Args:
        is_new: The row was inserted, comes from a fixture, or was never loaded.
        written: Names of the fields that were written; None: all.

    Returns:
        The hint to send after the commit; None if nothing has changed, or there is no image.
    """
    image: VersatileImageFieldFile = getattr(instance, field.name)
    target = target_of(instance, field, using)
    if not _is_written(field, written):
        # Only the focal point was written. The image is the one in the database.
        return _enqueue(target, field, image_of(target))
    if image.has_new_content or image.was_assigned:
        transaction.on_commit(image.note_committed, using=using, robust=True)
    is_all_written = written is None or field.ppoi_field in (None, *written)
    is_unchanged = not (is_new or image.was_assigned)
    # An instance that was loaded before the worker wrote the facts of its picture does not know
    # them, and its row does.
    is_older = image.lacks_meta and is_unchanged and not image.has_new_content
    return _enqueue(
        target,
        field,
        image if is_all_written and not is_older else image_of(target),
        was_replaced=image.has_new_content,
        is_unchanged=is_unchanged,
    )


def _enqueue(
    target: JobTarget,
    field: VersatileImageField,
    image: VersatileImageFieldFile | None,
    *,
    was_replaced: bool = False,
    is_unchanged: bool = True,
) -> ledger.Hint | None:
    """Enqueue what `image` has outstanding.

    Args:
        was_replaced: This save stored new content under the name of the file.
        is_unchanged: The content under the name cannot have changed since the last look.
    """
    plans = image.plans() if image else ()
    if not image or not plans:
        ledger.delete_job(target, waits_for_worker=bool(field.cleanup))
        return None
    wanted = signature(field, plans)
    if not was_replaced and why_enqueue(target, wanted, image, plans, is_unchanged).is_no_need:
        # A storage without sizes and dates cannot tell new content under a known name.
        was_replaced = not is_unchanged and version_of(image) == UNVERSIONED
        if not was_replaced:
            return None
    # Force only if this name was rendered before. A new name has no stale files, so without
    # `force` a second attempt keeps what an interrupted first one has made.
    was_rendered = was_replaced and bool(recall(plans))
    return ledger.enqueue(
        target, wanted, force=was_rendered, is_new_upload=was_replaced and not was_rendered
    )


class Why(Enum):
    """Why a look at a picture enqueues a job, or none."""

    WAITS = "waits"  # a job for just this is on the ledger
    GIVEN_UP = "given up"  # it has failed, and nothing has changed since
    MADE = "made"  # everything is there
    OTHER_JOB = "other job"  # the job on the ledger is for something else
    ORIGINAL_CHANGED = "original changed"  # the job gave up on another version of the original
    LACKS_FACTS = "lacks facts"  # the row does not have the facts of the picture
    OUTSTANDING = "outstanding"  # something is not made, or not known to be

    @property
    def is_no_need(self) -> bool:
        return self in (Why.WAITS, Why.GIVEN_UP, Why.MADE)


def why_enqueue(
    target: JobTarget,
    wanted: str,
    image: VersatileImageFieldFile,
    plans: Sequence[RenditionPlan],
    is_unchanged: bool,
) -> Why:
    """Return whether the picture needs a job, and why. It changes nothing.

    Args:
        wanted: The signature of `plans`.
        plans: What the field declares for `image`; not empty.
        is_unchanged: The content under the name cannot have changed since the last look.
    """
    job = ledger.job_of(target)
    # A job that only a bulk run has enqueued does not count: the run may be cancelled.
    if job and job.run_id is None and not _may_have_read_older(job, is_unchanged):
        if job.tried.signature != wanted:
            return Why.OTHER_JOB
        if can_be_retried(job, image):
            return Why.ORIGINAL_CHANGED
        return Why.GIVEN_UP if job.state is JobState.FAILED else Why.WAITS
    if image.lacks_meta and not is_unchanged:
        # An instance that is saved again may only be older than what the worker has written.
        return Why.LACKS_FACTS
    look = Look.RECORDS if is_unchanged else Look.ORIGINAL
    return Why.MADE if are_current(image.storages, plans, look) else Why.OUTSTANDING


def _may_have_read_older(job: ledger.Job, is_unchanged: bool) -> bool:
    """Whether an attempt in progress may have opened other content than there is (stale read)."""
    return job.state is JobState.WARMING and not is_unchanged


def can_be_retried(job: ledger.Job, image: VersatileImageFieldFile) -> bool:
    """Whether the original of a failed job is no longer the one that the job gave up on."""
    if job.state is not JobState.FAILED:
        return False
    return version_of(image) not in (None, job.tried.original_version)


def version_of(image: VersatileImageFieldFile) -> str | None:
    """Return the version of the original now; None: the storage did not answer."""
    return version_now(image.storage, str(image.name))


# ---- what others have made ---------------------------------------------------------------------


def settle_made(original: Original, **kwargs: Any) -> None:
    """Delete the failed job of an image if all its renditions are made by now.

    The synchronous warmer, a page on demand and an adoption may have made the last of them.
    """
    model_label, _, field_name = original.field.rpartition(".")
    if not original.object_pk or not model_label:
        return
    using = router.db_for_write(apps.get_model(model_label))
    target = JobTarget(using, model_label, original.object_pk, field_name)
    # A query that fails breaks the transaction that it is in (PostgreSQL). Inside a transaction of
    # the project, `atomic` is a savepoint, so only these queries are lost.
    is_inside = transaction.get_connection(using).in_atomic_block
    with transaction.atomic(using=using) if is_inside else nullcontext():
        job = ledger.job_of(target)
        image = image_of(target) if job and job.state is JobState.FAILED else None
        if image and are_current(image.storages, image.plans(), Look.ORIGINAL):
            ledger.settle_failed(using, model_label, field_name, [original.object_pk])
