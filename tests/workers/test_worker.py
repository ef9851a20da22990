"""One job from its claim to its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from celery import current_app, signals
from celery.exceptions import SoftTimeLimitExceeded
from django.core.cache import caches
from django.db import OperationalError, connection
from django.db.models import F
from django.db.models.functions import Now
from django.test import override_settings
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from renditions.records import RecordState, project_recorder
from tests.app.models import Person
from tests.workers.broker import drain
from tests.workers.concurrency import before_statement
from tests.workers.hooks import does, hooked, raises
from workers import conf, ledger, worker
from workers.conf import QUEUE
from workers.failures import WorkerOutdated
from workers.models import JobState, WarmJob, WarmRun
from workers.targets import JobTarget
from workers.testing import work_owed


@pytest.fixture
def hook(settings):
    with hooked(settings) as made:
        yield made


@pytest.fixture
def person(db, hook, picture) -> Person:
    """Return a person with a job for all renditions."""
    return Person.objects.create(name="Ada", headshot=picture())


def work(task_id: str = "t1", node: str = "w1") -> None:
    """Run the only job, like a worker that got its message."""
    job = WarmJob.objects.get()
    worker.run_job(ledger.Hint("default", job.pk, job.generation), task_id, node)


def files() -> dict[str, Path]:
    """Return every rendition on the storage, by its path."""
    storage = Person._meta.get_field("headshot").storage
    root = Path(storage.location)
    found = [path for path in root.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(root)): path
        for path in found
        if path.relative_to(root).parts[0] == "__sized__"
    }


def planned(person: Person) -> set[str]:
    return {plan.path for plan in Person.objects.get(pk=person.pk).headshot.plans()}


def records(person: Person):
    return project_recorder().recall(person.headshot.plans())


def let_be_due() -> None:
    WarmJob.objects.update(due_at=Now() - timedelta(seconds=1))


def cut_short(person: Person) -> None:
    path = Path(person.headshot.path)
    path.write_bytes(path.read_bytes()[:700])


# ---- ends ------------------------------------------------------------------------------------


def test_a_job_ends_in_all_renditions_and_no_row(person):
    """Every rendition is complete and recorded, and the job is gone."""
    work()

    assert not WarmJob.objects.exists()
    assert set(files()) == planned(person)
    for path in files().values():
        with Image.open(path) as rendition:
            rendition.load()
    assert {record.state for record in records(person).values()} == {RecordState.CREATED}
    assert len(records(person)) == 3


def test_a_redelivered_message_does_nothing(person, hook):
    job = WarmJob.objects.get()
    hint = ledger.Hint("default", job.pk, job.generation)

    for delivery in range(3):
        worker.run_job(hint, f"t{delivery}", "w1")

    assert hook.calls == 1


def test_a_second_message_during_the_job_does_nothing(person, hook):
    job = WarmJob.objects.get()
    hint = ledger.Hint("default", job.pk, job.generation)
    does(lambda: worker.run_job(hint, "t2", "w2"))

    worker.run_job(hint, "t1", "w1")

    assert hook.calls == 1
    assert set(files()) == planned(person)


def test_existing_renditions_are_not_made_again(person, hook):
    work()
    before = {path: file.stat().st_mtime_ns for path, file in files().items()}
    ledger.enqueue(JobTarget("default", "app.Person", str(person.pk), "headshot"), "")

    work()

    assert {path: file.stat().st_mtime_ns for path, file in files().items()} == before
    assert hook.calls == 1
    assert not WarmJob.objects.exists()


def test_files_without_a_record_are_adopted(person, hook):
    """After the cache is lost, no original is decoded."""
    work()
    caches["default"].clear()
    ledger.enqueue(JobTarget("default", "app.Person", str(person.pk), "headshot"), "")

    work()

    assert hook.calls == 1
    assert {record.state for record in records(person).values()} == {RecordState.CREATED}


def test_a_forced_job_makes_existing_renditions_again(person, hook):
    work()
    target = JobTarget("default", "app.Person", str(person.pk), "headshot")
    ledger.enqueue(target, "", force=True)

    work()

    assert hook.calls == 2


# ---- failures --------------------------------------------------------------------------------


def test_a_damaged_picture_fails_at_once(person):
    """It is not tried again, and the job has a reason for each rendition."""
    cut_short(person)

    work()

    job = WarmJob.objects.get()
    assert (job.state, job.attempts, job.kind) == (JobState.FAILED, 1, "unreadable")
    assert {failure["path"] for failure in job.failures} == planned(person)
    assert job.error
    assert files() == {}
    assert {record.state for record in records(person).values()} == {RecordState.FAILED}


def test_one_rendition_that_fails_stops_no_other(person):
    """A filter that fails costs its own rendition only."""
    raises(ValueError("no such colour"), once=False)

    work()

    job = WarmJob.objects.get()
    assert job.state == JobState.FAILED
    [failure] = job.failures
    assert "hook" in failure["path"]
    assert "no such colour" in failure["detail"]
    assert set(files()) == planned(person) - {failure["path"]}


def test_a_retry_makes_a_repaired_picture(person):
    path = Path(person.headshot.path)
    whole = path.read_bytes()
    cut_short(person)
    work()
    path.write_bytes(whole)

    ledger.retry(WarmJob.objects.all())
    work()

    assert not WarmJob.objects.exists()
    assert set(files()) == planned(person)


def test_a_missing_original_is_tried_again_later(person):
    """Some storages show a new file late."""
    path = Path(person.headshot.path)
    away = path.rename(path.with_suffix(".away"))

    work()

    job = WarmJob.objects.annotate(wait=F("due_at") - Now()).get()
    assert (job.state, job.attempts, job.kind) == (JobState.QUEUED, 1, "missing")
    assert timedelta(seconds=7) < job.wait <= timedelta(seconds=12)
    assert work_owed() == 0

    away.rename(path)
    let_be_due()
    work()
    assert not WarmJob.objects.exists()


def test_a_missing_original_fails_after_the_last_attempt(person):
    Path(person.headshot.path).unlink()

    for _ in range(conf.worker_settings().max_attempts):
        let_be_due()
        work()

    job = WarmJob.objects.get()
    assert (job.state, job.attempts, job.kind) == (JobState.FAILED, 4, "missing")


def test_a_storage_that_cannot_be_written_is_tried_again(person):
    blocker = Path(person.headshot.storage.location) / "__sized__"
    blocker.write_text("a file where a folder should be")

    work()
    assert (WarmJob.objects.get().state, WarmJob.objects.get().kind) == ("queued", "storage")

    blocker.unlink()
    let_be_due()
    work()
    assert set(files()) == planned(person)


def test_a_transient_failure_is_tried_again_beside_a_permanent_one(person, hook):
    path = Path(person.headshot.path)
    raises(MemoryError("too large"))

    work()

    job = WarmJob.objects.get()
    assert (job.state, job.kind) == (JobState.QUEUED, "memory")
    assert len(files()) == 2

    raises(ValueError("hopeless"), once=False)
    let_be_due()
    work()
    assert WarmJob.objects.get().state == JobState.FAILED
    assert path.exists()


def test_a_job_that_takes_too_long_is_tried_again_and_keeps_what_it_made(person, hook):
    """The soft time limit ends an attempt; the next one makes only what is left."""
    raises(SoftTimeLimitExceeded())

    work()

    job = WarmJob.objects.get()
    assert (job.state, job.attempts, job.kind) == (JobState.QUEUED, 1, "time_limit")
    made = {path: file.stat().st_mtime_ns for path, file in files().items()}
    assert 0 < len(made) < 3

    let_be_due()
    work()
    assert set(files()) == planned(person)
    assert {path: files()[path].stat().st_mtime_ns for path in made} == made


def test_a_job_that_always_takes_too_long_fails(person):
    raises(SoftTimeLimitExceeded(), once=False)

    for _ in range(conf.worker_settings().max_attempts):
        let_be_due()
        work()

    job = WarmJob.objects.get()
    assert (job.state, job.kind) == (JobState.FAILED, "time_limit")
    assert "60 s" in job.error


def test_a_lost_database_connection_ends_the_attempt(person, monkeypatch):
    """No rendition fails because of it, and the job is claimable at once."""
    monkeypatch.setattr(worker, "ASK_AGAIN_AFTER_S", 0)

    def lose_connection(execute, sql, params, many, context):
        raise OperationalError("server closed the connection unexpectedly")

    def lose() -> None:
        wrapper = connection.execute_wrapper(lose_connection)
        wrapper.__enter__()
        lost.append(wrapper)

    lost: list = []
    does(lose)

    with pytest.raises(OperationalError):
        work("t1")
    lost.pop().__exit__(None, None, None)
    task = current_app.tasks["renditions.warm"]
    signals.task_failure.send(sender=task, task_id="t1", exception=OperationalError())

    job = WarmJob.objects.get()
    assert (job.state, job.attempts, job.lease_until) == (JobState.QUEUED, 1, None)
    let_be_due()
    work("t2")
    assert set(files()) == planned(person)


def test_a_job_with_an_unknown_key_set_names_it(person, configure):
    """It does not fail as a worker that died."""
    configure(KEY_SETS={})

    for attempt in range(conf.worker_settings().max_attempts + 1):
        let_be_due()
        try:
            work(f"t{attempt}")
        except Exception as error:  # noqa: BLE001 - as Celery does
            task = current_app.tasks["renditions.warm"]
            signals.task_failure.send(sender=task, task_id=f"t{attempt}", exception=error)

    job = WarmJob.objects.get()
    assert job.state == JobState.FAILED
    assert "No rendition key set 'headshot'" in job.error


# ---- waiting ---------------------------------------------------------------------------------


@given(st.integers(1, 40))
def test_waits_double_up_to_a_bound(attempt):
    """Each wait is twice the one before, +-20 %, up to a limit."""
    wait = worker.backoff_s(attempt)

    middle = min(10 * 2 ** (attempt - 1), 900)
    assert 0.8 * middle <= wait <= 1.2 * middle


def test_waits_differ():
    """Jobs that failed together do not come back together."""
    assert len({worker.backoff_s(1) for _ in range(20)}) > 10


# ---- overtaken -------------------------------------------------------------------------------


def move_focus(person: Person) -> None:
    again = Person.objects.get(pk=person.pk)
    again.headshot.ppoi = (0.0, 1.0)
    again.save()


def test_a_focal_point_that_moves_during_the_job_wins(person, django_capture_on_commit_callbacks):
    """Renditions of the old focal point are deleted, and the new ones are made at once."""
    old = planned(person)
    does(lambda: move_focus(person))

    with django_capture_on_commit_callbacks(execute=True):
        work()

    job = WarmJob.objects.get()
    assert (job.state, job.generation, job.lease_until) == (JobState.QUEUED, 2, None)
    assert drain(QUEUE)[-1][1] == {"using": "default", "job_id": job.pk, "generation": 2}
    assert set(files()) <= planned(person)

    work()
    assert set(files()) == planned(person) != old
    assert not set(records(person)) - planned(person)


@pytest.mark.parametrize("ask_again_after_s", [0, 60])
def test_a_picture_that_is_replaced_during_the_job_wins(
    person, picture, monkeypatch, ask_again_after_s
):
    """Nothing of the old picture is left, also if the worker learns of the save at the end."""
    monkeypatch.setattr(worker, "ASK_AGAIN_AFTER_S", ask_again_after_s)

    def replace() -> None:
        again = Person.objects.get(pk=person.pk)
        again.headshot = picture("b.jpg", 100, 100)
        again.save()

    does(replace)

    work()
    assert files() == {}
    work()

    assert set(files()) == planned(person)
    assert all("b-" in path or "b__" in path for path in files())


def test_a_picture_that_is_replaced_under_its_name_during_the_job_wins(
    person, picture, monkeypatch
):
    """No rendition of the old content is left under the name of the new content."""
    monkeypatch.setattr(worker, "ASK_AGAIN_AFTER_S", 0)

    def replace() -> None:
        again = Person.objects.get(pk=person.pk)
        again.headshot.storage.delete(again.headshot.name)
        again.headshot = picture("a.jpg", 100, 300)
        again.save()
        assert again.headshot.name == person.headshot.name

    does(replace)

    work()
    # The hook ran when the new content came, so its rendition of the old one is unwanted.
    assert not any("hook" in path for path in files())
    work()

    assert not WarmJob.objects.exists()
    thumbnail = next(path for name, path in files().items() if "thumbnail" in name)
    with Image.open(thumbnail) as small:
        assert small.size == (7, 20)


def test_an_instance_that_is_deleted_during_the_job_leaves_nothing(person):
    does(lambda: Person.objects.get(pk=person.pk).delete())

    work()

    assert files() == {}
    assert not WarmJob.objects.exists()
    assert records(person) == {}


def test_a_picture_that_is_cleared_during_the_job_leaves_nothing(person):
    def clear() -> None:
        again = Person.objects.get(pk=person.pk)
        again.headshot = ""
        again.save()

    does(clear)

    work()

    assert files() == {}
    assert not WarmJob.objects.exists()


@pytest.mark.parametrize("error", [SoftTimeLimitExceeded(), ValueError("broken"), MemoryError()])
def test_an_overtaken_attempt_that_fails_does_not_fail_the_new_picture(person, error):
    """The new picture is worked on at once."""

    def move_and_fail() -> None:
        move_focus(person)
        raise error

    does(move_and_fail)

    work()

    job = WarmJob.objects.get()
    assert (job.state, job.generation, job.attempts, job.error) == (JobState.QUEUED, 2, 0, "")
    assert job.lease_until is None
    work()
    assert set(files()) >= planned(person)


@pytest.mark.parametrize("goes_on", [True, False])
def test_an_overtaken_attempt_that_is_cut_off_leaves_nothing(person, picture, goes_on):
    """What it made under the old name is deleted, with the instance or without it."""

    def overtake_and_fail() -> None:
        again = Person.objects.get(pk=person.pk)
        if goes_on:
            again.headshot = picture("b.jpg", 100, 100)
            again.save()
        else:
            again.delete()
        assert files()
        raise SoftTimeLimitExceeded

    does(overtake_and_fail)

    work()

    assert files() == {}
    assert records(person) == {}


# ---- nothing to make -------------------------------------------------------------------------


def enqueue_by_run(person: Person, field: str = "headshot", model: str = "app.Person") -> WarmRun:
    WarmJob.objects.all().delete()
    run = WarmRun.objects.create(model_label=model, field_name=field)
    ledger.enqueue_for_run(run, "", [JobTarget("default", model, str(person.pk), field)])
    return run


def test_a_picture_that_was_cleared_without_a_signal_is_counted_as_blank(person):
    run = enqueue_by_run(person)
    Person.objects.update(headshot="")

    work()

    run.refresh_from_db()
    assert (run.blank, run.jobs.count()) == (1, 0)


def test_an_instance_that_was_deleted_without_a_signal_is_counted_as_blank(person):
    run = enqueue_by_run(person)
    Person.objects.all()._raw_delete("default")

    work()

    run.refresh_from_db()
    assert (run.blank, run.jobs.count()) == (1, 0)


@pytest.mark.parametrize(
    ("model", "field"),
    [("app.Person", "portrait"), ("app.Nobody", "headshot"), ("app.Person", "name")],
)
def test_the_jobs_of_a_removed_field_end(person, model, field):
    run = enqueue_by_run(person, field, model)

    work()

    run.refresh_from_db()
    assert (run.blank, run.jobs.count()) == (1, 0)


def test_the_jobs_of_a_field_that_lost_its_warm_end(person, monkeypatch):
    monkeypatch.setattr(Person._meta.get_field("headshot"), "warm", ())

    work()

    assert not WarmJob.objects.exists()


# ---- releases --------------------------------------------------------------------------------


@pytest.fixture
def newer(settings, monkeypatch):
    """Return a context manager: inside it the code is a newer release, with one key more."""
    sets = settings.RENDITIONS["KEY_SETS"]
    more = {**sets, "headshot": [*sets["headshot"], ("wide", "crop__90x30")]}

    @contextmanager
    def release() -> Iterator[None]:
        settings_of_it = override_settings(RENDITIONS={**settings.RENDITIONS, "KEY_SETS": more})
        with settings_of_it, monkeypatch.context() as later:
            later.setattr(ledger, "STARTED_AT", timezone.now())
            yield

    return release


def test_a_worker_of_an_older_release_leaves_the_job_to_a_newer_one(person, newer):
    """It makes the keys that it knows, and does not settle the job."""
    with newer():
        person.save()

    work()

    job = WarmJob.objects.get()
    assert (job.state, job.kind, job.attempts) == (JobState.QUEUED, WorkerOutdated.kind, 1)
    assert set(files()) == planned(person)
    let_be_due()
    with newer():
        work()
        assert set(files()) == planned(person)
    assert not WarmJob.objects.exists()


def test_a_worker_of_a_newer_release_settles_the_job_of_an_older_one(person, newer):
    """Pages will ask for what the newer release declares."""
    with newer():
        work()

        assert set(files()) == planned(person)
    assert not WarmJob.objects.exists()


def test_a_field_that_only_a_newer_release_has_is_left_to_it(person, newer):
    """An unknown field is not taken for a removed one."""
    with newer():
        run = enqueue_by_run(person, "portrait")

    work()

    run.refresh_from_db()
    assert (run.blank, run.jobs.count()) == (0, 1)
    assert "app.Person.portrait" in WarmJob.objects.get().error


def test_a_job_that_no_worker_understands_fails_and_a_retry_makes_what_is_declared(
    person, newer, configure
):
    configure(WORKERS={"MAX_ATTEMPTS": 2})
    with newer():
        person.save()

    work()
    let_be_due()
    work()

    job = WarmJob.objects.get()
    assert (job.state, job.kind) == (JobState.FAILED, WorkerOutdated.kind)
    ledger.retry(WarmJob.objects.all())
    work()
    assert not WarmJob.objects.exists()
    assert set(files()) == planned(person)


def test_a_picture_that_is_uploaded_while_a_blank_one_is_settled_is_enqueued(ledger_db, picture):
    person = Person.objects.using(ledger_db).create(name="Ada")
    target = JobTarget(ledger_db, "app.Person", str(person.pk), "headshot")
    hint = ledger.enqueue(target, "")

    def upload() -> None:
        again = Person.objects.using(ledger_db).get(pk=person.pk)
        again.headshot = picture()
        again.save()

    with before_statement(ledger_db, 'DELETE FROM "rendition_workers_warmjob"', upload):
        worker.run_job(hint, "t1", "w1")

    job = WarmJob.objects.using(ledger_db).get()
    assert (job.state, job.generation, job.lease_until) == (JobState.QUEUED, 2, None)
