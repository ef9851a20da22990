"""Bulk runs: every instance is looked at once and counted once, whatever happens meanwhile."""

from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core.cache import caches
from django.core.files.storage import FileSystemStorage
from django.db import connections, transaction
from django.db.models import Model
from django.db.models.signals import post_init
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from renditions.errors import StorageFailed
from renditions.files import VersatileImageFieldFile
from renditions.records.cache import CacheStore
from tests.app.models import Card, Editor, Person
from tests.service.servers import unused_port
from tests.service.waiting import wait_for
from tests.workers.broker import celery_on, drain
from tests.workers.concurrency import Call, at_once, dies_at
from tests.workers.conftest import HERO, replica_that_fails
from tests.workers.hooks import hooked
from workers import chunks, conf, ledger, runs
from workers.conf import BULK_QUEUE, QUEUE, TaskName
from workers.failures import Failure
from workers.models import JobState, RunState, WarmJob, WarmRun
from workers.targets import JobTarget
from workers.testing import work_owed

COUNTS = ("created", "current", "blank", "failed", "superseded", "cancelled")
HEADSHOT = Person._meta.get_field("headshot")


pytestmark = pytest.mark.django_db


def start(field, using: str = "default", **options: Any) -> WarmRun:
    """Start a run, and commit."""
    with committed(using):
        return runs.start(field, using=using, **options)


def committed(using: str = "default"):
    """Run the hooks of the commit at the end of the block."""
    return TestCase.captureOnCommitCallbacks(using=using, execute=True)


def set_workers(settings, **values: int) -> None:
    settings.RENDITIONS = {**settings.RENDITIONS, "WORKERS": values}


def target_of(person: Person, using: str = "default") -> JobTarget:
    return JobTarget(using, "app.Person", str(person.pk), "headshot")


def deliver() -> int:
    """Deliver the messages for steps of bulk runs until there are none; return how many."""
    delivered = 0
    while steps := sent_steps():
        for step in steps:
            runs.advance(**step)
            delivered += 1
    return delivered


def sent_steps() -> list[dict[str, Any]]:
    """Return the messages for steps of bulk runs; messages for jobs are lost."""
    return [kwargs for task, kwargs in drain(BULK_QUEUE) if task == TaskName.ADVANCE_RUN]


def counts(run: WarmRun) -> dict[str, int]:
    """Return the counts of a run that are not 0, after a check that they add up."""
    run.refresh_from_db()
    numbers = {name: getattr(run, name) for name in COUNTS if getattr(run, name)}
    outstanding = run.jobs.using(run._state.db).count()
    assert run.planned == sum(numbers.values()) + outstanding
    return {**numbers, **({"outstanding": outstanding} if outstanding else {})}


def finish(run: WarmRun) -> dict[str, int]:
    """Let messages, workers and sweeps come until the run is done; return its counts."""
    for _ in range(50):
        deliver()
        counts(run)
        work_owed(run._state.db)
        counts(run)
        runs.continue_all(run._state.db)
        run.refresh_from_db()
        if run.state == RunState.DONE:
            return counts(run)
    raise AssertionError("the run never ends")


def test_a_run_makes_and_counts_what_is_outstanding(people):
    made = people(3)
    run = start(HEADSHOT)

    assert finish(run) == {"created": 3}

    for person in made:
        for plan in person.headshot.plans():
            assert HEADSHOT.storage.exists(plan.path)
    assert finish(start(HEADSHOT)) == {"current": 3}


def test_a_run_is_done_with_its_last_job(people):
    """It does not wait for a sweep to see that it has ended."""
    people(2)
    run = start(HEADSHOT)
    deliver()
    assert WarmRun.objects.get().walked

    work_owed()

    run.refresh_from_db()
    assert run.state == RunState.DONE


