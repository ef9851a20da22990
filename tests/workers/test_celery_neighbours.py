"""Celery as projects have it: several apps, always eager, another beat, error trackers."""

import logging
from pathlib import Path
from threading import Thread

import pytest
from celery import Celery

from tests.app.models import Person
from tests.workers.broker import celery_on, drain
from workers import dispatch, ledger, recovery, worker
from workers.conf import BULK_QUEUE, CELERY, QUEUE
from workers.models import Heartbeat, JobState, WarmJob
from workers.testing import work_owed

pytestmark = pytest.mark.django_db(transaction=True)


# ---- several apps ------------------------------------------------------------------------------


@pytest.fixture
def other_app():
    """An app of the project's own that came last and is the current one of this thread."""
    from celery import current_app

    before = current_app._get_current_object()
    app = Celery("mails", broker="memory://mails", set_as_current=True)
    yield app
    app.close()
    before.set_current()


def queued(app: Celery, queue: str) -> int:
    with app.connection_for_read() as connection:
        bound = app.amqp.queues[queue].bind(connection.default_channel)
        bound.declare()
        count = 0
        while bound.get(no_ack=True):
            count += 1
    return count


def test_a_message_goes_to_the_app_that_routes_our_tasks(picture, other_app, monkeypatch):
    """Another app of the process, though it is the current one, does not get it."""
    sent = []
    monkeypatch.setattr(other_app, "send_task", lambda *args, **kwargs: sent.append(args))

    Person.objects.create(headshot=picture())

    assert sent == []
    assert dispatch.celery_app() is not other_app
    assert dispatch.routes_our_tasks(dispatch.celery_app())


def test_a_thread_sends_to_the_same_app(other_app):
    """Which app is the current one depends on the thread; where a message goes does not."""
    found = []
    thread = Thread(target=lambda: found.append(dispatch.celery_app()))
    thread.start()
    thread.join()

    assert found == [dispatch.celery_app()]


def test_the_settings_may_name_the_app(configure):
    """A project with two apps that both route our tasks says which."""
    with celery_on("memory://"):
        configure(WORKERS={"CELERY_APP": "tests.conftest.app"})

        assert dispatch.celery_app().main == "tests"


# ---- always eager ------------------------------------------------------------------------------


def test_always_eager_makes_the_renditions_at_once(picture):
    """A project that runs its tasks in the request gets its pictures there, and needs no broker."""
    with celery_on("redis://127.0.0.1:1/0") as app:
        app.conf.task_always_eager = True

        person = Person.objects.create(headshot=picture())

    storage = person.headshot.storage
    assert all(storage.exists(plan.path) for plan in person.headshot.plans())
    assert not WarmJob.objects.exists()


def test_always_eager_retries_at_once(picture):
    """A sweep that the admin asks for finds its jobs, with no broker to count messages in."""
    person = Person.objects.create(headshot=picture())
    WarmJob.objects.update(state=JobState.FAILED)
    ledger.retry(WarmJob.objects.all())
    with celery_on("redis://127.0.0.1:1/0") as app:
        app.conf.task_always_eager = True

        dispatch.send_sweep()

    storage = person.headshot.storage
    assert all(storage.exists(plan.path) for plan in person.headshot.plans())


# ---- beat --------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", CELERY["beat_schedule"].values())
def test_a_sweep_expires_whichever_beat_sends_it(entry):
    """django-celery-beat reads `expire_seconds`, and beat itself `expires`."""
    assert entry["options"]["expire_seconds"] == entry["options"]["expires"]

    app = dispatch.celery_app()
    app.tasks[entry["task"]].apply_async(**entry["options"], queue="checked")
    with app.connection_for_read() as connection:
        bound = app.amqp.queues["checked"].bind(connection.default_channel)
        bound.declare()
        message = bound.get(no_ack=True)

    assert message.headers["expires"]


def test_a_scheduled_sweep_is_remembered():
    """The sweep of a beat is a sign of life; one that a worker asks for is not."""
    from workers.tasks import sweep

    sweep(is_scheduled=False)
    assert recovery.seconds_since_sweep() is None

    sweep()
    age_s = recovery.seconds_since_sweep()
    assert age_s is not None
    assert 0 <= age_s < 60
    assert Heartbeat.objects.count() == 1


# ---- silence -----------------------------------------------------------------------------------


def test_a_worker_says_that_no_beat_sweeps(caplog, monkeypatch):
    """After a while without a scheduled sweep it says what to start."""
    recovery.warn_of_missing_sweep(started_at=recovery.time.monotonic())
    assert "No scheduled sweep" not in caplog.text

    recovery.warn_of_missing_sweep(started_at=recovery.time.monotonic() - 3600)
    assert "No scheduled sweep was seen for 60 minutes" in caplog.text
    assert "beat" in caplog.text


@pytest.mark.parametrize(
    ("consumed", "missing", "typed"),
    [
        (("celery",), "not renditions and renditions.bulk", "-Q celery,renditions,renditions.bulk"),
        ((QUEUE,), "not renditions.bulk", "-Q renditions,renditions.bulk"),
        ((BULK_QUEUE,), "not renditions.", "-Q renditions,renditions.bulk"),
    ],
)
def test_a_worker_says_which_queue_it_does_not_consume(caplog, consumed, missing, typed):
    """And what to type."""
    recovery.warn_of_queues(consumed)

    assert missing in caplog.text
    assert typed in caplog.text


def test_a_worker_of_both_queues_says_nothing(caplog):
    """Also if it has others."""
    recovery.warn_of_queues((QUEUE, "celery", BULK_QUEUE))

    assert caplog.text == ""


# ---- error trackers ----------------------------------------------------------------------------


def errors_of(caplog) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


def assert_well_told(error: logging.LogRecord, job: str) -> None:
    """Check that a tracker groups it with others by its message, and shows the job as a text."""
    assert job not in error.msg
    assert error.args[0] == job
    assert {type(argument) for argument in error.args} <= {str, int}


def test_a_job_that_is_given_up_is_one_error(picture, caplog):
    """An error tracker makes one event of it."""
    person = Person.objects.create(headshot=picture("a.jpg"))
    Path(person.headshot.path).write_bytes(b"no picture")

    work_owed()

    [error] = errors_of(caplog)
    assert_well_told(error, f"app.Person.headshot #{person.pk}")


def test_an_attempt_that_is_repeated_is_no_error(picture, caplog):
    """It is a warning, and the tracker stays quiet."""
    person = Person.objects.create(headshot=picture("a.jpg"))
    person.headshot.storage.delete(person.headshot.name)

    work_owed()

    assert errors_of(caplog) == []
    assert WarmJob.objects.get().state == JobState.QUEUED


def test_a_poisoned_job_is_one_error(picture, caplog):
    """However often messages for it come."""
    person = Person.objects.create(headshot=picture("a.jpg"))
    WarmJob.objects.update(attempts=4)
    job = WarmJob.objects.get()
    drain(QUEUE)

    for _ in range(3):
        worker.run_job(ledger.Hint("default", job.pk, job.generation), "t", "w")

    [error] = errors_of(caplog)
    assert_well_told(error, f"app.Person.headshot #{person.pk}")
