"""The sweep, dead workers, clocks that were set back, and files of killed processes."""

import os
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from celery import current_app, signals
from celery.exceptions import WorkerLostError
from django.core.files.storage import default_storage
from django.db import connections
from django.db.models import F
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from renditions.errors import StorageFailed
from renditions.storage import disk
from tests.service import servers
from tests.workers.broker import celery_on, drain
from tests.workers.conftest import enqueue_unsent, replica_that_fails
from workers import dispatch, ledger, recovery
from workers.conf import BULK_QUEUE, QUEUE, TaskName
from workers.failures import Failure
from workers.ledger import Hint
from workers.models import JobState, WarmJob, WarmRun
from workers.targets import JobTarget

# ---- sweep -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_next_sweep_sends_what_no_broker_took(broker, django_capture_on_commit_callbacks):
    with (
        celery_on(f"redis://127.0.0.1:{servers.unused_port()}/0"),
        django_capture_on_commit_callbacks(execute=True),
    ):
        hints = [enqueue_unsent(1), enqueue_unsent(2)]
        for hint in hints:
            dispatch.send_after_commit(hint)

    assert recovery.sweep() == 2


@pytest.mark.django_db
def test_a_sweep_sends_what_is_due_to_its_queue(broker):
    """It notes the time of each message, so the next sweep does not send it again."""
    upload = enqueue_unsent(1)
    run = WarmRun.objects.create(model_label="app.Person", field_name="headshot", walked=True)
    ledger.enqueue_for_run(run, "s", [JobTarget("default", "app.Person", "2", "headshot")])

    assert recovery.sweep() == 2
    assert recovery.sweep() == 0

    assert [kwargs["job_id"] for _, kwargs in drain(QUEUE)] == [upload.job_id]
    assert len(drain(BULK_QUEUE)) == 1


@pytest.mark.django_db
def test_a_sweep_keeps_at_most_max_queued_messages_in_a_queue(broker, settings):
    settings.RENDITIONS = {"WORKERS": {"MAX_QUEUED": 2}}
    for number in range(5):
        enqueue_unsent(number)

    assert recovery.sweep() == 2
    assert recovery.sweep() == 0
    assert len(drain(QUEUE)) == 2
    assert recovery.sweep() == 2
    drain(QUEUE)
    assert recovery.sweep() == 1


@pytest.mark.django_db
def test_a_sweep_sends_lost_messages_again(broker):
    """After RESEND_AFTER_S a message is taken for lost."""
    enqueue_unsent(1)
    assert recovery.sweep() == 1
    drain(QUEUE)
    WarmJob.objects.update(hinted_at="2000-01-01T00:00:00Z")

    assert recovery.sweep() == 1
    assert len(drain(QUEUE)) == 1


@pytest.mark.django_db
def test_a_sweep_without_a_broker_loses_nothing(broker):
    """A sweep that cannot send raises, and the next one sends everything."""
    enqueue_unsent(1)
    with (
        celery_on(f"redis://127.0.0.1:{servers.unused_port()}/0"),
        pytest.raises(OperationalError),
    ):
        recovery.sweep()

    assert recovery.sweep() == 1


@pytest.mark.django_db(transaction=True)
def test_a_sweep_visits_every_database(broker, ledger_db):
    enqueue_unsent(1)
    enqueue_unsent(2, ledger_db)

    assert recovery.sweep() == 2

    assert {kwargs["using"] for _, kwargs in drain(QUEUE)} == {"default", ledger_db}


@pytest.mark.django_db(transaction=True)
def test_the_leases_of_a_dead_worker_are_released_in_every_database(ledger_db):
    for using in ("default", ledger_db):
        assert ledger.claim(
            enqueue_unsent(1, using), task_id="t1", worker="w1", lease_s=90, max_attempts=4
        )

    assert recovery.release_worker("w1") == 2


@pytest.mark.django_db
def test_a_storage_that_cannot_be_listed_stops_no_sweep(broker, settings, tmp_path):
    enqueue_unsent(1)
    media = tmp_path / "media"
    media.write_text("a file where the folder of all pictures should be")

    assert recovery.sweep() == 1


@pytest.mark.django_db
def test_a_storage_that_denies_permission_stops_no_sweep(broker, monkeypatch, caplog):

    def refusing(*args: object, **kwargs: object) -> int:
        raise PermissionError(1, "Operation not permitted")

    enqueue_unsent(1)
    monkeypatch.setattr(disk, "sweep", refusing)

    assert recovery.sweep() == 1
    assert "Operation not permitted" in caplog.text


@pytest.mark.parametrize("how", ["away", "empty", "read-only"])
@pytest.mark.parametrize("ledger_db", ["sqlite"], indirect=True)
@pytest.mark.django_db(transaction=True)
def test_a_database_that_fails_stops_no_sweep_in_the_others(
    broker, ledger_db, how, tmp_path, caplog
):
    """The log names it."""
    hint = enqueue_unsent(1, ledger_db)
    with replica_that_fails(how, tmp_path):
        # After the one that fails.
        connections.settings[ledger_db] = connections.settings.pop(ledger_db)

        assert recovery.sweep() == 1
        assert "'replica'" in caplog.text
        assert ledger.claim(hint, task_id="t1", worker="w1", lease_s=90, max_attempts=4)
        assert recovery.release_worker("w1") == 1
        taken = ledger.claim(hint, task_id="t1", worker="w1", lease_s=90, max_attempts=4)
        recovery.release_task("t1", "it was killed")
        assert not ledger.holds(taken)


