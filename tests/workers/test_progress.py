"""`workers.progress` says how far the renditions of an instance are, and makes nothing."""

from pathlib import Path

import pytest
from django.core.cache import caches
from django.core.files.storage import FileSystemStorage
from django.utils import translation

from renditions.records.cache import CacheStore
from tests.app.models import Brochure, Editor, Person
from workers import ledger, progress
from workers.enqueue import enqueue_all
from workers.models import JobState, WarmJob
from workers.progress import ProgressState, progress_of, progress_of_all, progress_of_fields
from workers.testing import work_owed

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(picture, configure) -> Person:
    """Return a person whose two renditions are enqueued."""
    keys = [("full", "url"), ("crop", "crop__20x20"), ("negative", "filters__invert__crop__9x9")]
    configure(KEY_SETS={"headshot": keys, "hero": [("hero", "thumbnail__100x100")]})
    return Person.objects.create(headshot=picture("a.jpg"))


def fail(person: Person) -> None:
    """Let the job of `person` give up on a picture that is broken."""
    Path(person.headshot.path).write_bytes(b"no picture")
    work_owed()


def made(person: Person) -> list[bool]:
    return [each.is_made for each in progress_of(person, "headshot").renditions]


def reasons(person: Person) -> list[str]:
    return [each.reason for each in progress_of(person, "headshot").renditions]


# ---- states ------------------------------------------------------------------------------------


def test_without_a_picture_everything_is_done(db):
    """There is nothing to wait for, and nothing to show."""
    found = progress_of(Person.objects.create(), "headshot")

    assert found.state is ProgressState.DONE
    assert found.renditions == ()
    assert found.made_urls == {}


def test_after_the_save_the_job_is_queued(person):
    """A queued job that was not tried yet is no failure, so there is no reason."""
    found = progress_of(person, "headshot")

    assert found.state is ProgressState.QUEUED
    assert not found.state.is_final
    assert made(person) == [False, False]
    assert found.failed == []


def test_a_job_in_progress_is_warming(person):
    """Renditions that are made already can be served before the others are."""
    crop, _ = person.headshot.plans()
    job = WarmJob.objects.get()
    hint = ledger.Hint("default", job.pk, job.generation)
    assert ledger.claim(hint, task_id="t", worker="w", lease_s=60, max_attempts=4)
    person.headshot.create_on_demand = True
    assert person.headshot.crop["20x20"].url

    found = progress_of(person, "headshot")

    assert found.state is ProgressState.WARMING
    assert not found.state.is_final
    assert found.created == [crop.path]
    assert found.failed == []


def test_when_everything_is_made_it_is_done(person):
    work_owed()

    found = progress_of(person, "headshot")

    assert found.state is ProgressState.DONE
    assert found.state.is_final
    assert found.created == [plan.path for plan in person.headshot.plans()]
    assert found.failed == []


def test_a_job_that_was_given_up_is_failed_and_says_why(person):
    """Each rendition has the reason, in the language of the reader; the detail is in English."""
    fail(person)

    with translation.override("de"):
        found = progress_of(person, "headshot")

    assert found.state is ProgressState.FAILED
    assert found.state.is_final
    assert found.failed == list(found.renditions)
    assert found.reasons == [translated("de", WarmJob.objects.get().headline)]
    assert found.reasons != [WarmJob.objects.get().headline]


def translated(language: str, text: str) -> str:
    with translation.override(language):
        return translation.gettext(text)


def test_a_job_that_is_tried_again_has_the_reason_of_its_last_attempt(person):
    """Its state is `queued`: a visitor may wait, and an operator can see why."""
    person.headshot.storage.delete(person.headshot.name)
    work_owed()
    job = WarmJob.objects.get()
    assert job.state == JobState.QUEUED

    found = progress_of(person, "headshot")

    assert found.state is ProgressState.QUEUED
    assert reasons(person) == [job.headline] * 2


def test_a_rendition_that_nothing_waits_for_says_so(person):
    """For example after `bulk_create`: the nightly run makes it."""
    WarmJob.objects.all().delete()

    found = progress_of(person, "headshot")

    assert found.state is ProgressState.FAILED
    assert found.reasons == [progress.NO_JOB_WAITS]


