"""Other content under a known name: no rendition shows the content of before."""

import copy
import pickle
from pathlib import Path

import pytest
from django.core import serializers
from django.core.cache import caches
from django.core.management import call_command
from django.db import transaction
from PIL import Image

from tests.app.models import Person
from tests.renditions.storage.test_optional_methods import Bare
from tests.workers.hooks import does, hooked
from workers import ledger, worker
from workers.enqueue import enqueue_all
from workers.models import JobState, WarmJob
from workers.testing import work_owed

TALL, WIDE = (100, 300), (300, 100)
STORAGE = Person._meta.get_field("headshot").storage

pytestmark = pytest.mark.django_db


@pytest.fixture
def tall(picture) -> Person:
    """Return a person whose renditions are made, so that all caches are filled."""
    person = Person.objects.create(headshot=picture("a.jpg", *TALL))
    work_owed()
    assert shown(person) == (17, 50)
    return person


def shown(person: Person) -> tuple[int, int]:
    """Return the size of the thumbnail that a visitor sees."""
    name = Person.objects.get(pk=person.pk).headshot.thumbnail["50x50"].name
    with Image.open(Path(STORAGE.path(name))) as image:
        return image.size


def put_wide(picture) -> str:
    """Put other content at the name of the tall picture, like a direct upload."""
    STORAGE.delete("people/a.jpg")
    return STORAGE.save("people/a.jpg", picture("a.jpg", *WIDE))


def test_a_new_instance_with_the_file_name_of_an_old_one_shows_its_own_picture(tall, picture):
    tall.delete()

    person = Person.objects.create(headshot=put_wide(picture))
    work_owed()

    assert shown(person) == (50, 17)


def test_bulk_created_instances_show_their_own_picture(tall, picture):
    """Records of the name are not trusted, because no save was a sign of the new content."""
    tall.delete()
    Person.objects.bulk_create([Person(headshot=put_wide(picture))])

    assert enqueue_all(Person.objects.all()) == 1
    work_owed()

    assert shown(Person.objects.get()) == (50, 17)


def test_a_name_that_is_assigned_again_may_have_other_content(tall, picture):
    """A direct upload to the storage may reuse a name."""
    tall.headshot = put_wide(picture)

    tall.save()
    work_owed()

    assert shown(tall) == (50, 17)


@pytest.mark.parametrize(
    "way",
    [
        "only",
        "defer",
        "update_fields",
        "by key",
        "by values",
        "values of another",
        "its own name",
        "copied",
    ],
)
def test_a_known_name_shows_its_new_content_however_it_was_assigned(tall, picture, way):
    """What an assignment means is not guessed from what the instance has loaded."""
    name = put_wide(picture)
    if way == "its own name":
        person = Person.objects.get(pk=tall.pk)
        person.headshot = person.headshot.name
    elif way == "by values":
        name = Person.objects.values_list("headshot", flat=True).get(pk=tall.pk)
        person = Person(pk=tall.pk, headshot=name)
    elif way == "values of another":
        other = Person.objects.create(headshot="people/other.jpg")
        Person.objects.filter(pk=other.pk).update(headshot=name)
        person = Person.objects.get(pk=tall.pk)
        person.headshot = Person.objects.values_list("headshot", flat=True).get(pk=other.pk)
    elif way == "by key":
        person = Person(pk=tall.pk, headshot=name)
    elif way == "copied":
        other = Person.objects.create(headshot="people/other.jpg")
        Person.objects.filter(pk=other.pk).update(headshot=name)
        person = Person.objects.get(pk=tall.pk)
        person.headshot = Person.objects.get(pk=other.pk).headshot
    else:
        deferred = (
            Person.objects.defer("headshot") if way != "only" else Person.objects.only("name")
        )
        person = deferred.get(pk=tall.pk)
        person.headshot = name
    WarmJob.objects.all().delete()
    person.save(update_fields=["headshot"] if way == "update_fields" else None)
    work_owed()

    assert shown(tall) == (50, 17)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_an_assignment_is_kept_by_a_copy_and_by_a_pickle(tall, picture, again):
    """A form in several steps keeps the instance in a session until its last step saves it."""
    person = Person.objects.get(pk=tall.pk)
    person.headshot = put_wide(picture)
    assert person.headshot.url  # the page shows the file that was assigned

    again(person).save()
    work_owed()

    assert shown(tall) == (50, 17)


def test_new_content_is_kept_by_a_pickle(tall, picture):
    """The file was written at its old name before the instance was pickled."""
    person = Person.objects.get(pk=tall.pk)
    STORAGE.delete("people/a.jpg")
    person.headshot.save("a.jpg", picture("a.jpg", *WIDE), save=False)

    pickle.loads(pickle.dumps(person)).save()
    work_owed()

    assert shown(tall) == (50, 17)


