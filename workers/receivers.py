"""A save owes renditions; a deletion owes nothing any more."""

import functools
from collections.abc import Collection
from typing import Any

from django.apps import apps
from django.db import models, router, transaction
from django.db.models.signals import post_delete, post_save

from renditions.fields import VersatileImageField

from . import ledger, owing
from .subjects import subject_of, warmed_fields


def connect() -> None:
    """Listen to every model that declares something to warm, and to no other."""
    _save_in_one_transaction()
    for model in apps.get_models(include_auto_created=True):
        if warmed_fields(model):
            post_save.connect(owe_saved, sender=model, dispatch_uid="renditions.owe")
            post_delete.connect(forget_deleted, sender=model, dispatch_uid="renditions.forget")


def owe_saved(
    sender: type[models.Model],
    instance: models.Model,
    using: str,
    update_fields: Collection[str] | None,
    created: bool,
    raw: bool = False,
    **kwargs: Any,
) -> None:
    """Put what this save owes on the ledger, in its transaction.

    Fixtures (`raw`) owe like any other save; they have an inherited picture with its own model.
    """
    for field in warmed_fields(sender):
        is_elsewhere = raw and field.model is not sender._meta.concrete_model
        if _was_saved(field, update_fields) and not is_elsewhere:
            owing.owe_saved(instance, field, using, is_new=created or raw, written=update_fields)


def forget_deleted(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Take the row of a deleted instance away; a worker that is at it publishes nothing more."""
    for field in warmed_fields(sender):
        # An inherited picture goes with its own model's row, which may be kept.
        if field.model is sender._meta.concrete_model:
            ledger.forget(subject_of(instance, field, using))


def _save_in_one_transaction() -> None:
    """Make a save of a warmed model and what its receivers write one commit.

    Outside of `atomic()` Django commits the row first and sends `post_save` afterwards: a process
    killed between the two would have saved a picture that is owed nothing. Deserialized objects
    are saved by the method of `Model` itself, so it is the one to wrap.
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


def _was_saved(field: VersatileImageField, update_fields: Collection[str] | None) -> bool:
    # Django names what it saves of an instance with deferred fields.
    if update_fields is None:
        return True
    return bool({field.name, field.attname, field.ppoi_field} & set(update_fields))