def test_every_instance_is_in_exactly_one_count(people, settings):
    made, missing, failed, queued = people(4)
    Person.objects.create(name="blank")
    start(HEADSHOT)
    WarmRun.objects.all().delete()
    drain(BULK_QUEUE)
    for person in (made, failed, queued):
        ledger.enqueue(JobTarget("default", "app.Person", str(person.pk), "headshot"), "")
    Path(failed.headshot.path).write_bytes(b"no picture")
    WarmJob.objects.filter(object_pk=queued.pk).delete()
    work_owed()
    ledger.enqueue(JobTarget("default", "app.Person", str(queued.pk), "headshot"), "")

    run = start(HEADSHOT)
    deliver()

    assert counts(run) == {
        "current": 1, "blank": 1, "failed": 1, "superseded": 1, "outstanding": 1,
    }  # fmt: skip
    assert finish(run) == {"created": 1, "current": 1, "blank": 1, "failed": 1, "superseded": 1}
    assert WarmJob.objects.get().state == JobState.FAILED
    assert missing.headshot.storage.exists(missing.headshot.plans()[0].path)


def test_a_run_over_an_empty_table_is_done_at_once(db):
    assert finish(start(HEADSHOT)) == {}


def test_a_run_reads_in_chunks(people, settings):
    """A step looks at CHUNK_SIZE instances, starting after the last one."""
    set_workers(settings, CHUNK_SIZE=2)
    people(5)
    run = start(HEADSHOT)

    seen = []
    while steps := sent_steps():
        [step] = steps
        runs.advance(**step)
        run.refresh_from_db()
        seen.append(run.planned)

    assert seen == [2, 4, 5, 5]
    assert run.walked


def columns_read(using: str, run: WarmRun) -> str:
    """Let a step look at its chunk, and return the query of its instances."""
    with CaptureQueriesContext(connections[using]) as queries:
        runs.advance(using, run.pk)
    selects = [each["sql"] for each in queries if 'FROM "app_person"' in each["sql"]]
    [select] = [sql for sql in selects if "COUNT(" not in sql]
    return select


def test_a_step_reads_only_the_columns_of_the_image(people):
    """A row may have long texts."""
    people(3)
    run = start(HEADSHOT)

    select = columns_read("default", run)

    assert '"headshot_ppoi"' in select
    assert '"name"' not in select
    assert counts(run) == {"outstanding": 3}


def own_init(monkeypatch) -> None:
    def read_name(self, *args: Any, **kwargs: Any) -> None:
        Model.__init__(self, *args, **kwargs)
        assert self.name == ""

    monkeypatch.setattr(Person, "__init__", read_name, raising=False)


def own_from_db(monkeypatch) -> None:
    def read_name(cls, *args: Any) -> Person:
        person = Model.from_db.__func__(cls, *args)
        assert person.name == ""
        return person

    monkeypatch.setattr(Person, "from_db", classmethod(read_name), raising=False)


def own_receiver(monkeypatch) -> None:
    def read_name(instance: Person, **kwargs: Any) -> None:
        assert instance.name == ""

    post_init.connect(read_name, sender=Person, weak=False, dispatch_uid="own")


def own_file(monkeypatch) -> None:
    class OfTenant(VersatileImageFieldFile):
        def plans(self, *args: Any) -> Any:
            assert self.instance.name == ""
            return super().plans(*args)

    monkeypatch.setattr(HEADSHOT, "attr_class", OfTenant)


@pytest.mark.parametrize("own", [own_init, own_from_db, own_receiver, own_file])
def test_code_of_the_project_that_reads_another_column_costs_no_query(people, monkeypatch, own):
    """Then the step reads all columns."""
    people(3)
    run = start(HEADSHOT)
    own(monkeypatch)

    try:
        assert '"name"' in columns_read("default", run)
    finally:
        post_init.disconnect(sender=Person, dispatch_uid="own")

    assert counts(run) == {"outstanding": 3}


def test_workers_set_the_pace_of_a_run(people, settings):
    """The jobs of a step are sent at once, and the next step after them, without a sweep."""
    set_workers(settings, CHUNK_SIZE=2)
    people(3)
    start(HEADSHOT)

    [step] = sent_steps()
    runs.advance(**step)

    sent = drain(BULK_QUEUE)
    assert [task for task, _ in sent] == [
        "renditions.warm",
        "renditions.warm",
        TaskName.ADVANCE_RUN,
    ]
    jobs = WarmJob.objects.order_by("pk").values_list("pk", flat=True)
    assert [kwargs["job_id"] for _, kwargs in sent[:2]] == list(jobs)


