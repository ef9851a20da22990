"""One job, from its claim to its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from celery import current_app, signals
from celery.exceptions import SoftTimeLimitExceeded, WorkerLostError
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
    """Return a person who is owed all renditions."""
    return Person.objects.create(name="Ada", headshot=picture())


def work(task_id: str = "t1", node: str = "w1") -> None:
    """Do what a worker does that got the message of the one job there is."""
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
    """Everything owed is there, whole and recorded, and nothing is owed any more."""
    work()

    assert not WarmJob.objects.exists()
    assert set(files()) == planned(person)
    for path in files().values():
        with Image.open(path) as rendition:
            rendition.load()
    assert {record.state for record in records(person).values()} == {RecordState.CREATED}
    assert len(records(person)) == 3


def test_a_message_that_comes_again_does_nothing(person, hook):
    """A job whose message is delivered three times is done once."""
    job = WarmJob.objects.get()
    hint = ledger.Hint("default", job.pk, job.generation)

    for delivery in range(3):
        worker.run_job(hint, f"t{delivery}", "w1")

    assert hook.calls == 1


def test_a_message_that_comes_meanwhile_does_nothing(person, hook):
    """While one worker is at it, the message's double finds nothing to do."""
    job = WarmJob.objects.get()
    hint = ledger.Hint("default", job.pk, job.generation)
    does(lambda: worker.run_job(hint, "t2", "w2"))

    worker.run_job(hint, "t1", "w1")

    assert hook.calls == 1
    assert set(files()) == planned(person)


def test_what_is_there_is_not_made_again(person, hook):
    """A job whose renditions exist already touches none of them."""
    work()
    before = {path: file.stat().st_mtime_ns for path, file in files().items()}
    ledger.enqueue(JobTarget("default", "app.Person", str(person.pk), "headshot"), "")

    work()

    assert {path: file.stat().st_mtime_ns for path, file in files().items()} == before
    assert hook.calls == 1
    assert not WarmJob.objects.exists()


def test_files_that_nobody_remembers_are_taken_over(person, hook):
    """After the cache is lost, a worker finds the files and decodes no original for them."""
    work()
    caches["default"].clear()
    ledger.enqueue(JobTarget("default", "app.Person", str(person.pk), "headshot"), "")

    work()

    assert hook.calls == 1
    assert {record.state for record in records(person).values()} == {RecordState.CREATED}


def test_a_forced_job_makes_all_again(person, hook):
    """A replaced original's renditions are made again though files of their names are there."""
    work()
    target = JobTarget("default", "app.Person", str(person.pk), "headshot")
    ledger.enqueue(target, "", force=True)

    work()

    assert hook.calls == 2


# ---- failures --------------------------------------------------------------------------------


def test_a_broken_picture_fails_at_once_with_every_reason(person):
    """A truncated original is not tried again; the row says of each rendition why."""
    cut_short(person)

    work()

    job = WarmJob.objects.get()
    assert (job.state, job.attempts, job.kind) == (JobState.FAILED, 1, "unreadable")
    assert {failure["path"] for failure in job.failures} == planned(person)
    assert job.error
    assert files() == {}
    assert {record.state for record in records(person).values()} == {RecordState.FAILED}


def test_one_rendition_that_fails_stops_no_other(person):
    """A filter that breaks costs its own rendition only, and the job says which."""
    raises(ValueError("no such colour"), once=False)

    work()

    job = WarmJob.objects.get()
    assert job.state == JobState.FAILED
    [failure] = job.failures
    assert "hook" in failure["path"]
    assert "no such colour" in failure["detail"]
    assert set(files()) == planned(person) - {failure["path"]}


def test_a_mended_picture_is_made_whole_by_a_retry(person):
    """After the file is mended, a retry makes what had failed."""
    path = Path(person.headshot.path)
    whole = path.read_bytes()
    cut_short(person)
    work()
    path.write_bytes(whole)

    ledger.retry(WarmJob.objects.all())
    work()

    assert not WarmJob.objects.exists()
    assert set(files()) == planned(person)


def test_an_original_that_comes_late_is_waited_for(person):
    """A missing original is tried again later, and made when it is there."""
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


