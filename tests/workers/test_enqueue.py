"""Which saves enqueue a job, and which deletions delete it."""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from django.core import serializers
from django.core.cache import caches
from django.core.management import call_command
from django.db import transaction
from django.test import TestCase, override_settings
from PIL import Image

from renditions.planning.keys import RenditionKey
from tests.app.models import Article, Author, Editor, Person
from tests.service import servers
from tests.service.servers import silent_server, unused_port
from tests.workers.broker import celery_on, drain
from workers import dispatch
from workers.conf import BULK_QUEUE, QUEUE
from workers.models import JobState, WarmJob
from workers.testing import work_owed


@pytest.fixture
def person(db, picture) -> Person:
    """Return a person whose renditions are all made."""
    made = Person.objects.create(name="Ada", headshot=picture())
    assert work_owed() == 1
    assert not WarmJob.objects.exists()
    return made


def reloaded(person: Person) -> Person:
    return Person.objects.get(pk=person.pk)


# ---- one upload ------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_save_enqueues_a_job_and_sends_a_message_after_the_commit(
    picture, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        person = Person.objects.create(headshot=picture())
        job = WarmJob.objects.get()
        assert drain(QUEUE) == []

    assert (job.model_label, job.object_pk, job.field_name) == (
        "app.Person", str(person.pk), "headshot",
    )  # fmt: skip
    assert (job.state, job.generation, job.attempts) == (JobState.QUEUED, 1, 0)
    assert drain(QUEUE) == [
        ("renditions.warm", {"using": "default", "job_id": job.pk, "generation": 1})
    ]
    assert drain(BULK_QUEUE) == []


@pytest.mark.django_db(transaction=True)
def test_a_save_that_is_rolled_back_enqueues_nothing(picture):
    """After a rollback there is no job and no message."""
    with transaction.atomic():
        Person.objects.create(headshot=picture())
        assert WarmJob.objects.exists()
        transaction.set_rollback(True)

    assert not WarmJob.objects.exists()
    assert drain(QUEUE) == []


@pytest.mark.django_db(transaction=True)
def test_a_savepoint_that_is_rolled_back_enqueues_nothing(picture):
    """The other saves of the transaction keep their jobs."""
    with transaction.atomic():
        kept = Person.objects.create(headshot=picture())
        with transaction.atomic():
            Person.objects.create(headshot=picture())
            transaction.set_rollback(True)

    assert [job.object_pk for job in WarmJob.objects.all()] == [str(kept.pk)]
    assert len(drain(QUEUE)) == 1


@pytest.mark.django_db
def test_a_save_without_a_picture_enqueues_nothing():
    Person.objects.create(name="Ada")

    assert not WarmJob.objects.exists()


@pytest.mark.django_db
def test_a_field_without_warm_enqueues_nothing(picture):
    Article.objects.create(lead=picture())

    assert not WarmJob.objects.exists()


# ---- which saves enqueue -----------------------------------------------------------------------


def rename(person: Person, picture: Callable) -> None:
    person.name = "Grace"
    person.save()


def save_again(person: Person, picture: Callable) -> None:
    person.save()


def save_same_instance_twice(person: Person, picture: Callable) -> None:
    person.save()
    person.save(update_fields=["headshot", "headshot_ppoi"])


def move_focus(person: Person, picture: Callable) -> None:
    person.headshot.ppoi = (0.1, 0.9)
    person.save()


def move_focus_on_instance(person: Person, picture: Callable) -> None:
    person.headshot_ppoi = "0.1x0.9"
    person.save()


def move_focus_and_back(person: Person, picture: Callable) -> None:
    person.headshot.ppoi = (0.1, 0.9)
    person.headshot.ppoi = (0.5, 0.5)
    person.save()


def move_focus_but_save_only_name(person: Person, picture: Callable) -> None:
    person.headshot.ppoi = (0.1, 0.9)
    person.save(update_fields=["name"])


def move_focus_and_save_only_that(person: Person, picture: Callable) -> None:
    person.headshot_ppoi = (0.1, 0.9)
    person.save(update_fields=["headshot_ppoi"])


