"""What an operator reads in the log: one line for each attempt, and one for each outage."""

import logging
from collections.abc import Callable, Iterator

import pytest
from celery import current_app
from celery.exceptions import WorkerLostError
from django.core.files.base import ContentFile
from django.db import connections
from django.db.models.functions import Now

from tests.app.models import Person, Poster
from tests.service.servers import unused_port, valkey
from tests.workers.broker import celery_on
from tests.workers.conftest import replica_that_fails
from workers import dispatch, ledger, nodes, recovery, worker
from workers.models import JobState, WarmJob
from workers.request import lower_time_limits
from workers.testing import work_owed

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(caplog) -> Callable[[], list[logging.LogRecord]]:
    """Return a function that returns the lines of library and workers, from INFO on."""
    caplog.set_level(logging.INFO)

    def lines() -> list[logging.LogRecord]:
        return [r for r in caplog.records if r.name.startswith(("workers.", "renditions."))]

    return lines


def test_a_success_is_one_line_with_name_times_and_size(told, picture):
    person = Person.objects.create(headshot=picture())

    work_owed()

    [line] = told()
    assert (line.name, line.levelname) == ("workers.job_log", "INFO")
    assert line.getMessage().startswith(
        f"app.Person.headshot #{person.pk}: people/a.jpg has all renditions: 5 made, 0 adopted, 0 "
        "there before. "
    )
    assert line.rendition_model == "app.Person"
    assert line.rendition_pk == str(person.pk)
    assert line.rendition_field == "headshot"
    assert line.rendition_state == "made"
    assert line.rendition_name == "people/a.jpg"
    assert line.rendition_attempt == 1
    storage = person.headshot.storage
    sizes = [storage.size(plan.path) for plan in person.headshot.plans()]
    assert line.rendition_bytes == sum(sizes)
    assert line.rendition_made == 5
    assert line.rendition_seconds >= line.rendition_render_seconds > 0


def test_a_job_that_is_given_up_is_one_line(told):
    """Not one for each of its five renditions."""
    Person.objects.create(headshot=ContentFile(b"not a picture", "b.jpg"))

    work_owed()

    [line] = told()
    assert line.levelname == "ERROR"
    assert "attempt 1 failed, and it is given up. The file is not a picture" in line.getMessage()
    assert (line.rendition_state, line.rendition_kind) == ("failed", "format")
    assert (line.rendition_failed, len(line.rendition_paths)) == (5, 5)


def test_an_attempt_that_is_repeated_is_one_warning(told):
    """It says how many attempts there are, and when the next one comes."""
    Person.objects.create(headshot="people/gone.jpg")

    work_owed()

    [line] = told()
    assert line.levelname == "WARNING"
    assert "attempt 1 of 4 failed, and it is tried again in " in line.getMessage()
    assert (line.rendition_state, line.rendition_kind) == ("queued", "missing")


def test_a_removal_is_one_line(told, picture):
    poster = Poster.objects.create(image=picture())
    work_owed()
    poster.image.name, former = "", poster.image.name
    poster.save()
    WarmJob.objects.update(due_at=Now())

    work_owed()

    _, line = told()
    assert (line.levelname, line.rendition_state) == ("INFO", "removed")
    assert f"{former} was taken away" in line.getMessage()


def leased(picture: Callable[[], ContentFile]) -> WarmJob:
    """Return a job that the task `t` has."""
    Person.objects.create(headshot=picture())
    job = WarmJob.objects.get()
    hint = ledger.Hint("default", job.pk, job.generation)
    assert ledger.claim(hint, task_id="t", worker="w", lease_s=90, max_attempts=4)
    return job