@pytest.mark.django_db
def test_a_sweep_deletes_unfinished_files_of_killed_workers(monkeypatch):
    """A file that is older than a lease has no writer any more."""
    monkeypatch.setattr(dispatch, "room", lambda queue: 0)
    dead = Path(default_storage.path(disk.FOLDER)) / f".dead{disk.SUFFIX}"
    dead.parent.mkdir(parents=True)
    dead.write_bytes(b"half")
    os.utime(dead, (0, 0))

    recovery.sweep()

    assert not dead.exists()


# ---- clocks that were set back -----------------------------------------------------------------


def jump_back(using: str, hours: int) -> None:
    """Set the clock of the database back: all times on the ledger are that much later."""
    ahead = timedelta(hours=hours)
    for name in ("due_at", "lease_until", "hinted_at"):
        rows = WarmJob.objects.using(using).filter(**{f"{name}__isnull": False})
        rows.update(**{name: F(name) + ahead})


def clamp(using: str) -> int:
    return ledger.clamp_times(using, lease_s=90, delay_s=900)


def test_a_clock_that_was_set_back_delays_no_job(ledger_db):
    """A job that was due is due again at once, and its message is sent again."""
    ledger.enqueue(JobTarget(ledger_db, "app.Person", "1", "headshot"), "s")
    jump_back(ledger_db, 3)
    assert not ledger.due(ledger_db, 10, ledger.Work.SAVES, resend_after_s=60)

    assert clamp(ledger_db) == 1

    assert len(ledger.due(ledger_db, 10, ledger.Work.SAVES, resend_after_s=60)) == 1


def test_a_lease_from_before_the_jump_lasts_no_longer_than_a_lease(ledger_db):
    """Its worker may be alive: it keeps the job for the length of one lease."""
    hint = ledger.enqueue(JobTarget(ledger_db, "app.Person", "1", "headshot"), "s")
    claim = ledger.claim(hint, task_id="t", worker="w", lease_s=90, max_attempts=4)
    assert claim
    jump_back(ledger_db, 3)

    clamp(ledger_db)

    assert ledger.holds(claim)
    ahead = WarmJob.objects.using(ledger_db).filter(lease_until__gt=Now() + timedelta(seconds=91))
    assert not ahead.exists()


def test_possible_times_stay_unchanged(ledger_db):
    """A postponed job waits for its next attempt."""
    hint = ledger.enqueue(JobTarget(ledger_db, "app.Person", "1", "headshot"), "s")
    claim = ledger.claim(hint, task_id="t", worker="w", lease_s=90, max_attempts=4)
    assert claim
    ledger.postpone(claim, [Failure.of_job(StorageFailed("away"))], delay_s=890)

    assert clamp(ledger_db) == 0
    again = Hint(ledger_db, hint.job_id, hint.generation)
    assert not ledger.claim(again, task_id="t", worker="w", lease_s=90, max_attempts=4)


# ---- dead workers ------------------------------------------------------------------------------


@pytest.fixture
def closed(monkeypatch) -> list[str]:
    """Note that connections are closed, and keep that of the test open."""
    calls: list[str] = []
    monkeypatch.setattr(
        recovery, "connections", SimpleNamespace(close_all=lambda: calls.append(""))
    )
    return calls


def claim_as(worker: str, task_id: str = "t1") -> ledger.Claim:
    claim = ledger.claim(
        enqueue_unsent(1), task_id=task_id, worker=worker, lease_s=90, max_attempts=4
    )
    assert claim
    return claim


@pytest.mark.django_db
def test_a_worker_that_starts_releases_the_jobs_of_its_killed_predecessor(closed):
    """Node names are unique, so a lease under its own name has no owner."""
    of_predecessor = claim_as("w1")

    recovery.on_worker_init(SimpleNamespace(hostname="w1"))

    assert not ledger.holds(of_predecessor)
    assert closed, "the pool is forked after this"


@pytest.mark.django_db
def test_a_worker_that_starts_leaves_the_jobs_of_others_alone(closed):
    of_other = claim_as("w2")

    recovery.on_worker_init(SimpleNamespace(hostname="w1"))

    assert ledger.holds(of_other)


@pytest.mark.django_db
def test_a_worker_that_ends_releases_its_jobs_and_asks_for_a_sweep(broker, closed):
    claim_as("w1")

    recovery.on_worker_shutdown(SimpleNamespace(hostname="w1"))

    assert WarmJob.objects.get().state == JobState.QUEUED
    assert [task for task, _ in drain(QUEUE)] == [TaskName.SWEEP]


@pytest.mark.django_db
@pytest.mark.parametrize(("how", "is_released"), [("Cold", True), ("Warm", False)])
def test_only_a_cold_shutdown_releases_jobs_in_progress(broker, closed, how, is_released):
    """At a warm shutdown they go on to their end."""
    claim = claim_as("w1")

    recovery.on_worker_shutting_down("w1", how)

    assert ledger.holds(claim) is not is_released


@pytest.mark.django_db
@pytest.mark.parametrize(("error", "is_parent"), [(WorkerLostError(), True), (ValueError(), False)])
def test_a_task_that_failed_releases_its_job(closed, error, is_parent):
    """The job is tried again after a short wait."""
    claim_as("w1")
    task = current_app.tasks[TaskName.WARM]

    signals.task_failure.send(sender=task, task_id="t1", exception=error)

    job = WarmJob.objects.annotate(wait=F("due_at") - Now()).get()
    assert job.state == JobState.QUEUED
    assert timedelta(seconds=0) < job.wait <= timedelta(seconds=10)
    assert bool(closed) is is_parent, "only the main process forks"


@pytest.mark.django_db
def test_another_task_that_failed_releases_no_job():
    claim = claim_as("w1")
    other = current_app.tasks[TaskName.SWEEP]

    signals.task_failure.send(sender=other, task_id="t1", exception=WorkerLostError())

    assert ledger.holds(claim)
