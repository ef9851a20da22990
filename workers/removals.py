"""A picture that no row shows any more: what is owed to be taken away, and the taking away.

A removal is a job on the ledger, written in the transaction of the change. When its worker begins,
it looks at all rows of the project. So a rollback, a copied row or an upload under the same name
loses nothing:

- The row of a removal is locked while the worker looks. An upload puts off the removals of its
  name before it writes the file (`put_off`). If files are being deleted already, or a worker still
  has the former picture, it gets another name.
- On PostgreSQL, a save shares a lock on the name that it writes (`share`), and a removal waits for
  its commit. On SQLite, only one transaction writes at a time.
- A removal waits while a worker has the job of the picture: more files may come.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from django.db import connections, models, router, transaction

from renditions.engine.removal import delete_all, delete_all_renditions, delete_stale
from renditions.errors import PermanentError, gettext_noop
from renditions.fields import VersatileImageField
from renditions.imaging.geometry import CENTRE, FocalPoint
from renditions.inventory.rows import Rows
from renditions.planning.plans import Original
from renditions.ppoi import parse_ppoi, ppoi_text

from . import dispatch, ledger, statements
from .conf import worker_settings
from .metrics import JobResult
from .models import Takes
from .targets import (
    JobTarget,
    cleaned_fields,
    cleans_up,
    field_of,
    in_each_ledger,
    planned_paths,
    removal_of,
    target_of,
)

# A removal looks again after this, if a worker or a transaction has its picture.
LOOK_AGAIN_AFTER_S = 10


class FieldGone(PermanentError):
    """The code no longer has the field, so the storage of the picture is unknown."""

    kind = "field"
    headline = gettext_noop("The code no longer has the field of this picture.")


# ---- owing -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """The picture that a row shows."""

    name: str
    ppoi: str  # the focal point as text; empty if the field has none


def shown_by(
    fields: Sequence[VersatileImageField], pk: Any, using: str
) -> dict[VersatileImageField, Shown]:
    """Return the pictures that a row shows by `fields`, which are of one table, and lock the row.

    Call it in the transaction that changes the row. The row is read, because an instance in memory
    may be older.
    """
    if not fields or pk is None:
        return {}
    statements.take_write_lock(using)
    columns = [*(field.attname for field in fields), *filter(None, map(_own_ppoi, fields))]
    # Not the project's manager, which may hide rows.
    rows: models.QuerySet[Any] = models.QuerySet(fields[0].model, using=using).order_by()
    # The lock of an UPDATE. That of SELECT FOR UPDATE waits for transactions that insert rows which
    # point to this one, and two of them would wait for each other (deadlock).
    no_key = connections[using].features.has_select_for_no_key_update
    row = rows.filter(pk=pk).select_for_update(no_key=no_key).values(*columns).first()
    if row is None:
        return {}
    return {
        field: Shown(str(row[field.attname]), _ppoi_text(row.get(_own_ppoi(field) or "")))
        for field in fields
        if row[field.attname]
    }


def owe(target: JobTarget, field: VersatileImageField, former: Shown) -> ledger.Hint | None:
    """Owe the removal of a picture that its row no longer shows.

    Args:
        target: The image of the row now.

    Returns:
        The hint to send after the commit; None: a later sweep sends it.
    """
    if not field.cleanup:
        return None
    delay_s = worker_settings().removal_delay_s
    hint = ledger.owe_removal(
        replace(target, removed_name=former.name),
        Takes(field.cleanup),
        former.ppoi,
        delay_s=delay_s,
    )
    return None if delay_s else hint


def owe_deleted(
    sender: type[models.Model], instance: models.Model, using: str, **kwargs: Any
) -> None:
    """Owe the removal of the pictures of a row that is about to be deleted."""
    model = sender._meta.concrete_model or sender
    # The row of a parent model has a deletion of its own.
    pk = getattr(instance, str(model._meta.pk.attname), None)
    for field, former in shown_by(cleaned_fields(model), pk, using).items():
        hint = owe(target_of(instance, field, using), field, former)
        if hint:
            dispatch.send_after_commit(hint)


def owe_dropped(sender: VersatileImageField, name: str, instance: Any, **kwargs: Any) -> None:
    """Owe the removal of a picture whose `delete()` the project has called."""
    # The instance may be a stand-in.
    state = getattr(instance, "_state", None)
    using = getattr(state, "db", None) or router.db_for_write(sender.model)
    pk = getattr(instance, sender.model._meta.pk.attname, None)
    target = JobTarget(using, sender.model._meta.label, "" if pk is None else str(pk), sender.name)
    if not ledger.is_removal_owed(replace(target, removed_name=name)):
        hint = owe(target, sender, Shown(name, ""))
        if hint:
            dispatch.send_after_commit(hint)


def _own_ppoi(field: VersatileImageField) -> str | None:
    """Return the name of the focal point's field, if it is in the same table."""
    own = {each.name for each in field.model._meta.local_concrete_fields}
    return field.ppoi_field if field.ppoi_field in own else None


