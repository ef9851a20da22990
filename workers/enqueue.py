"""A save puts work on the ledger: signal receivers, and `enqueue_all` for changes without signals.

The job row and the instance's row are written in one transaction.
"""

import functools
from collections.abc import Collection
from typing import Any

from django.apps import apps
from django.db import models, router, transaction
from django.db.models.signals import post_delete, post_save

from renditions.engine.status import Look, are_made, recall
from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile

from . import dispatch, ledger
from .targets import JobTarget, image_of, signature, target_of, warmed_fields

ROWS_PER_FETCH = 500


def enqueue_all(queryset: models.QuerySet[models.Model]) -> int:
    """Enqueue the outstanding renditions of each instance of `queryset`; return how many jobs.

    For changes that send no signal: call it after `bulk_create`, `bulk_update`, `update` and raw
    SQL.
    """
    return sum(
        # Jobs go to the database that a save would write to; `queryset` may read from a replica.
        _enqueue(
            target_of(instance, field, router.db_for_write(queryset.model, instance=instance)),
            field,
            getattr(instance, field.name),
            is_known=False,
        )
        for instance in queryset.iterator(chunk_size=ROWS_PER_FETCH)
        for field in warmed_fields(queryset.model)
    )


# The old name of `enqueue_all`.
owe_all = enqueue_all


# ---- signals -----------------------------------------------------------------------------------


def connect() -> None:
    """Listen to the saves and deletions of every model that declares something to warm."""
    _save_in_one_transaction()
    for model in apps.get_models(include_auto_created=True):
        if warmed_fields(model):
            post_save.connect(on_save, sender=model, dispatch_uid="renditions.enqueue")
            post_delete.connect(on_delete, sender=model, dispatch_uid="renditions.delete_job")


def on_save(
    sender: type[models.Model],
    instance: models.Model,
    using: str,
    update_fields: Collection[str] | None,
    created: bool,
    raw: bool = False,
    **kwargs: Any,
) -> None:
    """Enqueue what this save leaves outstanding, in the transaction of the save.

    A fixture (`raw`) holds the fields of an inherited model in an object of their own, so an
    inherited image is enqueued with that object.
    """
    for field in warmed_fields(sender):
        is_elsewhere = raw and field.model is not sender._meta.concrete_model
        if _was_saved(field, update_fields) and not is_elsewhere:
            enqueue_saved(instance, field, using, is_new=created or raw, written=update_fields)


def on_delete(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Delete the job of a deleted instance; a worker that runs it publishes nothing more."""
    for field in warmed_fields(sender):
        # The row of a parent model may be kept. Its own deletion sends a signal of its own.
        if field.model is sender._meta.concrete_model:
            ledger.delete_job(target_of(instance, field, using))


def _was_saved(field: VersatileImageField, update_fields: Collection[str] | None) -> bool:
    # For an instance with deferred fields Django passes the names of the loaded ones.
    if update_fields is None:
        return True
    return bool({field.name, field.attname, field.ppoi_field} & set(update_fields))


def _save_in_one_transaction() -> None:
    """Make a save of a warmed model and the writes of its receivers one commit.

    Outside of `atomic()` Django commits the row first and sends `post_save` afterwards. A process
    that is killed in between leaves a saved image without a job. `DeserializedObject.save()` calls
    `Model.save_base` itself, so this is the method to wrap.
    """
    save_base = models.Model.save_base

    @functools.wraps(save_base)
    def save_base_atomically(self: models.Model, *args: Any, **kwargs: Any) -> None:
        if not warmed_fields(type(self)):
            save_base(self, *args, **kwargs)
            return
        using = kwargs.get("using") or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using):
            save_base(self, *args, **kwargs)

    models.Model.save_base = save_base_atomically  # type: ignore[method-assign]


# ---- what is outstanding -----------------------------------------------------------------------


def enqueue_saved(
    instance: models.Model,
    field: VersatileImageField,
    using: str,
    *,
    is_new: bool,
    written: Collection[str] | None,
) -> bool:
    """Enqueue what a save of `instance` leaves outstanding for `field`.

    Args:
        is_new: The row was inserted, or comes from a fixture.
        written: Names of the fields that were written; None: all.

    Returns:
        False if nothing was enqueued: nothing has changed, or there is no image.
    """
    image: VersatileImageFieldFile = getattr(instance, field.name)
    target = target_of(instance, field, using)
    if written is not None and field.name not in written and field.attname not in written:
        # Only the focal point was written. The image is the one in the database.
        return _enqueue(target, field, image_of(target))
    transaction.on_commit(image.note_committed, using=using, robust=True)
    has_all = written is None or field.ppoi_field in (None, *written)
    return _enqueue(
        target,
        field,
        image if has_all else image_of(target),
        was_replaced=image.has_new_content,
        is_known=not (is_new or image.was_assigned),
    )


def _enqueue(
    target: JobTarget,
    field: VersatileImageField,
    image: VersatileImageFieldFile | None,
    *,
    was_replaced: bool = False,
    is_known: bool = True,
) -> bool:
    """Enqueue what `image` has outstanding, and send a hint after the commit.

    Args:
        was_replaced: This save stored new content under the name of the file.
        is_known: The content under the name cannot have changed since the last look.
    """
    plans = image.plans() if image else ()
    if not image or not plans:
        ledger.delete_job(target)
        return False
    wanted = signature(field, plans)
    if not was_replaced and _is_enqueued_or_made(target, wanted, image, is_known):
        return False
    # Force only if this name was rendered before; a new name has no stale files, and a second
    # attempt after a cut-off one can keep what the first one made.
    force = was_replaced and bool(recall(plans))
    dispatch.send_after_commit(ledger.enqueue(target, wanted, force=force))
    return True


def _is_enqueued_or_made(
    target: JobTarget, wanted: str, image: VersatileImageFieldFile, is_known: bool
) -> bool:
    # Stale read: a running attempt may have opened the content that was there before.
    on_ledger = ledger.signature_of(target, include_warming=is_known)
    if on_ledger is not None:
        return on_ledger == wanted
    look = Look.RECORDS if is_known else Look.ORIGINAL
    return are_made(image.storage, image.plans(), look)
