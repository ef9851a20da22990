"""The database drops connections, is locked, refuses to serialize, and rolls back.

No job runs before its row is visible. A rolled-back save leaves nothing. A save whose process dies
in the middle leaves a picture with a ledger row, or no picture, also in autocommit mode.

Guards: `after-commit` (a message is sent after the commit), `one-commit` (picture and ledger row
are one commit).
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from tests.chaos import witness
from tests.chaos.patches import replaced
from tests.chaos.run import Chaos
from tests.chaos.service import Options


def options(*, short: bool, database: str) -> Options:
    """SQLite: wait less for a lock than it is held. PostgreSQL: SERIALIZABLE isolation."""
    workers = 1 if short else 2
    if database == "postgres":
        from psycopg import IsolationLevel

        return Options(
            workers=workers, database={"isolation_level": int(IsolationLevel.SERIALIZABLE)}
        )
    return Options(workers=workers, database={"timeout": 5})


def run(chaos: Chaos) -> None:
    """Disturb the connections of the workers, but not that of this process."""
    _rolled_back(chaos)
    _killed_saves(chaos)
    _never_early(chaos)
    for _ in range(chaos.size(12, 2)):
        chaos.save_many(chaos.size(8, 4))
        chaos.service.pause(chaos.dice.uniform(0, 0.3))
        _cut_connections(chaos) if connection.vendor == "postgresql" else _lock(chaos)
        chaos.verdict.injected += 1
    chaos.settle()


def _rolled_back(chaos: Chaos) -> None:
    """Roll back saves: no row, no message and no rendition may stay."""
    from django.core.files.storage import default_storage

    from tests.chaos.app.models import Picture
    from workers.models import WarmJob

    paths = []
    for _ in range(chaos.size(20, 5)):
        try:
            with transaction.atomic():
                picture = chaos.save("rolled-back.jpg")
                paths += [plan.path for plan in picture.image.plans()]
                raise _Stop
        except _Stop:
            chaos.verdict.injected += 1
    chaos.service.pause(1)
    chaos.expect(not WarmJob.objects.exists(), "a rollback leaves no row")
    chaos.expect(not Picture.objects.exists(), "a rollback leaves no picture")
    left = [path for path in paths if default_storage.exists(path)]
    chaos.expect(not left, "a rollback leaves no rendition")
    messages = [e for e in witness.read(chaos.environment.witness) if e["what"] == "message"]
    chaos.expect(not messages, f"a rollback sends no message; {len(messages)} came")


def _killed_saves(chaos: Chaos) -> None:
    """Stop saves between the INSERT of the picture and that of the ledger row, like a SIGKILL."""
    with _stopped_before_ledger():
        for _ in range(chaos.size(20, 5)):
            try:
                chaos.save("killed.jpg")
            except _Stop:
                chaos.verdict.injected += 1


class _Stop(Exception):
    pass


@contextmanager
def _stopped_before_ledger() -> Iterator[None]:
    from workers import enqueue

    def stop(*args: object, **kwargs: object) -> None:
        raise _Stop

    with replaced(enqueue, "enqueue_saved", stop):
        yield


def _never_early(chaos: Chaos) -> None:
    """Save in transactions that stay open for a moment: no message may come before its row."""
    committed: dict[int, float] = {}
    for _ in range(chaos.size(1000, 40)):
        with transaction.atomic():
            picture = chaos.save()
            time.sleep(chaos.dice.uniform(0, 0.004))
            job_id = _job_id(picture)
            committed[job_id] = time.monotonic()
    chaos.settle(180)
    early = [
        event
        for event in witness.read(chaos.environment.witness)
        if event["what"] == "message" and event["at"] < committed.get(event["hinted"], 0)
    ]
    chaos.expect(not early, f"{len(early)} messages came before their row was visible")


def _job_id(picture) -> int:
    from workers.models import WarmJob

    job_id: int = WarmJob.objects.values_list("pk", flat=True).get(object_pk=str(picture.pk))
    return job_id


def _cut_connections(chaos: Chaos) -> None:
    """Terminate all other connections, whatever they are doing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )


def _lock(chaos: Chaos) -> None:
    """Hold the write lock, sometimes longer than a worker waits for it."""
    held_s = chaos.dice.choice((0.5, 2, 6.5)) if not chaos.short else 1
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    try:
        other.execute("PRAGMA busy_timeout=20000")
        other.execute("BEGIN IMMEDIATE")
        chaos.service.pause(held_s)
        other.execute("ROLLBACK")
    finally:
        other.close()
