"""Real databases for the ledger, beside those of pytest-django: rows are committed for real."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.app.models import Article, Editor, Person, PlainEditor, PlainPerson
from tests.workers.broker import drain
from workers import dispatch
from workers.conf import BULK_QUEUE, QUEUE
from workers.models import SupersededJob, WarmJob, WarmRun


@contextmanager
def registered(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let Django know a database for a while; no test that does not ask for it sees it."""
    connections.settings[connection.alias] = connection.settings_dict
    connections[connection.alias] = connection
    try:
        yield
    finally:
        del connections[connection.alias]
        del connections.settings[connection.alias]


def connection_to(alias: str, address: dict[str, Any]) -> BaseDatabaseWrapper:
    """Return a connection of which Django does not know yet."""
    complete = connections.configure_settings({"default": {}, alias: address})
    connections.settings[alias] = complete[alias]
    connection = connections.create_connection(alias)
    del connections.settings[alias]
    return connection


def migrated(alias: str, address: dict[str, Any]) -> BaseDatabaseWrapper:
    """Return a connection to a database with all tables."""
    connection = connection_to(alias, address)
    with registered(connection):
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
    """Return the alias of a database with a ledger, each test once on SQLite and on PostgreSQL."""
    alias: str = request.param
    connection = request.getfixturevalue(f"_{alias}_connection")
    with django_db_blocker.unblock(), registered(connection):
        try:
            yield alias
        finally:
            for model in (
                WarmJob,
                SupersededJob,
                WarmRun,
                Article,
                Editor,
                Person,
                PlainEditor,
                PlainPerson,
            ):
                model._base_manager.using(alias).all()._raw_delete(alias)


@pytest.fixture(autouse=True)
def _nothing_sent_yet(monkeypatch) -> None:
    """Begin with empty queues, and with a broker of which nobody knows that it was silent."""
    monkeypatch.setattr(dispatch, "_circuit_open_until", 0.0)
    for queue in (QUEUE, BULK_QUEUE):
        drain(queue)
