"""Sentry makes an event of each logged error, and of each exception that leaves a task."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.db import connection

from tests.service import commands
from tests.service.processes import Process, inherited, logged
from tests.service.servers import Valkey
from tests.service.waiting import wait_for
from workers import recovery
from workers.models import JobState, WarmJob

from .models import Photo, Trap

pytestmark = pytest.mark.django_db(transaction=True)

Worker = Callable[[], AbstractContextManager[Process]]

PATIENCE_S = 60
ATTEMPTS = 2
# They report killed processes.
OF_CELERY = ("multiprocessing", "celery.worker.request")


@pytest.fixture
def ignored() -> tuple[str, ...]:
    """The loggers that Sentry ignores; tests give others."""
    return ()


@pytest.fixture
def worker(
    valkey: Valkey, broker: Celery, tmp_path: Path, settings, ignored: tuple[str, ...]
) -> Worker:
    """A function that runs a real worker until the end of its block."""
    command = commands.worker("tests.neighbours.sentry.app", "sentry@here", "--concurrency", "1")
    environment = inherited(
        DJANGO_SETTINGS_MODULE="tests.neighbours.sentry.settings",
        SENTRY_DATABASE=str(connection.settings_dict["NAME"]),
        SENTRY_MEDIA=str(settings.MEDIA_ROOT),
        SENTRY_BROKER=valkey.broker_url(7),
        SENTRY_IGNORES=" ".join(ignored),
        SENTRY_EVENTS=str(tmp_path / "events"),
    )

    @contextmanager
    def run() -> Iterator[Process]:
        log, ready = tmp_path / "worker.log", logged(commands.WORKER_READY)
        with Process(command, log, environment=environment, is_ready=ready) as process:
            yield process.wait_until_ready()

    return run


@pytest.fixture
def events(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """A function that returns what Sentry has got."""

    def read() -> list[dict[str, Any]]:
        file = tmp_path / "events"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    return read


def job_is(**fields: Any) -> Callable[[], bool]:
    """Return a condition; while it is false, beat sweeps."""

    def sweep_and_look() -> bool:
        recovery.sweep()
        return WarmJob.objects.filter(**fields).exists()

    return sweep_and_look


def test_a_job_that_is_given_up_is_one_event(picture, worker, events):
    """It names the job and the reason; all such jobs are one group."""
    photo = Photo.objects.create(image=picture("a.jpg"))
    Path(photo.image.path).write_bytes(b"no picture")

    with worker():
        wait_for(job_is(state=JobState.FAILED), PATIENCE_S, "the job is given up")

    [event] = events()
    message, params = event["logentry"]["message"], event["logentry"]["params"]
    assert message == "%s: attempt %s failed, and it is given up. %s"
    assert params[:2] == [f"project.Photo.image #{photo.pk}", 1]
    assert params[2].startswith("The file is not a picture")


def test_an_attempt_that_is_repeated_is_no_event(picture, worker, events):
    """Only the last one is."""
    photo = Photo.objects.create(image=picture("a.jpg"))
    photo.image.storage.delete(photo.image.name)

    with worker():
        wait_for(job_is(attempts=1, state=JobState.QUEUED), PATIENCE_S, "an attempt failed")
        assert events() == []
        wait_for(job_is(state=JobState.FAILED), PATIENCE_S, "the job is given up")

    assert len(events()) == 1


@pytest.mark.parametrize("ignored", [(), OF_CELERY], ids=["all loggers", "without Celery's"])
def test_a_job_that_kills_its_workers_is_one_event(picture, worker, events, ignored):
    """Celery makes more of each process that was killed, unless the project ignores them."""
    trap = Trap.objects.create(image=picture("a.jpg"))

    with worker():
        wait_for(job_is(state=JobState.FAILED), PATIENCE_S, "the job is given up")

    [event] = [event for event in events() if event["logger"] not in OF_CELERY]
    message, params = event["logentry"]["message"], event["logentry"]["params"]
    assert message == "%s is given up. %s"
    assert params[0] == f"project.Trap.image #{trap.pk}"
    assert params[1].startswith("The worker died at each attempt.")
    others = [] if ignored else [*OF_CELERY] * ATTEMPTS
    assert sorted(each["logger"] for each in events()) == sorted([event["logger"], *others])