class SlowStorage(FileSystemStorage):
    """Lets each question for a size take some time, without real waiting, or fail."""

    clock_s = 0.0
    takes_s = 0.0
    error: Exception | None = None
    refuses = ""  # the name that the error is about; empty: all

    def size(self, name: str) -> int:
        SlowStorage.clock_s += self.takes_s
        if self.error and self.refuses in name:
            raise self.error
        return super().size(name)


@pytest.fixture
def slow(monkeypatch, settings) -> type[SlowStorage]:
    """Let the storage be a slow one, and its clock that of the step."""
    backend = {"BACKEND": f"{__name__}.SlowStorage"}
    settings.STORAGES = {**settings.STORAGES, "default": backend}
    for name in ("clock_s", "takes_s", "error", "refuses"):
        monkeypatch.setattr(SlowStorage, name, getattr(SlowStorage, name))
    monkeypatch.setattr(chunks, "monotonic", lambda: SlowStorage.clock_s)
    return SlowStorage


def test_a_step_on_a_slow_storage_ends_in_time(slow, people):
    """A step counts what it can look at in half of its time limit, and the next one goes on."""
    people(7)
    finish(start(HEADSHOT))
    run = start(HEADSHOT)
    slow.clock_s, slow.takes_s = 0, conf.worker_settings().soft_time_limit_s / 5

    [step] = sent_steps()
    runs.advance(**step)

    assert counts(run) == {"current": 3}
    assert slow.clock_s < conf.worker_settings().soft_time_limit_s
    assert finish(run) == {"current": 7}


def test_an_original_that_the_storage_does_not_tell_in_time_is_enqueued(slow, people):
    """The step ends there, and the job reports the failure."""
    people(3)
    finish(start(HEADSHOT))
    run = start(HEADSHOT)
    slow.takes_s, slow.error = conf.worker_settings().soft_time_limit_s, SoftTimeLimitExceeded()

    [step] = sent_steps()
    runs.advance(**step)

    assert counts(run) == {"outstanding": 1}
    assert len(sent_steps()) == 1


def test_a_run_passes_an_original_that_the_storage_does_not_tell_in_time(slow, people):
    """No step ends twice at the same one: jobs look at it, and at those it was asked with."""
    made = people(12)
    finish(start(HEADSHOT))
    run = start(HEADSHOT)
    slow.error, slow.refuses = SoftTimeLimitExceeded(), str(made[4].headshot.name)
    [step] = sent_steps()

    runs.advance(**step)

    assert counts(run) == {"current": 1, "outstanding": 8}
    slow.error = None
    assert finish(run) == {"current": 12}


@pytest.mark.parametrize("error", [PermissionError(13, "denied"), RuntimeError("403")])
def test_an_original_that_cannot_be_read_stops_no_run(slow, people, error):
    """The others are counted, and its job reports the failure."""
    made = people(5)
    finish(start(HEADSHOT))
    slow.error, slow.refuses = error, str(made[1].headshot.name)
    run = start(HEADSHOT)
    deliver()

    assert counts(run) == {"current": 4, "outstanding": 1}
    work_owed()
    [job] = WarmJob.objects.all()
    assert str(error.args[-1]) in job.error


def of_headshots(started):
    return [run for run in started if run.model_label == "app.Person"]


def test_a_run_is_started_in_every_database(ledger_db, people):
    people(2, ledger_db)

    with committed(ledger_db):
        started = runs.start_all()

    [run] = [run for run in of_headshots(started) if run._state.db == ledger_db]
    assert finish(run) == {"created": 2}