def test_without_a_job_the_reason_is_that_of_the_record(person):
    """A picture that the synchronous warmer or a page could not render has no job."""
    fail(person)
    headline = WarmJob.objects.get().headline
    WarmJob.objects.all().delete()

    assert progress_of(person, "headshot").reasons == [headline]


def test_one_failure_leaves_the_other_renditions_made(person, registry):
    """Only the rendition that could not be made has a reason."""

    class Broken(type(registry.filter("invert"))):
        def apply(self, image):
            raise ValueError("too dark")

    registry.unregister_filter("invert")
    registry.register_filter("invert", Broken)
    work_owed()

    assert made(person) == [True, False]
    [failed] = progress_of(person, "headshot").failed
    assert failed.name == "filters__invert__crop__9x9"
    assert "too dark" in failed.detail


def test_after_a_lost_cache_the_files_are_found(person):
    """The records are missing, so the storage is asked, and good files count as made."""
    work_owed()
    caches["default"].clear()

    assert progress_of(person, "headshot").state is ProgressState.DONE


# ---- which renditions --------------------------------------------------------------------------


def test_a_key_set_gives_the_names(person):
    """Without one, each rendition of the field is named by its key. An original is none."""
    assert [each.name for each in progress_of(person, "headshot", "headshot").renditions] == [
        "crop",
        "negative",
    ]
    assert [each.name for each in progress_of(person, "headshot").renditions] == [
        "crop__20x20",
        "filters__invert__crop__9x9",
    ]


def test_the_urls_of_made_renditions_are_by_name(person):
    work_owed()
    crop, negative = person.headshot.plans()

    assert progress_of(person, "headshot", "headshot").made_urls == {
        "crop": person.headshot.storage.url(crop.path),
        "negative": person.headshot.storage.url(negative.path),
    }


def test_a_child_has_the_job_of_its_parent(person, picture):
    """An inherited field has one job, in the name of the parent model."""
    editor = Editor.objects.create(headshot=picture("b.jpg"))

    assert progress_of(editor, "headshot").state is ProgressState.QUEUED


# ---- cost --------------------------------------------------------------------------------------


def test_a_list_costs_one_query_and_one_call_to_the_cache(
    person, picture, monkeypatch, django_assert_num_queries
):
    """A page of many pictures costs as much as one picture, and no call to the storage."""
    Person.objects.bulk_create([Person() for _ in range(3)])
    broken = Person.objects.create(headshot=picture("b.jpg"))
    fail(broken)
    people = list(Person.objects.order_by("pk"))
    calls = []
    get_many = CacheStore.get_many

    def counting(self, keys):
        calls.append("get_many")
        return get_many(self, keys)

    monkeypatch.setattr(CacheStore, "get_many", counting)
    monkeypatch.setattr(FileSystemStorage, "exists", lambda *_: calls.append("exists"))
    with django_assert_num_queries(1):
        found = progress_of_all(people, "headshot")

    done, failed = ProgressState.DONE, ProgressState.FAILED
    assert [each.state for each in found] == [done, done, done, done, failed]
    assert [each.instance for each in found] == people
    assert calls == ["get_many"]


def test_an_empty_list_costs_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert progress_of_all([], "headshot") == []


def test_one_path_on_two_storages_is_two_renditions(picture, configure, monkeypatch, tmp_path):
    """Fields on different storages may use the same path, and only one of the two is made."""
    configure(KEY_SETS={"headshot": [("one", "crop__20x20")]})
    other = FileSystemStorage(tmp_path / "other", "/other/")
    fields = [Brochure._meta.get_field(name) for name in ("cover_en", "cover_de")]
    for field in fields:
        monkeypatch.setattr(field, "warm", ("headshot",))
    monkeypatch.setattr(fields[1], "storage", other)
    for storage in (fields[0].storage, other):
        storage.save("brochures/a.jpg", picture())
    row = Brochure.objects.bulk_create([Brochure(cover_en="brochures/a.jpg")])[0]
    enqueue_all(Brochure.objects.all())
    work_owed()
    Brochure.objects.filter(pk=row.pk).update(cover_de="brochures/a.jpg")

    [found] = progress_of_fields([Brochure.objects.get()], {"cover_en": None, "cover_de": None})

    assert [each.path for each in found["cover_en"].renditions] == [
        each.path for each in found["cover_de"].renditions
    ]
    assert found["cover_en"].state is ProgressState.DONE
    assert found["cover_de"].state is ProgressState.FAILED