@pytest.mark.parametrize("tell", [Person.save, lambda person: enqueue_all(Person.objects.all())])
def test_a_storage_may_tell_nothing_about_new_content(settings, picture, tell):
    """It has neither sizes nor dates. Then an assignment and `enqueue_all` are the only signs."""
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": f"{Bare.__module__}.{Bare.__qualname__}"},
    }
    Person.objects.create(headshot=picture("a.jpg", *TALL))
    work_owed()
    person = Person.objects.get()
    assert shown(person) == (17, 50)

    person.headshot = put_wide(picture)
    tell(person)
    work_owed()
    assert shown(person) == (50, 17)

    Path(STORAGE.path("people/a.jpg")).write_bytes(b"no picture")
    enqueue_all(Person.objects.all())
    work_owed()
    assert WarmJob.objects.get().state == JobState.FAILED

    person.headshot = put_wide(picture)
    tell(person)
    work_owed()
    assert not WarmJob.objects.exists()


def test_a_save_of_a_loaded_instance_asks_no_storage(tall, monkeypatch):
    """A row that is loaded and saved again costs no look at its file, deferred or not."""
    monkeypatch.setattr("renditions.engine.status.source_version", None)

    Person.objects.get(pk=tall.pk).save()
    deferred = Person.objects.defer("headshot").get(pk=tall.pk)
    assert deferred.headshot.name == "people/a.jpg"
    deferred.save()
    again = Person.objects.get(pk=tall.pk)
    again.refresh_from_db()
    again.headshot = again.headshot
    again.save()

    assert not WarmJob.objects.exists()


def test_a_loaded_fixture_shows_the_files_of_a_restored_folder(tall, picture, tmp_path):
    """The files were restored by another tool than the rows."""
    fixture = tmp_path / "people.json"
    fixture.write_text(serializers.serialize("json", [tall]))
    put_wide(picture)

    call_command("loaddata", str(fixture), verbosity=0)
    work_owed()

    assert shown(tall) == (50, 17)


@pytest.mark.django_db(transaction=True)
def test_new_content_is_enqueued_after_its_first_save_was_rolled_back(tall, picture):
    """Storages have no transactions, so the new content is there when it is saved again."""
    STORAGE.delete("people/a.jpg")
    with transaction.atomic():
        tall.headshot = picture("a.jpg", *WIDE)
        tall.save()
        transaction.set_rollback(True)
    assert not WarmJob.objects.exists()

    tall.save()
    work_owed()

    assert shown(tall) == (50, 17)


def test_a_command_that_is_overtaken_leaves_no_stale_file(settings, picture):
    """Without a claim, the original is compared again at the end."""
    with hooked(settings):
        person = Person.objects.create(headshot=picture("a.jpg", *TALL))
        WarmJob.objects.all().delete()

        def replace_meanwhile() -> None:
            again = Person.objects.get()
            again.headshot = put_wide(picture)
            again.save()
            work_owed()

        does(replace_meanwhile)
        call_command("renditions", "warm", "app.Person.headshot", verbosity=0)
        work_owed()

        with (
            STORAGE.open(person.headshot.thumbnail["20x20"].name) as file,
            Image.open(file) as image,
        ):
            assert image.size == (20, 7)


def test_after_a_lost_cache_no_file_older_than_its_original_is_adopted(tall, picture):
    """Without a record the dates of the files decide."""
    caches["default"].clear()
    tall.headshot = put_wide(picture)

    tall.save()
    work_owed()

    assert shown(tall) == (50, 17)


# ---- one picture, several instances ------------------------------------------------------------


def test_a_copied_instance_keeps_the_renditions_it_shares(settings, picture):
    """Deleting one instance deletes no file that another instance with the same picture needs."""
    with hooked(settings):
        first = Person.objects.create(headshot=picture())
        copy = Person.objects.get(pk=first.pk)
        copy.pk = None
        copy.save()
        of_first, of_copy = WarmJob.objects.order_by("pk")

        def finish_copy_and_delete_first() -> None:
            worker.run_job(ledger.Hint("default", of_copy.pk, 1), "t2", "w2")
            Person.objects.get(pk=first.pk).delete()

        does(finish_copy_and_delete_first)
        worker.run_job(ledger.Hint("default", of_first.pk, 1), "t1", "w1")

        assert not WarmJob.objects.exists()
        assert all(STORAGE.exists(plan.path) for plan in copy.headshot.plans())


# ---- partial saves -----------------------------------------------------------------------------


def test_a_partial_save_enqueues_the_picture_in_the_database(db, picture):
    """The picture was cleared in memory only."""
    Person.objects.create(headshot=picture())
    person = Person.objects.get()
    person.headshot = ""
    person.headshot_ppoi = (0.1, 0.9)

    person.save(update_fields=["headshot_ppoi"])

    assert WarmJob.objects.exists()
    work_owed()
    now = Person.objects.get().headshot
    assert now.ppoi == (0.1, 0.9)
    assert all(STORAGE.exists(plan.path) for plan in now.plans())


def test_a_focal_point_is_enqueued_by_the_save_that_writes_it(settings, picture):
    """An earlier, partial save does not count."""
    with hooked(settings):
        Person.objects.create(headshot=picture())
        person = Person.objects.get()
        person.headshot_ppoi = (0.1, 0.9)
        person.save(update_fields=["headshot"])
        does(person.save)

        work_owed()

        now = Person.objects.get().headshot
        assert now.ppoi == (0.1, 0.9)
        assert all(STORAGE.exists(plan.path) for plan in now.plans())