@pytest.mark.parametrize("how", ["away", "empty", "read-only"])
@pytest.mark.parametrize("ledger_db", ["sqlite"], indirect=True)
@pytest.mark.django_db(transaction=True)
def test_a_database_that_fails_stops_no_run_in_another(ledger_db, how, tmp_path, caplog):
    """The log names the database that was left out."""
    with replica_that_fails(how, tmp_path):
        started = runs.start_all()

    assert {run._state.db for run in started} == {"default", ledger_db}
    assert "database 'replica' was skipped" in caplog.text


def test_a_failed_job_is_tried_again_after_its_key_set_has_changed(people, configure):
    broken, _ = people(2)
    whole = Path(broken.headshot.path).read_bytes()
    Path(broken.headshot.path).write_bytes(b"no picture")
    assert finish(start(HEADSHOT)) == {"created": 1, "failed": 1}
    assert finish(start(HEADSHOT)) == {"current": 1, "failed": 1}
    Path(broken.headshot.path).write_bytes(whole)
    configure(KEY_SETS={"headshot": [("two", "crop__9x9")], "hero": HERO})

    assert finish(start(HEADSHOT)) == {"created": 2}

    assert not WarmJob.objects.exists()
    assert HEADSHOT.storage.exists(broken.headshot.plans()[0].path)


def test_a_step_reads_its_records_in_one_call(people, monkeypatch):
    people(5)
    finish(start(HEADSHOT))
    asked = []

    def get_many(self, keys):
        asked.append(len(list(keys)))
        return real(self, keys)

    real = CacheStore.get_many
    monkeypatch.setattr(CacheStore, "get_many", get_many)
    run = start(HEADSHOT)
    [step] = sent_steps()
    runs.advance(**step)

    assert counts(run) == {"current": 5}
    assert len(asked) == 1


def test_a_run_has_no_more_than_max_queued_outstanding_jobs(people, settings):
    set_workers(settings, CHUNK_SIZE=2, MAX_QUEUED=2)
    people(7)
    run = start(HEADSHOT)

    most = 0
    for _ in range(10):
        deliver()
        most = max(most, counts(run).get("outstanding", 0))
        work_owed()
        runs.continue_all("default")

    assert 2 <= most <= 3
    assert counts(run) == {"created": 7}
    run.refresh_from_db()
    assert run.state == RunState.DONE


def test_a_sweep_does_not_continue_a_run_with_max_queued_outstanding_jobs(people, settings):
    set_workers(settings, CHUNK_SIZE=2, MAX_QUEUED=2)
    people(4)
    start(HEADSHOT)
    deliver()

    runs.continue_all("default")
    assert sent_steps() == []

    work_owed()
    runs.continue_all("default")
    assert len(sent_steps()) == 1


def test_redelivered_messages_count_no_instance_twice(people, settings):
    set_workers(settings, CHUNK_SIZE=2)
    people(5)
    run = start(HEADSHOT)

    for _ in range(10):
        for step in sent_steps():
            for _ in range(3):
                runs.advance(**step)
    assert finish(run) == {"created": 5}


def test_simultaneous_steps_count_no_instance_twice(ledger_db, people, settings):
    set_workers(settings, CHUNK_SIZE=3)
    made = people(8, ledger_db)
    run = start(HEADSHOT, using=ledger_db)

    for _ in range(4):
        at_once(*[lambda: runs.advance(ledger_db, run.pk)] * 3)
        drain(BULK_QUEUE)
        counts(run)

    run.refresh_from_db()
    assert run.planned == len(made)
    assert finish(run) == {"created": 8}


# SQLite has one writer at a time.
@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_a_step_that_waits_for_a_save_holds_no_lock(ledger_db, people):
    """A lock would be a deadlock with the save or a worker."""
    first, second = people(2, ledger_db)
    warmed, run = people(1, ledger_db)[0], start(HEADSHOT, using=ledger_db)
    ledger.enqueue_for_run(run, "s", [target_of(warmed, ledger_db)])
    WarmRun.objects.using(ledger_db).update(planned=1)
    [hint] = ledger.due(ledger_db, 1, ledger.Work.RUNS, resend_after_s=0)
    taken = ledger.claim(hint, task_id="t", worker="w", lease_s=90, max_attempts=4)

    with transaction.atomic(using=ledger_db):
        ledger.enqueue(target_of(second, ledger_db), "saved")
        step = Call(lambda: runs.advance(ledger_db, run.pk))
        wait_for(
            run.jobs.using(ledger_db).filter(object_pk=first.pk).exists,
            15,
            "the first row of the run is written",
        )
        assert step.is_waiting()
        assert Call(lambda: ledger.settle(taken, counted="created")).result()
        ledger.enqueue(target_of(first, ledger_db), "saved")

    step.result()
    assert counts(run) == {"created": 1, "superseded": 2, "outstanding": 1}


