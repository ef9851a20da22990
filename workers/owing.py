"""Put on the ledger what an instance has outstanding."""

from django.db import models, router

from renditions import conf as library
from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile
from renditions.records import Recorder
from renditions.warming import is_known_current

from . import dispatch, ledger
from .subjects import signature, subject_of, warmed_fields

CHUNK_ROWS = 500


def owe_all(queryset: models.QuerySet[models.Model]) -> int:
    """Owe what each instance of `queryset` has outstanding; return how many rows were put.

    For what sends no signal: call it after `bulk_create`, `bulk_update`, `update` and raw SQL.
    """
    return sum(
        # Where a save would write: the queryset may have been read from a replica.
        owe(instance, field, router.db_for_write(queryset.model, instance=instance))
        for instance in queryset.iterator(chunk_size=CHUNK_ROWS)
        for field in warmed_fields(queryset.model)
    )


def owe(instance: models.Model, field: VersatileImageField, using: str) -> bool:
    """Owe what `instance` has outstanding for `field`, and hint after the commit.

    Returns:
        False where nothing is put: nothing has changed, or there is no picture.
    """
    image: VersatileImageFieldFile = getattr(instance, field.name)
    subject = subject_of(instance, field, using)
    plans = image.plans()
    if not plans:
        ledger.forget(subject)
        return False
    owed = signature(plans)
    # Said once: a later save of the same object need not bring the picture again.
    was_replaced, image.was_replaced = image.was_replaced, False
    if not was_replaced and _is_owed_or_made(subject, owed, image):
        return False
    # Under a name that is known, files of the old content may lie. Under a new one they can't, and
    # an attempt that follows one that was cut off need not begin anew.
    force = was_replaced and bool(Recorder(library.store()).recall(plans))
    dispatch.send_after_commit(ledger.owe(subject, owed, force=force))
    return True


def _is_owed_or_made(subject: ledger.Subject, owed: str, image: VersatileImageFieldFile) -> bool:
    on_ledger = ledger.signature_of(subject)
    if on_ledger is not None:
        return on_ledger == owed
    return is_known_current(image.plans())
