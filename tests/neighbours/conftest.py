"""Fixtures for the test jobs, each of which is a project of its own."""

import os
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType

from tests.workers.conftest import (
    _empty_queues,
    _postgres_connection,
    _sqlite_connection,
    broker,
    ledger_db,
    registered,
)
from workers.models import SupersededJob, WarmJob, WarmRun

__all__ = ["_empty_queues", "_postgres_connection", "_sqlite_connection", "broker", "ledger_db"]

# The suite runs without these packages and with other settings.
collect_ignore_glob = [] if os.environ.get("NEIGHBOUR") else ["*/*"]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def neighbour_db(request: pytest.FixtureRequest, django_db_blocker) -> Iterator[str]:
    """Return the alias of a database, each test once on SQLite and on PostgreSQL."""
    alias: str = request.param
    connection = request.getfixturevalue(f"_{alias}_connection")
    models_of_project = list(apps.get_app_config("project").get_models())
    with django_db_blocker.unblock(), registered(connection):
        ContentType.objects.clear_cache()
        try:
            yield alias
        finally:
            connection.close()
            with connection.constraint_checks_disabled():
                # Children before their parents.
                for model in (WarmJob, SupersededJob, WarmRun, *reversed(models_of_project)):
                    model._base_manager.using(alias).all()._raw_delete(alias)
            ContentType.objects.clear_cache()