def test_simultaneous_starts_give_one_run(ledger_db):
    """For example of two beat processes."""
    started = at_once(*[lambda: start(HEADSHOT, using=ledger_db).pk] * 4)

    assert len(set(started)) == 1
    assert WarmRun.objects.using(ledger_db).count() == 1
    assert len(sent_steps()) == 1


def test_a_second_run_starts_when_the_first_is_done(db):
    first = start(HEADSHOT)
    assert start(HEADSHOT) == first

    finish(first)

    assert start(HEADSHOT) != first


def test_a_paused_run_starts_no_job_and_resumes_where_it_was(ledger_db, people, settings):
    """Neither messages nor sweeps move a paused run."""
    set_workers(settings, CHUNK_SIZE=2)
    people(5, ledger_db)
    run = start(HEADSHOT, using=ledger_db)
    [step] = sent_steps()
    runs.advance(**step)
    [hint, _] = ledger.due(ledger_db, 10, ledger.Work.RUNS, resend_after_s=-1)

    assert runs.pause(run)

    assert deliver() > 0
    runs.continue_all(ledger_db)
    assert work_owed(ledger_db) == 0
    assert ledger.claim(hint, task_id="t", worker="w", lease_s=9, max_attempts=4) is None
    assert sent_steps() == []
    assert counts(run) == {"outstanding": 2}
    assert run.state == RunState.PAUSED
    assert start(HEADSHOT, using=ledger_db) == run

    with committed(ledger_db):
        assert runs.resume(run)
    assert finish(run) == {"created": 5}


def test_a_resumed_run_sends_its_messages_again(people):
    """The messages that found the run paused are lost."""
    people(2)
    run = start(HEADSHOT)
    deliver()
    runs.pause(run)
    drain(BULK_QUEUE)

    with committed():
        runs.resume(run)

    sent = [task for task, _ in drain(BULK_QUEUE)]
    assert sent == ["renditions.warm", "renditions.warm", TaskName.ADVANCE_RUN]


def test_a_cancelled_run_ends_except_for_jobs_in_progress(ledger_db, people, settings):
    """No job is started any more, and the counts add up."""
    set_workers(settings, CHUNK_SIZE=4)
    in_hand, *waiting = people(5, ledger_db)
    run = start(HEADSHOT, using=ledger_db)
    [step] = sent_steps()
    runs.advance(**step)
    job = WarmJob.objects.using(ledger_db).get(object_pk=str(in_hand.pk))
    hint = ledger.Hint(ledger_db, job.pk, job.generation, bulk=True)
    claim = ledger.claim(hint, task_id="t", worker="w", lease_s=9, max_attempts=4)
    assert claim

    assert runs.cancel(run)

    assert counts(run) == {"cancelled": 3, "outstanding": 1}
    deliver()
    runs.continue_all(ledger_db)
    assert work_owed(ledger_db) == 0
    assert ledger.settle(claim, counted="created")
    assert counts(run) == {"created": 1, "cancelled": 3}
    assert run.state == RunState.CANCELLED
    storage = HEADSHOT.storage
    assert not any(storage.exists(plan.path) for p in waiting for plan in p.headshot.plans())
    assert finish(start(HEADSHOT, using=ledger_db))["created"] == 5