# The main process of a worker closes its connections.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [WorkerLostError("signal 9 (SIGKILL)"), ValueError("a bug")])
def test_an_attempt_that_is_cut_off_is_one_warning(told, picture, error):
    """A bug has its traceback; a killed process has none."""
    leased(picture)

    recovery.on_task_failure(current_app.tasks["renditions.warm"], "t", error)

    [line] = told()
    assert line.levelname == "WARNING"
    assert f"attempt 1 was cut off. {type(error).__name__}: {error}" in line.getMessage()
    assert bool(line.exc_info) == isinstance(error, ValueError)


@pytest.mark.django_db(transaction=True)
def test_a_job_whose_process_dies_at_each_attempt_is_one_error(told, picture):
    """A WARNING for each attempt, and one ERROR at the end."""
    job = leased(picture)
    for _ in range(3):
        recovery.on_task_failure(
            current_app.tasks["renditions.warm"], "t", WorkerLostError("killed")
        )
        WarmJob.objects.update(due_at=Now())
        hint = ledger.Hint("default", job.pk, job.generation)
        assert ledger.claim(hint, task_id="t", worker="w", lease_s=90, max_attempts=4)
    recovery.on_task_failure(current_app.tasks["renditions.warm"], "t", WorkerLostError("killed"))
    WarmJob.objects.update(due_at=Now())

    for _ in range(2):
        worker.run_job(ledger.Hint("default", job.pk, job.generation), "t", "w")

    assert [line.levelname for line in told()] == [*["WARNING"] * 4, "ERROR"]
    assert told()[-1].rendition_kind == "poison"
    assert WarmJob.objects.get().state == JobState.FAILED


@pytest.fixture
def _lowered() -> Iterator[None]:
    logger = logging.getLogger("celery.worker.request")
    before = list(logger.filters)
    lower_time_limits()
    yield
    logger.filters = before


@pytest.mark.usefixtures("_lowered")
def test_the_hard_time_limit_is_an_error_of_other_tasks_only(caplog):
    """Celery's line about our job is a WARNING, because the job is tried again."""
    for task in ("renditions.warm", "people.greet"):
        logging.getLogger("celery.worker.request").error(
            "Hard time limit (%ss) exceeded for %s[%s]", 75, task, "id"
        )

    assert [line.levelname for line in caplog.records] == ["WARNING", "ERROR"]


# ---- outages -------------------------------------------------------------------------------------


def test_a_broker_that_is_away_is_two_lines(told, picture, monkeypatch):
    """However many pictures are saved meanwhile; and no line shows its password."""
    monkeypatch.setattr(dispatch, "CIRCUIT_OPEN_S", 0)
    with celery_on(f"redis://:s3cret@127.0.0.1:{unused_port()}/0"):
        for number in range(3):
            dispatch._send_or_leave_to_sweep(ledger.Hint("default", number, 1))
        dispatch.send_sweep()
    with valkey() as server, celery_on(server.broker_url()):
        for number in range(2):
            dispatch._send_or_leave_to_sweep(ledger.Hint("default", number, 1))

    away, back = told()
    assert (away.name, away.levelname, away.rendition_outage) == (
        *("workers.dispatch", "WARNING"),
        "broker",
    )
    assert "The broker did not take a message" in away.getMessage()
    assert "s3cret" not in away.getMessage()
    assert (back.levelname, back.rendition_state) == ("INFO", "back")


@pytest.mark.parametrize("ledger_db", ["sqlite"], indirect=True)
@pytest.mark.django_db(transaction=True)
def test_a_database_that_refuses_is_two_lines(told, ledger_db, tmp_path):
    """However often a worker says that it runs."""
    with replica_that_fails("read-only", tmp_path):
        for _ in range(3):
            nodes.beat("w", ["renditions"], 1)
        [away] = told()
        connections["replica"].cursor().execute("PRAGMA query_only = OFF")
        for _ in range(2):
            nodes.beat("w", ["renditions"], 1)

    assert "database 'replica' was skipped" in away.getMessage()
    assert (away.levelname, away.rendition_outage) == ("WARNING", "database replica")
    _, back = told()
    assert (back.levelname, back.rendition_state) == ("INFO", "back")
