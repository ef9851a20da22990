"""`enqueue_all`, for changes that send no signal."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.app.models import Article, Person
from tests.workers.broker import drain
from workers import enqueue
from workers.conf import QUEUE
from workers.enqueue import enqueue_all
from workers.models import JobState, WarmJob
from workers.targets import JobTarget, tried_now
from workers.testing import work_owed


@pytest.fixture
def unsignalled(db, picture) -> list[Person]:
    """Return four people of `bulk_create`; three have a picture."""
    storage = Person._meta.get_field("headshot").storage
    names = [storage.save(f"people/{number}.jpg", picture()) for number in range(3)]
    return Person.objects.bulk_create([*(Person(headshot=name) for name in names), Person()])


def test_bulk_create_is_enqueued_by_enqueue_all(unsignalled):
    """`bulk_create` alone enqueues nothing; an instance without a picture has no job."""
    assert not WarmJob.objects.exists()

    assert enqueue_all(Person.objects.all()) == 3

    assert work_owed() == 3
    assert not WarmJob.objects.exists()
    assert enqueue_all(Person.objects.all()) == 0


def test_update_is_enqueued_by_enqueue_all(unsignalled):
    """Only the instances whose renditions have changed have a job."""
    enqueue_all(Person.objects.all())
    work_owed()
    Person.objects.filter(pk=unsignalled[0].pk).update(headshot_ppoi=(0.0, 0.0))

    assert enqueue_all(Person.objects.all()) == 1

    assert WarmJob.objects.get().object_pk == str(unsignalled[0].pk)


def test_enqueue_all_leaves_other_instances_alone(unsignalled):
    assert enqueue_all(Person.objects.filter(pk=unsignalled[1].pk)) == 1

    assert WarmJob.objects.get().object_pk == str(unsignalled[1].pk)


def test_enqueue_all_leaves_existing_jobs_alone(unsignalled):
    """A job that is queued, or has failed, does not start again."""
    enqueue_all(Person.objects.all())
    gave_up = WarmJob.objects.get(object_pk=unsignalled[0].pk)
    target = JobTarget("default", "app.Person", gave_up.object_pk, "headshot")
    WarmJob.objects.filter(pk=gave_up.pk).update(
        state=JobState.FAILED, original_version=tried_now(target).original_version
    )

    assert enqueue_all(Person.objects.all()) == 0

    assert set(WarmJob.objects.values_list("generation", flat=True)) == {1}


def test_enqueue_all_sends_its_messages_after_the_commit(
    unsignalled, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        enqueue_all(Person.objects.all())
        assert drain(QUEUE) == []

    assert len(drain(QUEUE)) == 3


def test_enqueue_all_ignores_a_field_without_warm(db, picture):
    Article.objects.create(lead=picture())

    assert enqueue_all(Article.objects.all()) == 0


def test_enqueue_all_reads_the_instances_in_one_query(unsignalled):
    with CaptureQueriesContext(connection) as queries:
        enqueue_all(Person.objects.all())

    assert sum('FROM "app_person"' in query["sql"] for query in queries) == 1


def test_the_old_name_of_enqueue_all_still_works():
    assert enqueue.owe_all is enqueue_all


class ReplicaRouter:
    """Reads go to a replica, writes to the primary database."""

    def db_for_read(self, model, **hints):
        return "sqlite"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, *args, **hints):
        return True


@pytest.mark.parametrize("ledger_db", ["sqlite"], indirect=True)
@pytest.mark.django_db(transaction=True, databases=["default"])
def test_enqueue_all_writes_to_the_database_of_saves(picture, ledger_db, settings):
    """The queryset may read from a replica."""
    person = Person(headshot=picture())
    person.save(using="default")
    person.save(using=ledger_db)
    WarmJob.objects.using("default").all().delete()
    WarmJob.objects.using(ledger_db).all().delete()

    settings.DATABASE_ROUTERS = [ReplicaRouter()]
    assert enqueue_all(Person.objects.all()) == 1

    assert WarmJob.objects.using("default").count() == 1
    assert not WarmJob.objects.using(ledger_db).exists()
