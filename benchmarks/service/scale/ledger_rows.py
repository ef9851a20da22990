"""Fill the ledger with many rows, as a long outage and a large `enqueue_all` leave them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Max
from django.utils import timezone

from workers.models import JobState, RunState, WarmJob, WarmRun

from ..app.models import Photo

TABLE = WarmJob._meta.db_table
# A run keeps this many of its jobs outstanding: the default of MAX_QUEUED.
OF_RUN = 1000


@dataclass(frozen=True, slots=True)
class Kind:
    """A share of the rows that differ only in object, time and key."""

    share: float  # or OF_RUN, the number of rows
    values: dict[str, Any]
    # SQL; each further row is due a millisecond later. None: no row is ever due.
    first_due: str | None


def kinds() -> list[Kind]:
    """Return the kinds of rows, with their runs: half of the rows have failed.

    The rows that `due` has to find are behind those that it must not return: the paused run is due
    first, the running one last.
    """
    paused, running = (
        WarmRun.objects.get_or_create(
            model_label=Photo._meta.label,
            field_name=name,
            defaults={"state": state, "planned": OF_RUN},
        )[0]
        for name, state in (("paused", RunState.PAUSED), ("running", RunState.RUNNING))
    )
    failed = {
        "state": JobState.FAILED,
        "attempts": 4,
        "kind": "storage",
        "headline": "The file storage did not answer.",
        "detail": "photos/12345.jpg: TimeoutError: timed out",
        "failures": [{"path": "a.jpg", "kind": "storage", "headline": "", "detail": "timed out"}],
    }
    days = "now() - interval '{} days'".format
    return [
        Kind(0.50, failed, None),
        Kind(OF_RUN, {"state": JobState.QUEUED, "run": paused}, days(3)),
        Kind(0.48, {"state": JobState.QUEUED}, days(2)),
        Kind(OF_RUN, {"state": JobState.QUEUED, "run": running}, days(1)),
        Kind(0.02, {"state": JobState.QUEUED, "attempts": 1}, "now() + interval '1 hour'"),
    ]


def fill(size: int) -> None:
    """Add rows until there are `size`, and let the server learn what is there."""
    missing = size - WarmJob.objects.count()
    with connection.cursor() as cursor:
        for kind in kinds():
            if kind.share != OF_RUN:
                _add(cursor, kind, round(missing * kind.share))
            elif not WarmJob.objects.filter(run=kind.values["run"]).exists():
                _add(cursor, kind, OF_RUN)
        cursor.execute(f"VACUUM ANALYZE {TABLE}")


def _add(cursor, kind: Kind, count: int) -> None:
    """Copy one row of `kind` that Django has written, so that no column is forgotten."""
    now = timezone.now()
    first = int(WarmJob.objects.aggregate(last=Max("pk"))["last"] or 0)
    pattern = WarmJob.objects.create(
        model_label=Photo._meta.label, object_pk=f"p{first}", field_name="image",
        due_at=now, queued_at=now - timedelta(days=5), changed_at=now, **kind.values,
    )  # fmt: skip
    columns = [field.column for field in WarmJob._meta.concrete_fields if not field.primary_key]
    due_at = f"{kind.first_due} + n * interval '1 millisecond'" if kind.first_due else "NULL"
    new = {"object_pk": f"({first} + n)::text", "due_at": due_at}
    cursor.execute(
        f"INSERT INTO {TABLE} ({', '.join(columns)}) "
        f"SELECT {', '.join(new.get(column, column) for column in columns)} "
        f"FROM {TABLE}, generate_series(1, %s) AS n WHERE id = %s",
        [count, pattern.pk],
    )
    WarmJob.objects.filter(pk=pattern.pk).delete()
