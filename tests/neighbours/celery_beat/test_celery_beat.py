"""django-celery-beat keeps the schedule in the database."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.core.checks import run_checks
from django.db import connection
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import ModelEntry

from tests.service import commands
from tests.service.processes import Process, inherited, logged
from tests.service.servers import Valkey
from tests.service.waiting import wait_for
from workers.conf import CELERY, QUEUE, TaskName

pytestmark = pytest.mark.django_db(transaction=True)

SWEEP = CELERY["beat_schedule"][TaskName.SWEEP]


# ---- the process of beat -----------------------------------------------------------------------


@pytest.fixture
def beat(valkey: Valkey, tmp_path: Path, broker: Celery) -> Iterator[Process]:
    """A real beat, which looks at the database each second."""
    command = commands.beat("tests.neighbours.celery_beat.app", "", "--max-interval", "1")
    environment = inherited(
        DJANGO_SETTINGS_MODULE="tests.neighbours.celery_beat.settings",
        BEAT_DATABASE=str(connection.settings_dict["NAME"]),
        BEAT_BROKER=valkey.broker_url(7),
    )
    ready = logged("beat: Starting...")
    log = tmp_path / "beat.log"
    with Process(command, log, environment=environment, is_ready=ready) as process:
        yield process.wait_until_ready()


def messages(valkey: Valkey) -> list[dict[str, Any]]:
    return [json.loads(raw) for raw in valkey.client(7).lrange(QUEUE, 0, -1)]


def sent(valkey: Valkey, task: str) -> dict[str, Any] | None:
    """Return the headers of the oldest message for `task`."""
    found = [each["headers"] for each in messages(valkey) if each["headers"]["task"] == task]
    return found[-1] if found else None


@pytest.mark.parametrize("name", CELERY["beat_schedule"])
def test_what_our_schedule_sends_expires(beat: Process, valkey: Valkey, name: str):
    """Beat makes rows of our schedule, and sends their messages to our queue."""
    wait_for(lambda: PeriodicTask.objects.filter(name=name).exists(), 20, "beat has made its rows")
    assert sent(valkey, name) is None

    # Nothing is due by itself while the test runs. Beat skips rows of other hours.
    before = datetime.now(UTC)
    CrontabSchedule.objects.update(hour="*")
    PeriodicTask.objects.filter(name=name).update(last_run_at=before - timedelta(days=2))
    PeriodicTasks.update_changed()
    headers = wait_for(lambda: sent(valkey, name), 20, f"beat sends {name}")

    assert headers["expires"]
    lasts = datetime.fromisoformat(headers["expires"]) - before
    expires_s = CELERY["beat_schedule"][name]["options"]["expires"]
    assert timedelta(seconds=expires_s) < lasts < timedelta(seconds=expires_s + 60)


# ---- the system checks -------------------------------------------------------------------------


@pytest.fixture
def scheduled(request: pytest.FixtureRequest, broker: Celery) -> None:
    """Let the settings of Celery have the schedule of the parameter."""
    broker.conf.beat_schedule = request.param


def found(*, deploy: bool = True) -> list[str]:
    messages = run_checks(include_deployment_checks=deploy)
    ids = [str(message.id) for message in messages]
    return [each for each in ids if each.startswith("rendition_workers")]


def in_database(every_s: int = 30, **fields: Any) -> None:
    every = IntervalSchedule.objects.create(every=every_s, period=IntervalSchedule.SECONDS)
    row = {"name": "mine", "task": TaskName.SWEEP, "interval": every, **fields}
    PeriodicTask.objects.create(**row)


@pytest.mark.parametrize("scheduled", [{}], indirect=True)
def test_a_sweep_in_the_database_is_one(scheduled: None):
    """An operator may have made it in the admin."""
    assert found() == ["rendition_workers.W033"]
    assert found(deploy=False) == []

    in_database()
    assert found() == []

    PeriodicTask.objects.update(enabled=False)
    assert found() == ["rendition_workers.W033"]


@pytest.mark.parametrize("scheduled", [{TaskName.SWEEP: SWEEP}], indirect=True)
def test_a_sweep_in_the_settings_is_one_unless_it_is_disabled(scheduled: None):
    """Beat writes it into the database at its next start; a row that is disabled stays so."""
    assert found() == []

    ModelEntry.from_entry(TaskName.SWEEP, **SWEEP)
    assert found() == []

    PeriodicTask.objects.update(enabled=False)
    assert found() == ["rendition_workers.W033"]


@pytest.mark.parametrize("scheduled", [{}], indirect=True)
@pytest.mark.parametrize("kind", ["interval", "crontab"])
def test_a_sweep_in_the_database_may_be_too_rare(scheduled: None, kind: str):
    in_database(every_s=600)
    if kind == "crontab":
        hourly = CrontabSchedule.objects.create(minute="0")
        PeriodicTask.objects.update(interval=None, crontab=hourly)

    assert found() == ["rendition_workers.W036"]


@pytest.mark.parametrize("scheduled", [{}], indirect=True)
def test_a_database_without_the_schedule_is_told(scheduled: None):
    with connection.schema_editor() as editor:
        editor.alter_db_table(PeriodicTask, PeriodicTask._meta.db_table, "away")
    try:
        assert found() == ["rendition_workers.W038"]
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(PeriodicTask, "away", PeriodicTask._meta.db_table)
