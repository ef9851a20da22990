"""What happens to the files of a picture that its row no longer shows."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, default_storage
from django.db import connections, transaction
from django.utils.timezone import now
from psycopg import IsolationLevel

from renditions.planning.keys import RenditionKey
from tests.app.models import Flyer, FramedPoster, Person, Poster
from tests.workers.broker import drain
from tests.workers.concurrency import PATIENCE_S, Call, dies_at
from workers import ledger, runs, targets
from workers.conf import BULK_QUEUE
from workers.ledger import Work
from workers.models import JobState, Takes, WarmJob, WarmRun
from workers.progress import ProgressState, progress_of
from workers.targets import JobTarget
from workers.testing import work_owed
from workers.worker import run_job

POSTER = Poster._meta.get_field("image")


@pytest.fixture(autouse=True)
def _at_once(configure) -> None:
    """Take away without a delay."""
    configure(WORKERS={"REMOVAL_DELAY_S": 0})


@pytest.fixture
def poster(db, picture) -> Poster:
    """A poster with all its renditions."""
    made = Poster.objects.create(image=picture("a.jpg"))
    work_owed()
    assert len(files()) == 1 + len(made.image.plans())
    return made


def files(storage: Storage = default_storage) -> set[str]:
    """Return every file on the storage."""
    root = Path(storage.path(""))
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def files_of(poster: Poster) -> set[str]:
    return {str(poster.image.name), *(plan.path for plan in poster.image.plans())}


def removals() -> list[tuple[str, str | None, str]]:
    jobs = WarmJob.objects.filter(takes__isnull=False).order_by("pk")
    return list(jobs.values_list("removed_name", "takes", "state"))


# ---- what is taken away --------------------------------------------------------------------------


def test_a_replaced_picture_goes_with_its_renditions(poster, picture):
    poster.image = picture("b.jpg")
    poster.save()

    assert removals() == [("posters/a.jpg", Takes.ALL, JobState.QUEUED)]
    work_owed()
    assert files() == files_of(poster)
    assert poster.image.name == "posters/b.jpg"
    assert not WarmJob.objects.exists()


@pytest.mark.parametrize("empty", ["", None])
def test_a_cleared_picture_goes(poster, empty):
    poster.image = empty
    poster.save()
    work_owed()

    assert files() == set()


@pytest.mark.parametrize("is_saved", [True, False])
def test_a_picture_whose_file_is_deleted_goes_after_the_save(poster, is_saved):
    before = files()
    poster.image.delete(save=is_saved)

    # The worker deletes the file, and not before the row has changed.
    assert files() == before
    assert poster.image.name is None
    work_owed()
    assert files() == (set() if is_saved else before)
    poster.save()
    work_owed()
    assert files() == set()


@pytest.mark.parametrize(
    "delete",
    [
        lambda poster: poster.delete(),
        lambda poster: Poster.objects.filter(pk=poster.pk).delete(),
        lambda poster: Poster.objects.only("title").get().delete(),
    ],
    ids=["instance", "queryset", "deferred"],
)
def test_the_picture_of_a_deleted_row_goes(poster, delete):
    delete(poster)
    work_owed()

    assert files() == set()
    assert not WarmJob.objects.exists()


def test_the_pictures_of_a_parent_and_its_child_go(db, picture):
    framed = FramedPoster.objects.create(image=picture("a.jpg"), frame=picture("f.jpg"))
    framed.frame.create_on_demand = True
    assert framed.frame.crop["30x30"].url
    work_owed()

    Poster.objects.get().delete()
    work_owed()

    # Of the frame, only the renditions are taken away.
    assert files() == {"posters/f.jpg"}


def test_the_former_picture_of_the_row_goes_even_if_the_instance_is_older(poster, picture):
    """Two people have the form open at the same time."""
    other = Poster.objects.get()
    other.image = picture("b.jpg")
    other.save()
    poster.image = picture("c.jpg")
    poster.save()
    work_owed()

    assert files() == files_of(poster)


def test_an_unsaved_name_of_a_deleted_instance_is_not_taken_for_its_picture(poster, picture):
    other = Poster.objects.create(image=picture("b.jpg"))
    work_owed()
    kept = files_of(other)

    poster.image = other.image.name
    poster.delete()
    work_owed()

    assert files() == kept


def test_renditions_that_no_key_set_declares_go_too(poster, picture):
    image = poster.image
    image.create_on_demand = True
    assert image.crop["31x17"].url
    assert image.filters.invert.url
    assert image.filters.invert.thumbnail["20x20"].url
    assert image.rendition(RenditionKey.parse("crop__33x33__webp")).url
    poster.image.ppoi = (0.1, 0.9)
    poster.save()
    work_owed()
    (Path(default_storage.path("")) / "__sized__/posters/a-thumbnail-9x9-15.jpg").touch()

    poster.delete()
    work_owed()

    assert files() == set()


def test_files_of_others_stay(poster, picture):
    stem = Poster.objects.create(image=picture("a-thumbnail-50x50-70.jpg"))
    twin = Poster.objects.create(image=picture("a.png"))
    work_owed()
    strange = {"__sized__/posters/a-notes.jpg", "__sized__/posters/a-thumbnail-x.jpg"}
    for name in strange:
        default_storage.save(name, ContentFile(b"mine"))
    kept = files_of(stem) | files_of(twin) | strange

    poster.delete()
    work_owed()

    assert files() == kept


def test_the_default_keeps_everything(db, picture):
    person = Person.objects.create(headshot=picture())
    work_owed()
    before = files()
    person.delete()

    assert work_owed() == 0
    assert files() == before


def test_the_setting_is_the_default_of_all_fields(db, picture, configure):
    configure(CLEANUP="renditions")
    person = Person.objects.create(headshot=picture())
    work_owed()
    person.delete()
    work_owed()

    assert files() == {"people/a.jpg"}
    assert POSTER.cleanup == "all"


@pytest.mark.parametrize("how", [(), ("in_steps",)])
def test_a_picture_that_is_owed_with_its_original_stays_so(ledger_db, picture, how, request):
    for fixture in how:
        request.getfixturevalue(fixture)
    target = JobTarget(ledger_db, "app.Poster", "1", "image", removed_name="posters/a.jpg")
    first = ledger.owe_removal(target, Takes.RENDITIONS, "0.1x0.2", delay_s=0)
    ledger.owe_removal(target, Takes.ALL, "0.1x0.2", delay_s=60)
    last = ledger.owe_removal(target, Takes.RENDITIONS, "", delay_s=0)

    [job] = WarmJob.objects.using(ledger_db)
    assert (job.pk, job.generation) == (last.job_id, last.generation) == (first.job_id, 3)
    assert (job.takes, job.removed_name, job.removed_ppoi) == (Takes.ALL, "posters/a.jpg", "")
    assert [hint.job_id for hint in ledger.due(ledger_db, 9, Work.REMOVALS, resend_after_s=-1)] == [
        job.pk
    ]


# ---- what is kept --------------------------------------------------------------------------------


def test_a_rollback_takes_nothing_away(poster, picture):
    before = files_of(poster)
    with transaction.atomic():
        poster.image = picture("b.jpg")
        poster.save()
        Poster.objects.all().delete()
        transaction.set_rollback(True)
    work_owed()

    # As in every project, the file that was uploaded stays.
    assert files() == {*before, "posters/b.jpg"}


@pytest.mark.parametrize("copier", [Poster, FramedPoster])
def test_a_picture_that_another_row_shows_is_kept(poster, copier):
    copy = copier.objects.create(image=poster.image)
    before = files()
    poster.delete()
    work_owed()
    assert files() == before
    assert removals() == []

    copy.delete()
    work_owed()
    assert files() == set()


def test_a_picture_that_a_field_of_django_shows_is_kept(poster):
    Flyer.objects.create(scan="posters/a.jpg")
    before = files()
    poster.delete()
    work_owed()

    assert files() == before


def test_a_picture_that_another_storage_shows_is_kept(poster, monkeypatch, settings):
    """Two storages may write to one folder: the other one knows the picture by another name."""
    field = Flyer._meta.get_field("scan")
    inside = FileSystemStorage(location=Path(settings.MEDIA_ROOT) / "posters")
    monkeypatch.setattr(field, "storage", inside)
    Flyer.objects.create(scan="a.jpg")
    before = files()
    poster.delete()
    work_owed()

    assert files() == before


def test_the_file_that_a_field_shows_by_default_is_kept(poster, monkeypatch):
    monkeypatch.setattr(Flyer._meta.get_field("scan"), "default", "posters/a.jpg")
    monkeypatch.delitem(vars(Flyer._meta.get_field("scan")), "_get_default", raising=False)
    before = files()
    poster.delete()
    work_owed()

    assert files() == before


def test_a_save_that_changes_no_picture_owes_nothing(poster):
    poster.title = "other"
    poster.save()
    poster.image = poster.image.name
    poster.save()
    Poster.objects.get().save(update_fields=["title"])

    assert removals() == []


def test_new_content_under_the_same_name_is_no_removal(poster, picture):
    default_storage.delete("posters/a.jpg")
    poster.image = picture("a.jpg", 300, 300)
    poster.save()
    assert poster.image.name == "posters/a.jpg"

    assert removals() == []
    work_owed()
    assert files() == files_of(poster)


# ---- names that are used again -------------------------------------------------------------------


class Overwriting(FileSystemStorage):
    """Writes a new upload over the file of the same name, as S3 may do."""

    after_write: Callable[[], Any] = staticmethod(lambda: None)

    def __init__(self) -> None:
        super().__init__(allow_overwrite=True)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        saved = super().save(name, content, max_length)
        self.after_write()
        return saved


@pytest.fixture
def overwriting(monkeypatch) -> Overwriting:
    storage = Overwriting()
    monkeypatch.setattr(POSTER, "storage", storage)
    return storage


def hints() -> list[ledger.Hint]:
    return [ledger.Hint("default", job.pk, job.generation) for job in WarmJob.objects.all()]


def test_an_upload_under_the_same_name_puts_the_removal_off(poster, picture, overwriting):
    poster.image = ""
    poster.save()
    [hint] = hints()
    # The file is there, and no row shows it yet.
    overwriting.after_write = lambda: run_job(hint, task_id="test", worker="test")

    again = Poster.objects.create(image=picture("a.jpg"))

    assert again.image.name == "posters/a.jpg"
    work_owed()
    assert files() == files_of(again)
    # Later it finds out that a row shows the upload.
    WarmJob.objects.update(due_at=now() - timedelta(seconds=1))
    work_owed()
    assert files() == files_of(again)
    assert removals() == []


def test_renditions_of_the_former_picture_do_not_stay_under_a_new_upload(
    poster, picture, overwriting
):
    poster.image.create_on_demand = True
    assert poster.image.crop["31x17"].url
    poster.image.ppoi = (0.1, 0.1)
    poster.save()
    work_owed()
    poster.image = ""
    poster.save()
    again = Poster.objects.create(image=picture("a.jpg"))
    work_owed()
    WarmJob.objects.update(due_at=now() - timedelta(seconds=1))
    work_owed()

    assert files() == files_of(again)


def test_a_removal_that_was_put_off_for_nothing_is_made_later(poster, picture, overwriting):
    poster.image = ""
    poster.save()
    with transaction.atomic():
        Poster.objects.create(image=picture("a.jpg"))
        transaction.set_rollback(True)
    WarmJob.objects.update(due_at=now() - timedelta(seconds=1), queued_at=now())
    work_owed()

    assert files() == set()


def test_an_upload_gets_another_name_while_files_are_deleted(poster, picture, overwriting):
    poster.image = ""
    poster.save()
    WarmJob.objects.update(is_begun=True)

    again = Poster.objects.create(image=picture("a.jpg"))

    assert again.image.name != "posters/a.jpg"
    work_owed()
    assert files() == files_of(again)


def test_a_file_that_is_written_after_the_change_is_kept(poster):
    """Code of the project may write to the storage without a field."""
    poster.image = ""
    poster.save()
    WarmJob.objects.update(queued_at=now() - timedelta(hours=1))
    work_owed()

    assert files() == {"posters/a.jpg"}


def copy_of_name(poster: Poster) -> Poster:
    return Poster(image=poster.image.name)


def copy_of_instance(poster: Poster) -> Poster:
    copied = Poster.objects.using(poster._state.db).get()
    copied.pk = None
    return copied


@pytest.mark.postgres
@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
@pytest.mark.parametrize("copied", [copy_of_name, copy_of_instance])
def test_a_copy_that_is_not_committed_yet_is_waited_for(ledger_db, picture, copied):
    poster = Poster(image=picture("a.jpg"))
    poster.save(using=ledger_db)
    work_owed(ledger_db)
    before = files()
    is_copied, may_commit = Event(), Event()

    def copy() -> None:
        with transaction.atomic(using=ledger_db):
            copied(poster).save(using=ledger_db)
            is_copied.set()
            may_commit.wait(PATIENCE_S)

    copying = Call(copy)
    assert is_copied.wait(PATIENCE_S)
    poster.delete()
    work_owed(ledger_db)
    assert files() == before
    jobs = WarmJob.objects.using(ledger_db).filter(takes__isnull=False)
    assert [(job.state, job.attempts) for job in jobs] == [(JobState.QUEUED, 0)]

    may_commit.set()
    copying.result()
    jobs.update(due_at=now() - timedelta(seconds=1))
    work_owed(ledger_db)
    assert files() == before
    assert not jobs.exists()


@pytest.mark.postgres
@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_an_older_instance_whose_save_is_not_committed_yet_is_waited_for(ledger_db, picture):
    """It shows the former picture again."""
    poster = Poster(image=picture("a.jpg"))
    poster.save(using=ledger_db)
    older = Poster.objects.using(ledger_db).get()
    poster.image = ""
    poster.save()
    is_saved, may_commit = Event(), Event()

    def save() -> None:
        with transaction.atomic(using=ledger_db):
            older.save()
            is_saved.set()
            may_commit.wait(PATIENCE_S)

    saving = Call(save)
    assert is_saved.wait(PATIENCE_S)
    work_owed(ledger_db)
    may_commit.set()
    saving.result()

    assert "posters/a.jpg" in files()


@pytest.mark.postgres
@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
@pytest.mark.parametrize(
    "change", [lambda poster: poster.save(), lambda poster: poster.image.delete()]
)
def test_a_save_does_not_wait_for_a_row_that_points_to_its_row(ledger_db, picture, change):
    """A row that is inserted locks the key of the row that it points to."""
    poster = Poster(image=picture("a.jpg"))
    poster.save(using=ledger_db)
    with transaction.atomic(using=ledger_db):
        with connections[ledger_db].cursor() as cursor:
            cursor.execute("SELECT 1 FROM app_poster FOR KEY SHARE")
        saving = Call(lambda: change(poster))
        returned = saving.returns()
    saving.result()

    assert returned


@pytest.mark.postgres
@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_a_copy_is_seen_whatever_the_isolation_level(ledger_db, picture, monkeypatch):
    poster = Poster(image=picture("a.jpg"))
    poster.save(using=ledger_db)
    work_owed(ledger_db)
    before, name, begin = files(), poster.image.name, ledger.begin_removal
    poster.delete()

    def begin_while_another_process_copies(claim: ledger.Claim) -> bool:
        is_begun = begin(claim)
        Call(lambda: Poster(image=name).save(using=ledger_db)).result()
        return is_begun

    monkeypatch.setattr(ledger, "begin_removal", begin_while_another_process_copies)
    raw = connections[ledger_db].connection
    raw.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        work_owed(ledger_db)
    finally:
        raw.isolation_level = None

    assert files() == before


# ---- trouble -------------------------------------------------------------------------------------


class Failing(FileSystemStorage):
    """Deletes nothing while it has an error."""

    error: OSError | None = None

    def delete(self, name: str) -> None:
        if self.error:
            raise self.error
        super().delete(name)


@pytest.fixture
def failing(poster, monkeypatch) -> Failing:
    storage = Failing()
    monkeypatch.setattr(POSTER, "storage", storage)
    return storage


def test_a_storage_that_is_down_delays_a_removal(poster, failing):
    failing.error = OSError("the store is away")
    poster.delete()
    work_owed()

    [job] = WarmJob.objects.all()
    assert (job.state, job.attempts) == (JobState.QUEUED, 1)
    assert "the store is away" in job.error
    failing.error = None
    job.due_at = now() - timedelta(seconds=1)
    job.save()
    work_owed()
    assert files() == set()


def test_a_storage_that_refuses_fails_the_removal_and_a_retry_makes_it(poster, failing):
    failing.error = PermissionError("you may not delete")
    poster.delete()
    work_owed()

    [job] = WarmJob.objects.all()
    assert job.state == JobState.FAILED
    assert "you may not delete" in job.error
    assert "posters/a.jpg" in str(job)
    failing.error = None
    assert ledger.retry(WarmJob.objects.all()) == 1
    work_owed()
    assert files() == set()


def test_a_worker_that_has_the_picture_is_waited_for(poster):
    """It may publish more renditions."""
    poster.image.ppoi = (0.1, 0.1)
    poster.save()
    [hint] = hints()
    claim = ledger.claim(hint, task_id="t", worker="w", lease_s=60, max_attempts=4)
    assert claim
    before = files()
    poster.delete()
    work_owed()
    assert files() == before

    assert ledger.release_overtaken(claim)
    WarmJob.objects.update(due_at=now() - timedelta(seconds=1))
    work_owed()
    assert files() == set()
    assert not WarmJob.objects.exists()


def test_a_killed_process_leaves_both_the_change_and_the_removal_or_neither(ledger_db, picture):
    poster = Poster(image=picture("a.jpg"))
    poster.save(using=ledger_db)
    work_owed(ledger_db)
    jobs = WarmJob.objects.using(ledger_db).filter(takes__isnull=False)
    point, is_changed = 0, False

    def replace() -> None:
        other = Poster.objects.using(ledger_db).get()
        other.image = ""
        other.save()

    while not is_changed:
        assert dies_at(point, ledger_db, replace) or jobs.exists()
        is_changed = Poster.objects.using(ledger_db).get().image.name == ""
        assert jobs.exists() == is_changed
        point += 1
    assert point > 3


def test_the_message_waits_for_the_delay(poster, configure, django_capture_on_commit_callbacks):
    configure(WORKERS={"REMOVAL_DELAY_S": 60})
    drain(BULK_QUEUE)
    with django_capture_on_commit_callbacks(execute=True):
        poster.delete()

    assert drain(BULK_QUEUE) == []
    assert work_owed() == 0
    WarmJob.objects.update(due_at=now() - timedelta(seconds=1))
    assert work_owed() == 1
    assert files() == set()


def test_a_removal_hides_no_job_of_the_picture(poster, picture):
    poster.image = picture("b.jpg")
    poster.save()

    assert progress_of(poster, "image").state is ProgressState.QUEUED
    assert WarmJob.objects.count() == 2
    WarmJob.objects.filter(takes__isnull=True).delete()
    assert progress_of(poster, "image").state is ProgressState.FAILED
    run = runs.start(POSTER)
    while not WarmRun.objects.get(pk=run.pk).walked:
        runs.advance("default", run.pk)
    work_owed()
    assert files() == files_of(poster)
    assert WarmRun.objects.get(pk=run.pk).created == 1


class OwnDates(FileSystemStorage):
    """Has a method of its own for dates, so it is asked instead of the folder."""

    def get_modified_time(self, name: str) -> Any:
        return super().get_modified_time(name)


@pytest.mark.parametrize("storage", [default_storage, OwnDates()], ids=["folder", "own dates"])
def test_naive_times_are_compared_with_the_dates_of_files(
    picture, settings, monkeypatch, db, storage
):
    monkeypatch.setattr(POSTER, "storage", storage)
    settings.USE_TZ, settings.TIME_ZONE = False, "Asia/Tokyo"
    for module in (ledger, targets):
        monkeypatch.setattr(module, "STARTED_AT", now())
    poster = Poster.objects.create(image=picture("a.jpg"))
    work_owed()
    poster.delete()
    work_owed()

    assert files() == set()


def test_a_field_that_is_gone_fails_with_a_reason(poster):
    poster.delete()
    WarmJob.objects.update(field_name="photo")
    work_owed()

    [job] = WarmJob.objects.all()
    assert (job.state, job.kind) == (JobState.FAILED, "field")
    assert "app.Poster.photo" in job.error