def test_an_original_that_never_comes_is_given_up(person):
    """After the last attempt the job is failed and says what was missing."""
    Path(person.headshot.path).unlink()

    for _ in range(conf.worker_settings().max_attempts):
        let_be_due()
        work()

    job = WarmJob.objects.get()
    assert (job.state, job.attempts, job.kind) == (JobState.FAILED, 4, "missing")


def test_a_storage_that_takes_no_file_is_tried_again(person):
    """A storage that cannot be written to is a reason to wait, not to give up."""
    blocker = Path(person.headshot.storage.location) / "__sized__"
    blocker.write_text("a file where a folder should be")

    work()
    assert (WarmJob.objects.get().state, WarmJob.objects.get().kind) == ("queued", "storage")

    blocker.unlink()
    let_be_due()
    work()
    assert set(files()) == planned(person)


def test_what_may_heal_is_tried_again_though_something_else_is_broken(person, hook):
    """A job with one hopeless rendition still gets its attempts for the others."""
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


def test_a_job_that_always_takes_too_long_is_given_up(person):
    """A picture that is too much for its time ends as failed with that reason."""
    raises(SoftTimeLimitExceeded(), once=False)

    for _ in range(conf.worker_settings().max_attempts):
        let_be_due()
        work()

    job = WarmJob.objects.get()
    assert (job.state, job.kind) == (JobState.FAILED, "time_limit")
    assert "60 s" in job.error


def test_a_database_that_fails_in_the_middle_leaves_the_job_to_another_attempt(person):
    """A lost connection ends the attempt and fails nothing; the job is free again at once."""

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


def test_a_task_whose_process_died_frees_its_job(person):
    """When Celery says that a process was lost, its job waits a little and is tried again."""
    job = WarmJob.objects.get()
    hint = ledger.Hint("default", job.pk, job.generation)
    assert ledger.claim(hint, task_id="t1", worker="w1", lease_s=90, max_attempts=4)

    ours = current_app.tasks["renditions.warm"]
    other = current_app.tasks["renditions.sweep"]
    signals.task_failure.send(sender=other, task_id="t1", exception=WorkerLostError())
    assert WarmJob.objects.get().state == JobState.WARMING
    signals.task_failure.send(sender=ours, task_id="t1", exception=ValueError())

    job = WarmJob.objects.annotate(wait=F("due_at") - Now()).get()
    assert job.state == JobState.QUEUED
    assert timedelta(seconds=0) < job.wait <= timedelta(seconds=10)


def test_a_job_whose_settings_are_wrong_says_so(person, configure):
    """A key set that is gone ends as failed with that reason, not as a worker that died."""
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
    """Each wait is about twice the one before, 20 % either way, and never above the bound."""
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


def test_a_focal_point_that_moves_meanwhile_wins(person, django_capture_on_commit_callbacks):
    """Renditions of the old focal point are taken away again, and the new ones get their turn."""
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


def test_a_picture_that_is_replaced_meanwhile_wins(person, picture):
    """Nothing of the old picture is left once the new one is warmed."""

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


def test_a_picture_that_is_replaced_under_its_name_meanwhile_wins(person, picture):
    """No rendition of the old content is left under the name that the new content has."""

    def replace() -> None:
        again = Person.objects.get(pk=person.pk)
        again.headshot.storage.delete(again.headshot.name)
        again.headshot = picture("a.jpg", 100, 300)
        again.save()
        assert again.headshot.name == person.headshot.name

    does(replace)

    work()
    # It was cut from the old content when the new one came.
    assert not any("hook" in path for path in files())
    work()

    assert not WarmJob.objects.exists()
    thumbnail = next(path for name, path in files().items() if "thumbnail" in name)
    with Image.open(thumbnail) as small:
        assert small.size == (7, 20)


def test_an_instance_that_is_deleted_meanwhile_leaves_nothing(person):
    """No rendition of a deleted instance's picture is left, and nothing is owed."""
    does(lambda: Person.objects.get(pk=person.pk).delete())

    work()

    assert files() == {}
    assert not WarmJob.objects.exists()
    assert records(person) == {}


def test_a_picture_that_is_cleared_meanwhile_leaves_nothing(person):
    """No rendition is left of a picture that was taken away while it was being warmed."""

    def clear() -> None:
        again = Person.objects.get(pk=person.pk)
        again.headshot = ""
        again.save()

    does(clear)

    work()

    assert files() == {}
    assert not WarmJob.objects.exists()


