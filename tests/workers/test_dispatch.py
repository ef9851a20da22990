"""Messages on a real Valkey: what is sent where, and how much there is room for."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from celery import current_app
from django.db import connections
from kombu.exceptions import OperationalError

from renditions.storage import disk
from tests.service import servers
from tests.workers.broker import celery_on, drain
from tests.workers.conftest import connection_to, migrated, registered
from workers import dispatch, ledger, recovery
from workers.conf import BULK_QUEUE, QUEUE
from workers.ledger import Hint
from workers.models import WarmJob, WarmRun
from workers.targets import JobTarget, databases_with_ledger


@pytest.fixture
def broker(valkey):
    """Send to an empty database of a real Valkey."""
    import redis

    redis.Redis(unix_socket_path=str(valkey.socket), db=7).flushdb()
    with celery_on(valkey.broker_url(7)) as app:
        yield app


def hint(number: int, *, bulk: bool = False) -> Hint:
    return Hint("default", number, 1, bulk)


def owe(number: int, using: str = "default") -> Hint:
    hint = ledger.enqueue(JobTarget(using, "app.Person", str(number), "headshot"), "s")
    WarmJob.objects.using(using).update(hinted_at=None)
    return hint


def test_a_queue_that_nobody_has_used_has_all_its_room(broker):
    """Before the first message there is room for a whole window."""
    assert dispatch.room(QUEUE) == 1000


def test_messages_take_room(broker, settings):
    """What waits in a queue is taken from its room, which is never less than none."""
    settings.RENDITIONS = {"WORKERS": {"MAX_QUEUED": 3}}
    for number in range(2):
        dispatch.send(hint(number))
    assert dispatch.room(QUEUE) == 1
    assert dispatch.room(BULK_QUEUE) == 3

    for number in range(5):
        dispatch.send(hint(number))
    assert dispatch.room(QUEUE) == 0

    assert len(drain(QUEUE)) == 7
    assert dispatch.room(QUEUE) == 3


def test_uploads_and_bulk_runs_have_a_queue_each(broker):
    """A hint of a bulk run never lies before one of an upload."""
    dispatch.send(hint(1))
    dispatch.send(hint(2, bulk=True))

    assert [kwargs["job_id"] for _, kwargs in drain(QUEUE)] == [1]
    assert [kwargs["job_id"] for _, kwargs in drain(BULK_QUEUE)] == [2]


def test_a_message_is_small_json_with_the_time_limits(broker):
    """A message holds ids and names only, and tells the worker how long the job may take."""
    dispatch.send(hint(1))

    with current_app.connection_for_read() as connection:
        queue = current_app.amqp.queues[QUEUE].bind(connection.default_channel)
        message = queue.get(no_ack=True)

    assert message.content_type == "application/json"
    assert message.headers["timelimit"] == [75, 60]
    assert message.headers["ignore_result"] is True
    assert len(message.body) < 300


@pytest.mark.parametrize("kind", ["away", "silent"])
def test_a_broken_broker_is_said_to_be_broken_and_soon(kind):
    """Whoever asks a broken broker for its room gets an error within two seconds."""
    with servers.silent_server() as silent:
        port = silent if kind == "silent" else servers.unused_port()
        begun = time.monotonic()
        with celery_on(f"redis://127.0.0.1:{port}/0"), pytest.raises(OperationalError):
            dispatch.room(QUEUE)
    assert time.monotonic() - begun < 3


def test_asking_for_a_sweep_survives_a_broken_broker(caplog):
    """An admin's retry, and a worker's start, do not fail for a broker that is away."""
    with celery_on(f"redis://127.0.0.1:{servers.unused_port()}/0"):
        dispatch.send_sweep()

    assert "did not take the message for a sweep" in caplog.text


@pytest.mark.django_db
def test_what_no_broker_took_waits_for_no_more_than_the_next_sweep(
    broker, django_capture_on_commit_callbacks
):
    """After a save while the broker was away the first sweep sends the message."""
    with (
        celery_on(f"redis://127.0.0.1:{servers.unused_port()}/0"),
        django_capture_on_commit_callbacks(execute=True),
    ):
        hints = [owe(1), owe(2)]
        for hint in hints:
            dispatch.send_after_commit(hint)

    assert recovery.sweep() == 2


@pytest.mark.django_db
def test_a_sweep_sends_what_is_due_to_its_queue(broker):
    """A sweep sends uploads and bulk jobs, each to its queue, and notes that it did."""
    upload = owe(1)
    run = WarmRun.objects.create(model_label="app.Person", field_name="headshot", walked=True)
    ledger.enqueue_for_run(JobTarget("default", "app.Person", "2", "headshot"), "s", run)

    assert recovery.sweep() == 2
    assert recovery.sweep() == 0

    assert [kwargs["job_id"] for _, kwargs in drain(QUEUE)] == [upload.job_id]
    assert len(drain(BULK_QUEUE)) == 1


@pytest.mark.django_db
def test_a_sweep_sends_no_more_than_there_is_room_for(broker, settings):
    """However much is owed, a queue holds no more than a window; the rest follows."""
    settings.RENDITIONS = {"WORKERS": {"MAX_QUEUED": 2}}
    for number in range(5):
        owe(number)

    assert recovery.sweep() == 2
    assert recovery.sweep() == 0
    assert len(drain(QUEUE)) == 2
    assert recovery.sweep() == 2
    drain(QUEUE)
    assert recovery.sweep() == 1


@pytest.mark.django_db
def test_a_flushed_broker_is_filled_again(broker, settings):
    """Messages that a broker lost are sent again once they have had time to arrive."""
    owe(1)
    assert recovery.sweep() == 1
    drain(QUEUE)
    WarmJob.objects.update(hinted_at="2000-01-01T00:00:00Z")

    assert recovery.sweep() == 1
    assert len(drain(QUEUE)) == 1


@pytest.mark.django_db
def test_a_sweep_without_a_broker_loses_nothing(broker):
    """A sweep that cannot send says so, and the next one sends it all."""
    owe(1)
    with (
        celery_on(f"redis://127.0.0.1:{servers.unused_port()}/0"),
        pytest.raises(OperationalError),
    ):
        recovery.sweep()

    assert recovery.sweep() == 1


@pytest.mark.django_db(transaction=True)
def test_a_sweep_visits_every_database(broker, ledger_db):
    """What is owed in another database is swept like what is owed in the default one."""
    owe(1)
    owe(2, ledger_db)

    assert recovery.sweep() == 2

    assert {kwargs["using"] for _, kwargs in drain(QUEUE)} == {"default", ledger_db}


@pytest.mark.django_db(transaction=True)
def test_a_lost_worker_is_lost_in_every_database(ledger_db):
    """The leases of a worker that is gone are freed wherever it had them."""
    for using in ("default", ledger_db):
        assert ledger.claim(owe(1, using), task_id="t1", worker="w1", lease_s=90, max_attempts=4)

    assert recovery.release_worker("w1") == 2


@pytest.mark.django_db
def test_a_storage_that_cannot_be_listed_stops_no_sweep(broker, settings, tmp_path):
    """Tidying a storage that is broken never keeps messages from being sent."""
    owe(1)
    media = tmp_path / "media"
    media.write_text("a file where the folder of all pictures should be")

    assert recovery.sweep() == 1


@pytest.mark.django_db
def test_a_folder_that_may_not_be_tidied_stops_no_sweep(broker, monkeypatch, caplog):
    """What is owed is sent before anything is tidied, and whatever comes of that."""

    def refusing(*args: object, **kwargs: object) -> int:
        raise PermissionError(1, "Operation not permitted")

    owe(1)
    monkeypatch.setattr(disk, "sweep", refusing)

    assert recovery.sweep() == 1
    assert "Operation not permitted" in caplog.text


@contextmanager
def replica_that_fails(how: str, folder: Path) -> Iterator[None]:
    """Let Django know a database that is away, has no tables or takes no writes."""
    name = folder / "nowhere" / "replica" if how == "away" else folder / "replica"
    address = {"ENGINE": "django.db.backends.sqlite3", "NAME": name}
    connection = (migrated if how == "read-only" else connection_to)("replica", address)
    with registered(connection):
        if how == "read-only":
            owe(3, "replica")
            connection.cursor().execute("PRAGMA query_only = ON")
        yield
    connection.close()


@pytest.mark.parametrize("how", ["away", "empty", "read-only"])
@pytest.mark.parametrize("ledger_db", ["sqlite"], indirect=True)
@pytest.mark.django_db(transaction=True)
def test_a_database_that_fails_stops_nothing_in_the_others(
    broker, ledger_db, how, tmp_path, caplog
):
    """A replica that the router does not keep out is named in the log, and the rest is swept."""
    owed = owe(1, ledger_db)
    with replica_that_fails(how, tmp_path):
        # Behind the one that fails.
        connections.settings[ledger_db] = connections.settings.pop(ledger_db)

        assert recovery.sweep() == 1
        assert "'replica'" in caplog.text
        assert ledger.claim(owed, task_id="t1", worker="w1", lease_s=90, max_attempts=4)
        assert recovery.release_worker("w1") == 1
        taken = ledger.claim(owed, task_id="t1", worker="w1", lease_s=90, max_attempts=4)
        recovery.release_task("t1", "it was killed")
        assert not ledger.holds(taken)


class NoLedgerThere:
    """A router that keeps the ledger out of one database."""

    def allow_migrate(self, db, app_label, **hints):
        return not (db == "sqlite" and app_label == "rendition_workers")


@pytest.mark.parametrize("ledger_db", ["sqlite"], indirect=True)
@pytest.mark.django_db(transaction=True)
def test_a_database_without_a_ledger_is_not_swept(broker, ledger_db, settings):
    """A database that the router keeps the ledger out of is left alone."""
    owe(2, ledger_db)
    settings.DATABASE_ROUTERS = [NoLedgerThere()]

    assert list(databases_with_ledger()) == ["default"]
    assert recovery.sweep() == 0
