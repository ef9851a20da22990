"""Real databases for the ledger, beside those of pytest-django: rows are really committed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from redis import Redis

from tests.app.models import (
    Article,
    Editor,
    FramedPoster,
    Person,
    PlainEditor,
    PlainPerson,
    Poster,
    Story,
)
from tests.workers.broker import celery_on, drain
from tests.workers.concurrency import wait_for_calls
from workers import dispatch, incomplete, ledger
from workers.conf import BULK_QUEUE, QUEUE
from workers.ledger import Hint
from workers.models import (
    Event,
    Heartbeat,
    IncompletePicture,
    SupersededJob,
    Throughput,
    WarmJob,
    WarmRun,
    WorkerNode,
)
from workers.targets import JobTarget

HERO = [("hero", "thumbnail__100x100")]
LEAD = [("lead", "thumbnail__90x90")]


@contextmanager
def registered(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let Django know a database inside the block."""
    connections.settings[connection.alias] = connection.settings_dict
    connections[connection.alias] = connection
    try:
        yield
    finally:
        wait_for_calls()
        del connections[connection.alias]
        del connections.settings[connection.alias]


def connection_to(alias: str, address: dict[str, Any]) -> BaseDatabaseWrapper:
    """Return a connection that Django does not know yet."""
    complete = connections.configure_settings({"default": {}, alias: address})
    connections.settings[alias] = complete[alias]
    connection = connections.create_connection(alias)
    del connections.settings[alias]
    return connection


def migrated(alias: str, address: dict[str, Any]) -> BaseDatabaseWrapper:
    """Return a connection to a database with all tables."""
    connection = connection_to(alias, address)
    with registered(connection):
        call_command("migrate", database=alias, verbosity=0)
        # Tables of apps without migrations may refer to the others.
        call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
    return connection


@pytest.fixture(scope="session")
def _sqlite_connection(tmp_path_factory, django_db_setup, django_db_blocker):
    address = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": tmp_path_factory.mktemp("ledger") / "ledger.sqlite3",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF",
        },
    }
    with django_db_blocker.unblock():
        connection = migrated("sqlite", address)
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def _postgres_connection(postgres, django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        connection = migrated("postgres", {**postgres, "NAME": "postgres"})
    yield connection
    connection.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def ledger_db(request: pytest.FixtureRequest, django_db_blocker) -> Iterator[str]:
    """Return the alias of a database with a ledger: each test runs on SQLite and PostgreSQL."""
    alias: str = request.param
    connection = request.getfixturevalue(f"_{alias}_connection")
    with django_db_blocker.unblock(), registered(connection):
        # A process keeps whether there were incomplete pictures, and here there are none.
        incomplete._had_rows.cache_clear()
        try:
            yield alias
        finally:
            for model in (
                WarmJob,
                SupersededJob,
                WarmRun,
                Event,
                IncompletePicture,
                Heartbeat,
                Throughput,
                WorkerNode,
                Article,
                FramedPoster,
                Poster,
                Editor,
                Person,
                PlainEditor,
                PlainPerson,
                Story,
            ):
                model._base_manager.using(alias).all()._raw_delete(alias)


@pytest.fixture
def in_steps(ledger_db, monkeypatch) -> None:
    """Let the database be one that cannot insert or update a row in one statement."""
    features = connections[ledger_db].features
    monkeypatch.setattr(features, "supports_update_conflicts_with_target", False)


@pytest.fixture(autouse=True)
def _empty_queues(monkeypatch) -> None:
    """Start with empty queues, and with a closed circuit breaker."""
    monkeypatch.setattr(dispatch, "_circuit_open_until", 0.0)
    for queue in (QUEUE, BULK_QUEUE):
        drain(queue)


@pytest.fixture
def people(picture, configure):
    """Return a function that creates people with a picture, without a job or a rendition."""
    sets = {"headshot": [("one", "crop__20x20")], "hero": HERO, "lead": LEAD}
    configure(KEY_SETS=sets)

    storage = Person._meta.get_field("headshot").storage

    def make(number: int, using: str = "default") -> list[Person]:
        names = [storage.save("people/a.jpg", picture()) for _ in range(number)]
        return Person.objects.using(using).bulk_create([Person(headshot=name) for name in names])

    return make


@pytest.fixture
def broker(valkey) -> Iterator[Celery]:
    """Send to an empty database of a real Valkey."""
    Redis(unix_socket_path=str(valkey.socket), db=7).flushdb()
    with celery_on(valkey.broker_url(7)) as app:
        yield app


def enqueue_unsent(number: int, using: str = "default") -> Hint:
    """Enqueue a job whose message was not sent."""
    hint = ledger.enqueue(JobTarget(using, "app.Person", str(number), "headshot"), "s")
    WarmJob.objects.using(using).update(hinted_at=None)
    return hint


@contextmanager
def replica_that_fails(how: str, folder: Path) -> Iterator[None]:
    """Let Django know a database that is away, empty or read-only."""
    name = folder / "nowhere" / "replica" if how == "away" else folder / "replica"
    address = {"ENGINE": "django.db.backends.sqlite3", "NAME": name}
    connection = (migrated if how == "read-only" else connection_to)("replica", address)
    with registered(connection):
        if how == "read-only":
            enqueue_unsent(3, "replica")
            connection.cursor().execute("PRAGMA query_only = ON")
        yield
    connection.close()