def _ppoi_text(point: Any) -> str:
    return ppoi_text(point) if isinstance(point, tuple) else ""


# ---- names that are shown again ----------------------------------------------------------------


def put_off(sender: VersatileImageField, name: str, **kwargs: Any) -> bool:
    """Put off the removals of `name`, because an upload is about to get it.

    Returns:
        Whether the upload needs another name: its files are being deleted at this moment, or a
        worker still has the former picture.
    """
    if not cleans_up():
        return False
    delay_s = worker_settings().lease_s

    def put_off_in(using: str) -> bool:
        return ledger.put_off_removals(using, name, delay_s=delay_s)

    return any(in_each_ledger(put_off_in))


def share(using: str, name: str) -> None:
    """Let removals of `name` wait for the end of this transaction, which writes it to a row."""
    statements.share_name(using, removal_of(name))


# ---- the work ----------------------------------------------------------------------------------


class _Turn(Enum):
    """What a worker does with a removal."""

    BEGIN = "begin"
    KEEP = "keep"  # a row shows the picture
    WAIT = "wait"  # an open transaction has written its name
    LEAVE = "leave"  # the claim is no longer valid


def take_away(claim: ledger.Claim, removal: ledger.Removal) -> JobResult | None:
    """Take away what `claim` is about, or settle it if a row shows the picture.

    Returns:
        How the attempt has ended; None if the claim is no longer valid.

    Raises:
        RenditionError: the storage refused or failed.
    """
    field, name = field_of(claim.target), claim.target.removed_name
    if field is None:
        label = f"{claim.target.model_label}.{claim.target.field_name}"
        raise FieldGone(f"{label} is not in the code. `renditions prune --orphans` finds files.")
    if ledger.is_in_progress(replace(claim.target, removed_name="")):
        return _wait(claim)
    turn = _decide(claim, field, name)
    if turn is _Turn.LEAVE:
        return None
    if turn is _Turn.WAIT:
        return _wait(claim)
    original = _original_of(claim.target, removal, field)
    if turn is _Turn.KEEP:
        delete_stale(field.storages, original, planned_paths(original, claim.target.using))
    elif removal.takes is Takes.ALL:
        delete_all(field.storages, original, written_until=removal.owed_at)
    else:
        delete_all_renditions(field.storages, original)
    result = JobResult.KEPT if turn is _Turn.KEEP else JobResult.REMOVED
    return result if ledger.settle(claim, counted="blank") else None


def _wait(claim: ledger.Claim) -> JobResult | None:
    return JobResult.PUT_OFF if ledger.wait(claim, delay_s=LOOK_AGAIN_AFTER_S) else None


def _decide(claim: ledger.Claim, field: VersatileImageField, name: str) -> _Turn:
    using = claim.target.using
    with transaction.atomic(using=using):
        statements.read_committed(using)
        if not ledger.begin_removal(claim):
            return _Turn.LEAVE
        if statements.try_name(using, claim.target.removal):
            if not Rows(field.storages.originals).is_shown(name):
                return _Turn.BEGIN
            turn = _Turn.KEEP
        else:
            turn = _Turn.WAIT
        transaction.set_rollback(True, using=using)
    return turn


def _original_of(
    target: JobTarget, removal: ledger.Removal, field: VersatileImageField
) -> Original:
    originals, renditions = field.storages.labels
    return Original(
        field.label,
        originals,
        target.removed_name,
        FocalPoint(*parse_ppoi(removal.ppoi)) if removal.ppoi else CENTRE,
        object_pk=target.object_pk,
        renditions=renditions,
    )
