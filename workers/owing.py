"""Put on the ledger what an instance has outstanding."""

from collections.abc import Collection

from django.db import models, router, transaction

from renditions import conf as library
from renditions.engine.warming import is_known_current
from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile
from renditions.records import Recorder

from . import dispatch, ledger
from .subjects import image_of, signature, subject_of, warmed_fields

CHUNK_ROWS = 500


def owe_all(queryset: models.QuerySet[models.Model]) -> int:
    """Owe what each instance of `queryset` has outstanding; return how many rows were put.

    For what sends no signal: call it after `bulk_create`, `bulk_update`, `update` and raw SQL.
    """
    return sum(
        # Where a save would write: the queryset may have been read from a replica.
        _owe(
            subject_of(instance, field, router.db_for_write(queryset.model, instance=instance)),
            field,
            getattr(instance, field.name),
            is_known=False,
        )
        for instance in queryset.iterator(chunk_size=CHUNK_ROWS)
        for field in warmed_fields(queryset.model)
    )


def owe_saved(
    instance: models.Model,
    field: VersatileImageField,
    using: str,
    *,
    is_new: bool,
    written: Collection[str] | None,
) -> bool:
    """Owe what a save of `instance` leaves outstanding for `field`, and hint after the commit.

    Args:
        is_new: Its row was not there before, or comes from a fixture.
        written: Names of the fields that were written; None: all.

    Returns:
        False where nothing is put: nothing has changed, or there is no picture.
    """
    image: VersatileImageFieldFile = getattr(instance, field.name)
    subject = subject_of(instance, field, using)
    if written is not None and field.name not in written and field.attname not in written:
        # The focal point alone. The picture is the one that the database has.
        return _owe(subject, field, image_of(subject))
    transaction.on_commit(image.note_committed, using=using, robust=True)
    has_all = written is None or field.ppoi_field in (None, *written)
    return _owe(
        subject,
        field,
        image if has_all else image_of(subject),
        was_replaced=image.has_new_content,
        is_known=not (is_new or image.was_assigned),
    )


def _owe(
    subject: ledger.Subject,
    field: VersatileImageField,
    image: VersatileImageFieldFile | None,
    *,
    was_replaced: bool = False,
    is_known: bool = True,
) -> bool:
    """Owe what `image` has outstanding.

    Args:
        was_replaced: New content was put under its name.
        is_known: Nothing has happened that could have put other content there.
    """
    plans = image.plans() if image else ()
    if not image or not plans:
        ledger.forget(subject)
        return False
    owed = signature(field, plans)
    if not was_replaced and _is_owed_or_made(subject, owed, image, is_known):
        return False
    # Under a name that is known, files of the old content may lie. Under a new one they can't, and
    # an attempt that follows one that was cut off need not begin anew.
    force = was_replaced and bool(Recorder(library.store()).recall(plans))
    dispatch.send_after_commit(ledger.owe(subject, owed, force=force))
    return True


def _is_owed_or_made(
    subject: ledger.Subject, owed: str, image: VersatileImageFieldFile, is_known: bool
) -> bool:
    # An attempt that is going on may have opened what lay there before.
    on_ledger = ledger.signature_of(subject, begun=is_known)
    if on_ledger is not None:
        return on_ledger == owed
    return is_known_current(image.plans(), None if is_known else image.storage)