def move_focus_of_deferred_picture(person: Person, picture: Callable) -> None:
    partial = Person.objects.only("headshot_ppoi").get(pk=person.pk)
    partial.headshot_ppoi = (0.1, 0.9)
    partial.save()


def rename_with_deferred_picture(person: Person, picture: Callable) -> None:
    partial = Person.objects.defer("headshot").get(pk=person.pk)
    partial.name = "Grace"
    partial.save()


def rename_with_all_deferred(person: Person, picture: Callable) -> None:
    partial = Person.objects.only("name").get(pk=person.pk)
    partial.name = "Grace"
    partial.save()


def replace_picture(person: Person, picture: Callable) -> None:
    person.headshot = picture("b.jpg")
    person.save()


def replace_picture_of_deferred(person: Person, picture: Callable) -> None:
    partial = Person.objects.defer("headshot").get(pk=person.pk)
    partial.headshot = picture("b.jpg")
    partial.save()


def replace_picture_but_save_only_name(person: Person, picture: Callable) -> None:
    person.headshot = picture("b.jpg")
    person.save(update_fields=["name"])


def replace_through_file(person: Person, picture: Callable) -> None:
    person.headshot.save("b.jpg", picture("b.jpg"))


def replace_under_the_same_name(person: Person, picture: Callable) -> None:
    name = person.headshot.name
    person.headshot.storage.delete(name)
    person.headshot = picture("a.jpg", 100, 100)
    person.save()
    assert person.headshot.name == name


def refer_to_another_file(person: Person, picture: Callable) -> None:
    person.headshot.storage.save("people/c.jpg", picture("c.jpg"))
    person.headshot = "people/c.jpg"
    person.save()


CHANGES = [
    (rename, False),
    (save_again, False),
    (save_same_instance_twice, False),
    (move_focus, True),
    (move_focus_on_instance, True),
    (move_focus_and_back, False),
    (move_focus_but_save_only_name, False),
    (move_focus_and_save_only_that, True),
    (move_focus_of_deferred_picture, True),
    (rename_with_deferred_picture, False),
    (rename_with_all_deferred, False),
    (replace_picture, True),
    (replace_picture_of_deferred, True),
    (replace_picture_but_save_only_name, False),
    (replace_through_file, True),
    (replace_under_the_same_name, True),
    (refer_to_another_file, True),
]


@pytest.mark.parametrize(
    ("change", "enqueues"), CHANGES, ids=lambda value: getattr(value, "__name__", "")
)
def test_only_a_save_that_changes_a_rendition_enqueues(person, picture, change, enqueues):
    """A save enqueues a job if the picture or its focal point has changed."""
    change(reloaded(person), picture)

    assert WarmJob.objects.exists() is enqueues


