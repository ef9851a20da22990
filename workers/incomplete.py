"""Which pictures lack their end, and were accepted: `RENDITIONS["INCOMPLETE"] = "accept"`.

A job is deleted when everything is made, so each such picture has a row of its own. The transaction
that ends the job writes it, or deletes it if the picture is complete by now. A sweep deletes the
rows of pictures that nobody shows any more, so no save and no deletion pays for them.
"""

import functools
from collections.abc import Iterable
from contextlib import nullcontext

from django.core.signals import setting_changed
from django.db import models, router, transaction
from django.db.models.functions import Now
from django.dispatch import receiver

from renditions import conf
from renditions.planning.plans import Original

from .models import IncompletePicture
from .targets import JobTarget, field_of, valid_keys

# Rows that one sweep looks at. The next one looks at those after them.
ROWS_AT_ONCE = 500


def is_news(target: JobTarget, share_of_rows: float | None) -> bool:
    """Whether an attempt has found out something about the picture that `note` has to write.

    Args:
        share_of_rows: That its file has; None: it was not decoded.
    """
    if share_of_rows is None:
        return False
    if share_of_rows < 1:
        return True
    return _may_have_rows(target.using) and _rows_of(target).exists()


def note(target: JobTarget, name: str, share_of_rows: float) -> None:
    """Write the row of the picture `name`, or delete it; call it in the transaction of the job."""
    if share_of_rows < 1:
        _rows().using(target.using).update_or_create(
            model_label=target.model_label,
            object_pk=target.object_pk,
            field_name=target.field_name,
            defaults={"name": name, "share_of_rows": share_of_rows, "noticed_at": Now()},
        )
    else:
        _rows_of(target).delete()


def note_made(original: Original, share_of_rows: float | None = None, **kwargs: object) -> None:
    """Note what something else than a job has found out: a page on demand, the warmer."""
    model_label, _, field_name = original.field.rpartition(".")
    field = field_of(JobTarget("", model_label, "", field_name)) if original.object_pk else None
    if field is None or share_of_rows is None:
        return
    using = router.db_for_write(field.model)
    target = JobTarget(using, model_label, original.object_pk, field_name)
    # A query that fails breaks the transaction that it is in (PostgreSQL). Inside a transaction of
    # the project, `atomic` is a savepoint, so only these queries are lost.
    is_inside = transaction.get_connection(using).in_atomic_block
    with transaction.atomic(using=using) if is_inside else nullcontext():
        if is_news(target, share_of_rows):
            note(target, original.name, share_of_rows)


def forget(using: str, limit: int = ROWS_AT_ONCE) -> int:
    """Delete the rows of pictures that their objects no longer show; return how many.

    It looks at `limit` rows, and goes on with the next ones when it is called again.
    """
    after = _looked_at.get(using, 0)
    rows = list(_rows().using(using).filter(pk__gt=after).order_by("pk")[:limit])
    _looked_at[using] = rows[-1].pk if len(rows) == limit else 0
    shown = _shown(using, rows)
    stale = [row for row in rows if shown.get(_key_of(row)) != row.name]
    # Only if the row is about the same picture still: a job may have written it meanwhile.
    return sum(_rows().using(using).filter(pk=row.pk, name=row.name).delete()[0] for row in stale)


# The key of the last row that this process has looked at, by database.
_looked_at: dict[str, int] = {}


def _shown(using: str, rows: Iterable[IncompletePicture]) -> dict[tuple[str, str, str], str]:
    """Return the names of the pictures that the objects of `rows` show: one query for a field."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        wanted.setdefault((row.model_label, row.field_name), []).append(row.object_pk)
    found = {}
    for (model_label, field_name), pks in wanted.items():
        field = field_of(JobTarget(using, model_label, "", field_name))
        if field:
            keys = list(valid_keys(field.model, pks))
            instances = field.model._base_manager.using(using).filter(pk__in=keys)
            for pk, name in instances.values_list("pk", field.name):
                found[model_label, str(pk), field_name] = str(name or "")
    return found


def _rows() -> models.Manager[IncompletePicture]:
    return IncompletePicture.objects


def _rows_of(target: JobTarget) -> models.QuerySet[IncompletePicture]:
    return (
        _rows()
        .using(target.using)
        .filter(
            model_label=target.model_label,
            object_pk=target.object_pk,
            field_name=target.field_name,
        )
    )


def _key_of(row: IncompletePicture) -> tuple[str, str, str]:
    return row.model_label, row.object_pk, row.field_name


def _may_have_rows(using: str) -> bool:
    return conf.limits().accepts_incomplete or _had_rows(using)


# Without the setting, no process adds rows, so one look is enough.
@functools.cache
def _had_rows(using: str) -> bool:
    return _rows().using(using).exists()


@receiver(setting_changed)
def _look_again(**_: object) -> None:
    _had_rows.cache_clear()