@pytest.mark.parametrize("error", [SoftTimeLimitExceeded(), ValueError("broken"), MemoryError()])
def test_an_attempt_that_fails_after_it_was_overtaken_fails_nothing(person, error):
    """The failure of an old picture is not that of the new one, which has its turn at once."""

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
def test_an_attempt_that_is_cut_off_after_it_was_overtaken_leaves_nothing(person, picture, goes_on):
    """What it had made under the old name is taken away, whether its instance is there or not."""

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


def owe_by_run(person: Person, field: str = "headshot", model: str = "app.Person") -> WarmRun:
    WarmJob.objects.all().delete()
    run = WarmRun.objects.create(model_label=model, field_name=field)
    ledger.enqueue_for_run(JobTarget("default", model, str(person.pk), field), "", run)
    return run


def test_a_picture_that_was_cleared_unseen_is_counted_as_blank(person):
    """A row about a picture that is not there any more ends, and its run counts a blank."""
    run = owe_by_run(person)
    Person.objects.update(headshot="")

    work()

    run.refresh_from_db()
    assert (run.blank, run.jobs.count()) == (1, 0)


def test_an_instance_that_was_deleted_unseen_is_counted_as_blank(person):
    """A row about an instance that is not there any more ends, and its run counts a blank."""
    run = owe_by_run(person)
    Person.objects.all()._raw_delete("default")

    work()

    run.refresh_from_db()
    assert (run.blank, run.jobs.count()) == (1, 0)


@pytest.mark.parametrize(
    ("model", "field"),
    [("app.Person", "portrait"), ("app.Nobody", "headshot"), ("app.Person", "name")],
)
def test_a_field_that_code_no_longer_has_is_owed_nothing(person, model, field):
    """After a field or a model was removed, the rows that are left of it end."""
    run = owe_by_run(person, field, model)

    work()

    run.refresh_from_db()
    assert (run.blank, run.jobs.count()) == (1, 0)


def test_a_field_that_declares_nothing_any_more_is_owed_nothing(person, monkeypatch):
    """After `warm` was taken off a field, the rows that are left of it end."""
    monkeypatch.setattr(Person._meta.get_field("headshot"), "warm", ())

    work()

    assert not WarmJob.objects.exists()


# ---- releases --------------------------------------------------------------------------------


@pytest.fixture
def newer(settings, monkeypatch):
    """Return the settings of a newer release, which has a key more, and how to run it."""
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
    """It makes what it knows of, and does not settle what a newer process may owe besides."""
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


def test_a_worker_of_a_newer_release_ends_what_an_older_one_owes(person, newer):
    """What it declares is what pages will ask for."""
    with newer():
        work()

        assert set(files()) == planned(person)
    assert not WarmJob.objects.exists()


def test_a_field_that_only_a_newer_release_has_is_left_to_it(person, newer):
    """A row about a field that this code does not know yet is not taken for a leftover."""
    with newer():
        run = owe_by_run(person, "portrait")

    work()

    run.refresh_from_db()
    assert (run.blank, run.jobs.count()) == (0, 1)
    assert "app.Person.portrait" in WarmJob.objects.get().error


def test_a_job_that_no_worker_understands_fails_and_is_taken_as_it_is_by_a_retry(
    person, newer, configure
):
    """With all attempts used it says why; a retry asks for whatever is declared by now."""
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


def test_a_picture_that_comes_while_a_blank_one_is_settled_has_its_turn(ledger_db, picture):
    """A worker that found no picture lets go of the row when one was uploaded meanwhile."""
    person = Person.objects.using(ledger_db).create(name="Ada")
    target = JobTarget(ledger_db, "app.Person", str(person.pk), "headshot")
    hint = ledger.enqueue(target, "")

    def upload() -> None:
        again = Person.objects.using(ledger_db).get(pk=person.pk)
        again.headshot = picture()
        again.save()

    # The first transaction is the claim's, the second is the one that settles.
    begins = "BEGIN" if ledger_db == "sqlite" else 'UPDATE "rendition_workers_warmjob"'
    with before_statement(ledger_db, begins, upload, skip=1):
        worker.run_job(hint, "t1", "w1")

    job = WarmJob.objects.using(ledger_db).get()
    assert (job.state, job.generation, job.lease_until) == (JobState.QUEUED, 2, None)