def test_a_job_that_fails_after_the_cancellation_is_not_tried_again(people):
    """The next sweep deletes a postponed job of a cancelled run."""
    people(1)
    run = start(HEADSHOT)
    deliver()
    [hint] = ledger.due("default", 10, ledger.Work.RUNS, resend_after_s=-1)
    claim = ledger.claim(hint, task_id="t", worker="w", lease_s=9, max_attempts=4)
    assert claim
    runs.cancel(run)
    ledger.postpone(claim, [Failure.of_job(StorageFailed("away"))], delay_s=0)

    assert counts(run) == {"outstanding": 1}
    runs.continue_all("default")

    assert counts(run) == {"cancelled": 1}


def test_the_job_of_a_save_survives_the_cancellation(people):
    """Also of a save that changed nothing, if the run had a job for its picture."""
    saved, _ = people(2)
    run = start(HEADSHOT)
    deliver()
    saved.save()

    runs.cancel(run)

    assert counts(run) == {"superseded": 1, "cancelled": 1}
    assert work_owed() == 1
    assert all(HEADSHOT.storage.exists(plan.path) for plan in saved.headshot.plans())


# SQLite locks the whole database.
@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_a_cancellation_waits_for_no_save(ledger_db, people):
    """A job that a long transaction has locked stays, as the job of that save."""
    busy, _ = people(2, ledger_db)
    run = start(HEADSHOT, using=ledger_db)
    deliver()

    with transaction.atomic(using=ledger_db):
        busy.save(using=ledger_db)
        [cancelled] = at_once(lambda: runs.cancel(run))
    assert cancelled

    assert counts(run) == {"superseded": 1, "cancelled": 1}
    assert WarmJob.objects.using(ledger_db).get().object_pk == str(busy.pk)


@pytest.mark.parametrize("change", [runs.pause, runs.resume, runs.cancel])
def test_a_run_that_is_done_cannot_be_changed(people, change):
    people(1)
    run = start(HEADSHOT)
    finish(run)

    assert not change(run)

    assert counts(run) == {"created": 1}
    assert run.state == RunState.DONE


def test_a_run_is_sent_when_it_is_committed(people):
    """A message before the commit would find no run."""
    people(1)

    with transaction.atomic():
        runs.start(HEADSHOT)
        assert sent_steps() == []
        transaction.set_rollback(True)

    assert sent_steps() == []
    assert not WarmRun.objects.exists()


def test_a_run_whose_message_is_lost_goes_on_with_the_sweep(people):
    people(2)
    run = start(HEADSHOT)
    drain(BULK_QUEUE)

    assert finish(run) == {"created": 2}


def test_a_broker_that_is_away_at_the_start_loses_no_run(people):
    """The run starts with the next sweep."""
    people(2)
    with celery_on(f"redis://127.0.0.1:{unused_port()}/0"), committed():
        runs.start_all()

    [run] = of_headshots(WarmRun.objects.all())
    assert finish(run) == {"created": 2}


def test_a_forced_run_makes_existing_renditions_again(people, settings):
    with hooked(settings) as hook:
        people(2)
        finish(start(HEADSHOT))
        assert hook.calls == 2

        assert finish(start(HEADSHOT, force=True)) == {"created": 2}

        assert hook.calls == 4


def test_a_forced_run_forces_the_job_of_a_save(people, settings):
    with hooked(settings) as hook:
        [person] = people(1)
        finish(start(HEADSHOT))
        ledger.enqueue(JobTarget("default", "app.Person", str(person.pk), "headshot"), "s")

        finish(start(HEADSHOT, force=True))

        assert hook.calls == 2


def test_saves_and_deletions_during_a_run_are_counted(people):
    """An instance that is saved or deleted before its turn is counted as superseded."""
    saved, deleted, warmed = people(3)
    run = start(HEADSHOT)
    deliver()
    saved.headshot.ppoi = (0, 0)
    saved.save()
    deleted.delete()

    assert counts(run) == {"superseded": 2, "outstanding": 1}
    assert finish(run) == {"superseded": 2, "created": 1}
    assert warmed.headshot.storage.exists(warmed.headshot.plans()[0].path)


