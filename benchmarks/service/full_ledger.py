"""Fill the ledger as a bad day leaves it: every state, every kind of failure, several models."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from renditions.errors import RenditionError, StorageFailed
from workers.failures import Failure
from workers.models import (
    Heartbeat,
    JobState,
    RunState,
    SupersededJob,
    Takes,
    Throughput,
    WarmJob,
    WarmRun,
    WorkerNode,
)

from .app.models import Cover, Photo, Portrait

TABLE = WarmJob._meta.db_table
MODELS = (Photo, Cover, Portrait)
WORKERS, PROCESSES = 50, 4
MINUTES = 180  # of throughput: a sweep deletes older rows
# A run keeps this many of its jobs outstanding: the default of MAX_QUEUED.
OF_RUN = 1000

# SQL for the time `n` milliseconds after another one.
_LATER = {
    "postgresql": "{} + n * interval '1 millisecond'",
    "sqlite": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', {}, (n / 1000.0) || ' seconds')",
}
_SERIES = "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < %s) "


@dataclass(frozen=True, slots=True)
class Share:
    """Rows of one model that differ only in object, time and key."""

    share: float  # of all rows
    values: dict[str, Any] = field(default_factory=dict)


def fill(size: int) -> None:
    """Put `size` jobs on the ledger, with all that runs beside them.

    Hard for a count that should not read the table: the rows of a kind are one after another, and
    all that are queued were updated since the last vacuum, as when their messages are sent.
    """
    runs = _runs()
    first = 0
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # It would mend at some moment what is measured.
            cursor.execute(f"ALTER TABLE {TABLE} SET (autovacuum_enabled = off)")
        for model in MODELS:
            for share in _shares():
                number = max(1, round(size * share.share / len(MODELS)))
                _add(cursor, first, number, model, share.values)
                first += number
        for run in runs:
            of_run = {"run": run, "state": JobState.QUEUED}
            _add(cursor, first, min(size, OF_RUN), Photo, of_run)
            first += OF_RUN
        leases = {"state": JobState.WARMING, "lease_until": Now() + timedelta(hours=9)}
        for worker in range(WORKERS):
            held = {**leases, "lease_worker": _name(worker), "lease_token": "t"}
            _add(cursor, first, PROCESSES, Photo, held)
            first += PROCESSES
        if connection.vendor == "postgresql":
            cursor.execute(f"VACUUM {TABLE}")
        WarmJob.objects.filter(state=JobState.QUEUED).update(hinted_at=Now())
        cursor.execute(f"ANALYZE {TABLE}")
    _parts()


def _shares() -> Iterator[Share]:
    """Yield half of the rows as queued, 4 in 10 as failed, the rest as retries and removals."""
    yield Share(0.5)
    yield Share(0.05, {**_failed(StorageFailed), "attempts": 1, "due_at": timedelta(hours=9)})
    yield Share(0.05, {"takes": Takes.ALL, "removed_name": "photos/old.jpg"})
    errors = list(_errors(RenditionError))
    # The first kind is twice as frequent as the second, three times as the third.
    parts = [1 / number for number in range(1, len(errors) + 1)]
    for error, part in zip(errors, parts, strict=True):
        failed = {**_failed(error), "state": JobState.FAILED, "attempts": 4, "due_at": None}
        yield Share(0.4 * part / sum(parts), failed)


def _errors(error: type[RenditionError]) -> Iterator[type[RenditionError]]:
    """Yield every kind of failure that there is."""
    for each in error.__subclasses__():
        if each.kind != RenditionError.kind:
            yield each
        yield from _errors(each)


def _failed(error: type[RenditionError]) -> dict[str, Any]:
    first = {"kind": error.kind, "headline": error.headline, "detail": "TimeoutError: timed out"}
    return {**first, "failures": [Failure("photos/12345.jpg", **first).as_json()]}


def _add(cursor: Any, first: int, number: int, model: Any, values: dict[str, Any]) -> None:
    """Copy one row that Django has written, so that no column is forgotten."""
    now = timezone.now()
    start = now - timedelta(days=2)
    due_at = values.get("due_at", start)
    due_at = now + due_at if isinstance(due_at, timedelta) else due_at
    times = {"queued_at": start, "changed_at": now, "due_at": due_at}
    row = {"model_label": model._meta.label, "object_pk": "pattern", "field_name": "image"}
    pattern = WarmJob.objects.create(**{**row, **values, **times})
    columns = [each.column for each in WarmJob._meta.concrete_fields if not each.primary_key]
    new = {"object_pk": f"CAST({first} + n AS TEXT)", "removal": "removal"}
    for column in ("queued_at", "due_at"):
        new[column] = _LATER[connection.vendor].format(column)
    cursor.execute(
        f"INSERT INTO {TABLE} ({', '.join(columns)}) {_SERIES}"
        f"SELECT {', '.join(new.get(column, column) for column in columns)} "
        f"FROM {TABLE}, series WHERE id = %s",
        [number, pattern.pk],
    )
    WarmJob.objects.filter(pk=pattern.pk).delete()


def _runs() -> list[WarmRun]:
    """Return the runs that have jobs; others have ended."""
    unfinished = [
        WarmRun.objects.create(
            model_label=model._meta.label, field_name="image", total=10**7, planned=10**6,
            created=9 * 10**5, state=state,
        )
        for model, state in zip(MODELS[:2], (RunState.RUNNING, RunState.PAUSED), strict=True)
    ]  # fmt: skip
    WarmRun.objects.filter(state=RunState.RUNNING).update(resumed_at=Now() - timedelta(hours=3))
    for _ in range(50):
        WarmRun.objects.create(model_label="app.Photo", field_name="image", state=RunState.DONE)
    SupersededJob.objects.bulk_create(SupersededJob(run=unfinished[0]) for _ in range(OF_RUN))
    return unfinished


def _parts() -> None:
    """Let beat and workers have been seen just now, and have done something in each minute."""
    for name in (Heartbeat.BEAT, Heartbeat.SWEEP):
        Heartbeat.objects.create(name=name, beaten_at=Now())
    WorkerNode.objects.bulk_create(
        WorkerNode(
            name=_name(number), queues=["renditions", "renditions.bulk"], processes=PROCESSES,
            release="0.1.0", started_at=Now() - timedelta(days=1),
            # The pages are asked for longer than a worker may be silent.
            seen_at=Now() + timedelta(hours=9),
        )
        for number in range(WORKERS)
    )  # fmt: skip
    this_minute = timezone.now().replace(second=0, microsecond=0)
    Throughput.objects.bulk_create(
        (
            Throughput(
                minute=this_minute - timedelta(minutes=minute),
                process=f"host{process}:{process}",
                made=process,
                failed=minute % 3,
            )
            for minute in range(MINUTES)
            for process in range(WORKERS * PROCESSES)
        ),
        batch_size=500,
    )


def _name(worker: int) -> str:
    return f"renditions@app-server-{worker:03}"