@pytest.mark.parametrize("update_fields", [None, ["headshot_ppoi"], ["headshot"]])
def test_saving_the_same_object_again_enqueues_nothing(db, picture, update_fields):
    """Saving an object again after its upload starts no second job."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        person = Person.objects.create(headshot=picture())
    work_owed()

    person.save(update_fields=update_fields)

    assert not WarmJob.objects.exists()


def test_a_save_after_a_key_set_has_grown_enqueues(person, settings, configure):
    sets = settings.RENDITIONS["KEY_SETS"]
    configure(KEY_SETS={**sets, "headshot": [*sets["headshot"], ("wide", "crop__90x30")]})

    rename(reloaded(person), None)

    assert WarmJob.objects.exists()


def test_a_save_after_the_cache_is_lost_enqueues(person):
    """The worker finds the files and renders nothing."""
    caches["default"].clear()
    rename(reloaded(person), None)

    assert work_owed() == 1
    assert not WarmJob.objects.exists()


@pytest.mark.parametrize(
    ("change", "enqueues"), CHANGES, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_save_overtakes_a_waiting_job_only_if_it_changes_a_rendition(
    db, picture, change, enqueues
):
    person = Person.objects.create(headshot=picture())

    change(reloaded(person), picture)

    assert WarmJob.objects.get().generation == (2 if enqueues else 1)


def test_a_picture_replaced_under_its_name_is_made_again(person, picture):
    """No rendition of the old picture stays under the name of the new one."""
    replace_under_the_same_name(reloaded(person), picture)

    assert WarmJob.objects.get().force
    work_owed()

    inverted = person.headshot.plan(RenditionKey.parse("filters__invert__url"))
    with person.headshot.storage.open(inverted.path) as file:
        assert Image.open(file).size == (100, 100)


def test_clearing_the_picture_deletes_the_job(db, picture):
    person = Person.objects.create(headshot=picture())
    person.headshot = ""
    person.save()

    assert not WarmJob.objects.exists()


def test_a_failed_picture_waits_for_a_change(db, picture):
    """Saving a person with a damaged picture does not retry it; a new picture does."""
    broken = picture()
    broken.file.truncate(300)
    person = Person.objects.create(headshot=broken)
    work_owed()
    assert WarmJob.objects.get().state == JobState.FAILED

    rename(reloaded(person), None)
    assert WarmJob.objects.get().state == JobState.FAILED

    replace_picture(reloaded(person), picture)
    work_owed()
    assert not WarmJob.objects.exists()


# ---- which instances -------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Person, Editor, Author])
def test_every_kind_of_model_has_one_job_for_the_model_of_the_field(db, picture, model):
    """The picture of a proxy or child is enqueued for the model that declares the field."""
    instance = model.objects.create(headshot=picture())

    job = WarmJob.objects.get()
    assert (job.model_label, job.object_pk) == ("app.Person", str(instance.pk))

    instance.headshot.ppoi = (0, 0)
    instance.save()
    assert WarmJob.objects.get().generation == 2

    assert work_owed() == 1
    assert not WarmJob.objects.exists()


@pytest.mark.parametrize("model", [Person, Editor, Author])
@pytest.mark.parametrize(
    "delete",
    [
        lambda instance: instance.delete(),
        lambda instance: type(instance).objects.filter(pk=instance.pk).delete(),
        lambda instance: Person.objects.get(pk=instance.pk).delete(),
    ],
    ids=["instance", "queryset", "as_person"],
)
def test_deleting_an_instance_deletes_its_job(db, picture, model, delete):
    other = Person.objects.create(headshot=picture())
    instance = model.objects.create(headshot=picture())

    delete(instance)

    assert [job.object_pk for job in WarmJob.objects.all()] == [str(other.pk)]


@pytest.mark.django_db(transaction=True)
def test_a_deletion_that_is_rolled_back_keeps_the_job(picture):
    person = Person.objects.create(headshot=picture())
    with transaction.atomic():
        person.delete()
        assert not WarmJob.objects.exists()
        transaction.set_rollback(True)

    assert WarmJob.objects.exists()


def test_deleting_a_child_keeps_the_job_of_its_parent(db, picture):
    """With `keep_parents`, an editor that is deleted is still a person with a picture."""
    editor = Editor.objects.create(headshot=picture())

    editor.delete(keep_parents=True)

    assert Person.objects.exists()
    assert WarmJob.objects.exists()


# ---- fixtures --------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Person, Editor])
def test_loaddata_enqueues(db, picture, tmp_path, model):
    """Also for a model that inherits its picture."""
    instance = model.objects.create(headshot=picture(), name="Ada")
    objects = [Person.objects.get(pk=instance.pk), *Editor.objects.all()]
    fixture = tmp_path / "people.json"
    fixture.write_text(serializers.serialize("json", objects))
    Person.objects.all().delete()
    assert not WarmJob.objects.exists()

    call_command("loaddata", str(fixture), verbosity=0)

    assert model.objects.get().headshot.name == instance.headshot.name
    assert WarmJob.objects.get().object_pk == str(instance.pk)
    assert work_owed() == 1
    assert not WarmJob.objects.exists()


def test_a_fixture_of_a_child_alone_keeps_the_job(db, picture, tmp_path, monkeypatch):
    """Loading only the columns of an editor does not touch the job of the person."""
    # Without the columns of its parent, an instance has the default of the field.
    monkeypatch.setattr(Person._meta.get_field("headshot"), "default", "people/default.jpg")
    editor = Editor.objects.create(headshot=picture())
    fixture = tmp_path / "editors.json"
    fixture.write_text(
        json.dumps([{"model": "app.editor", "pk": editor.pk, "fields": {"desk": "news"}}])
    )

    call_command("loaddata", str(fixture), verbosity=0)

    assert WarmJob.objects.get().object_pk == str(editor.pk)


# ---- databases -------------------------------------------------------------------------------


def test_a_save_enqueues_in_its_own_database(ledger_db, picture):
    person = Person(headshot=picture())
    person.save(using=ledger_db)
    job = WarmJob.objects.using(ledger_db).get()
    assert [kwargs["using"] for _, kwargs in drain(QUEUE)] == [ledger_db]

    assert work_owed(ledger_db) == 1
    assert not WarmJob.objects.using(ledger_db).exists()
    for plan in person.headshot.plans():
        assert person.headshot.storage.exists(plan.path)

    person.headshot.ppoi = (0, 0)
    person.save()
    assert WarmJob.objects.using(ledger_db).exclude(pk=job.pk).exists()
    person.delete()
    assert not WarmJob.objects.using(ledger_db).exists()


@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_a_save_survives_a_missing_table_of_records(ledger_db, picture):
    """Records in the same database are read outside the transaction of the save."""
    table = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "no_such_table"}
    person = Person(headshot=picture())

    with override_settings(CACHES={"default": table}, DATABASE_ROUTERS=[CacheIn(ledger_db)]):
        person.save(using=ledger_db)
        person.save(using=ledger_db)

    assert WarmJob.objects.using(ledger_db).count() == 1


class CacheIn:
    """A router that keeps the table of the cache in one database."""

    def __init__(self, using: str) -> None:
        self.using = using

    def db_for_read(self, model, **hints):
        return self.using if model._meta.app_label == "django_cache" else None

    db_for_write = db_for_read


# ---- brokers ---------------------------------------------------------------------------------


@pytest.fixture(params=["away", "silent"])
def broken_broker(request):
    """Send messages to a broker that does not answer."""
    with ExitStack() as stack:
        port = unused_port() if request.param == "away" else stack.enter_context(silent_server())
        stack.enter_context(celery_on(f"redis://127.0.0.1:{port}/0"))
        yield request.param


@pytest.mark.django_db(transaction=True)
def test_a_save_does_not_wait_for_a_broken_broker(picture, broken_broker, caplog):
    """A save without a broker is fast and committed, and later hooks of the commit run."""
    hooks = []
    started = time.monotonic()
    with transaction.atomic():
        Person.objects.create(headshot=picture())
        transaction.on_commit(lambda: hooks.append("ran"))
    taken_s = time.monotonic() - started

    assert WarmJob.objects.get().state == JobState.QUEUED
    assert hooks == ["ran"]
    assert taken_s < 2
    assert "The broker did not take a message" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_only_the_first_save_waits_for_a_silent_broker(picture, caplog):
    """The circuit breaker keeps the saves that follow from trying it."""
    with silent_server() as port, celery_on(f"redis://127.0.0.1:{port}/0"):
        for _ in range(11):
            Person.objects.create(headshot=picture())

    assert WarmJob.objects.count() == 11
    assert caplog.text.count("The broker did not take a message") == 1


@pytest.mark.django_db(transaction=True)
def test_messages_are_sent_again_when_the_circuit_breaker_closes(picture, monkeypatch):
    with celery_on(f"redis://127.0.0.1:{unused_port()}/0"):
        Person.objects.create(headshot=picture())
    assert dispatch._circuit_open_until > time.monotonic()
    monkeypatch.setattr(dispatch, "_circuit_open_until", time.monotonic() - 1)

    person = Person.objects.create(headshot=picture())

    job = WarmJob.objects.get(object_pk=person.pk)
    assert [kwargs["job_id"] for _, kwargs in drain(QUEUE)] == [job.pk]


@pytest.mark.django_db(transaction=True)
def test_a_full_broker_loses_no_save(picture):
    """A broker without memory refuses the message; the save is committed with its job."""
    with servers.valkey("--maxmemory", "1") as full, celery_on(full.broker_url()):
        Person.objects.create(headshot=picture())

    assert WarmJob.objects.get().state == JobState.QUEUED