def test_the_jobs_of_a_run_go_to_the_bulk_queue(people):
    people(1)
    start(HEADSHOT)
    deliver()

    [hint] = ledger.due("default", 10, ledger.Work.RUNS, resend_after_s=-1)
    assert hint.bulk
    assert ledger.due("default", 10, ledger.Work.SAVES, resend_after_s=60) == []
    assert drain(QUEUE) == []


def test_a_run_after_a_lost_cache_finds_the_files(people, settings):
    """It renders nothing."""
    with hooked(settings) as hook:
        people(2)
        finish(start(HEADSHOT))
        caches["default"].clear()

        assert finish(start(HEADSHOT)) == {"current": 2}

        assert hook.calls == 2


def test_a_run_makes_a_deleted_file_again(people):
    """The record says that it exists."""
    [person] = people(1)
    finish(start(HEADSHOT))
    Path(HEADSHOT.storage.path(person.headshot.plans()[0].path)).unlink()

    assert finish(start(HEADSHOT)) == {"created": 1}


def test_a_missing_original_is_counted_as_failed(people, settings):
    set_workers(settings, MAX_ATTEMPTS=1)
    gone, there = people(2)
    Path(gone.headshot.path).unlink()

    assert finish(start(HEADSHOT)) == {"created": 1, "failed": 1}
    assert there.headshot.storage.exists(there.headshot.plans()[0].path)


def test_a_row_with_an_invalid_focal_point_stops_no_run(people, caplog):
    """It is cropped at the centre, and the log names it."""
    people(1)
    [bad] = people(1)
    people(1)
    with connections["default"].cursor() as cursor:
        cursor.execute("UPDATE app_person SET headshot_ppoi = 'junk' WHERE id = %s", [bad.pk])

    assert finish(start(HEADSHOT)) == {"created": 3}
    assert "'junk' is not a focal point" in caplog.text
    assert Person.objects.get(pk=bad.pk).headshot.ppoi == (0.5, 0.5)


def test_the_run_over_a_parent_model_includes_its_children(db, picture):
    Editor.objects.create(headshot=picture())
    WarmJob.objects.all().delete()

    started = runs.start_all()

    assert not [run for run in started if run.model_label == "app.Editor"]
    [run] = of_headshots(started)
    assert finish(run) == {"created": 1}


def test_a_run_warms_the_placeholder(db, monkeypatch, configure):
    """Also for keys that were declared since the last save."""
    back = Card._meta.get_field("back")
    monkeypatch.setattr(back, "warm", ("hero",))
    Card.objects.bulk_create([Card(title="blank")])

    assert finish(start(back)) == {"blank": 1}

    configure(KEY_SETS={"hero": [*HERO, ("new", "crop__9x9")]})
    assert finish(start(back)) == {"blank": 1}
    image = Card.objects.get().back
    assert back.storage.exists(image.thumbnail["100x100"].name)
    assert back.storage.exists(image.crop["9x9"].name)


def test_a_run_over_a_field_that_lost_its_warm_ends(people, monkeypatch):
    people(2)
    run = start(HEADSHOT)
    monkeypatch.setattr(HEADSHOT, "warm", ())

    assert finish(run) == {"current": 2}


def test_a_run_over_a_removed_field_ends(people):
    run = WarmRun.objects.create(model_label="app.Person", field_name="portrait")
    gone = WarmRun.objects.create(model_label="app.Nobody", field_name="headshot")
    people(1)

    finish(run)
    finish(gone)


# SQLite only, to save time: test_kill_points tries every statement on both databases.
@pytest.mark.parametrize("ledger_db", ["sqlite"], indirect=True)
def test_a_step_that_is_killed_at_any_statement_counts_each_instance_once(
    ledger_db, people, settings
):
    set_workers(settings, CHUNK_SIZE=3)
    people(2, ledger_db)
    Person.objects.using(ledger_db).create(name="blank")

    point = 0
    while True:
        run = start(HEADSHOT, using=ledger_db, force=True)
        drain(BULK_QUEUE)
        if not dies_at(point, ledger_db, lambda run=run: runs.advance(ledger_db, run.pk)):
            break
        counts(run)
        assert finish(run) == {"created": 2, "blank": 1}
        point += 1
    assert point > 5
