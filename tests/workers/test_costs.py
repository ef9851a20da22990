"""What a save, a save without changes and a job cost: statements and calls to the cache."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.apps import apps
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from renditions.records.cache import CacheStore
from tests.app.models import Person
from workers import incomplete, ledger, throughput, worker
from workers.models import WarmJob
from workers.targets import JobTarget, cleaned_fields, cleans_up
from workers.testing import work_owed

# The first word of each statement. BEGIN and COMMIT: in autocommit mode a save has none without us.
NEW = ["BEGIN", "INSERT", "INSERT", "COMMIT"]  # the row, its job
UNCHANGED = ["BEGIN", "UPDATE", "SELECT", "COMMIT"]  # the row; is there a job?
MOVED = ["BEGIN", "UPDATE", "SELECT", "INSERT", "COMMIT"]
REPLACED = ["BEGIN", "UPDATE", "INSERT", "COMMIT"]
CLAIM = ["UPDATE", "SELECT"]
ATTEMPT = ["SELECT", "SELECT"]  # the instance; is it still wanted?
COUNTED = "UPDATE"  # in the throughput of this minute
JOB = [*CLAIM, *ATTEMPT, "DELETE", COUNTED]


class CountingStore(CacheStore):
    """Notes each call to the cache."""

    calls: list[str] = []

    def get_many(self, keys):
        self.calls.append("get")
        return super().get_many(keys)

    def set_many(self, texts):
        self.calls.append("set")
        super().set_many(texts)

    def delete_many(self, keys):
        self.calls.append("delete")
        super().delete_many(keys)


@pytest.fixture(autouse=True)
def _counted(configure) -> None:
    configure(STORE=f"{__name__}.{CountingStore.__name__}")


@pytest.fixture(autouse=True)
def without_cleanup(monkeypatch) -> Iterator[None]:
    """Let the project be one that takes no former picture away."""
    for model in apps.get_models():
        for field in cleaned_fields(model):
            monkeypatch.setattr(field, "chosen_cleanup", None)
    cleans_up.cache_clear()
    yield
    cleans_up.cache_clear()


@pytest.fixture
def _with_cleanup(without_cleanup, monkeypatch) -> None:
    field = Person._meta.get_field("headshot")
    monkeypatch.setattr(field, "chosen_cleanup", "all")
    cleans_up.cache_clear()


@contextmanager
def costs(using: str, statements: list[str], calls: list[str]) -> Iterator[None]:
    """Assert which statements and calls to the cache the block makes."""
    CountingStore.calls.clear()
    with CaptureQueriesContext(connections[using]) as queries:
        yield
    assert [query["sql"].split()[0] for query in queries] == statements
    assert CountingStore.calls == calls


@pytest.fixture
def person(ledger_db, picture) -> Person:
    """Return a person whose renditions are made, as it is loaded."""
    # Queries are built once for each process, and not here.
    Person(headshot=picture()).save(using=ledger_db)
    work_owed(ledger_db)
    return Person.objects.using(ledger_db).get()


def test_a_new_picture(ledger_db, picture):
    person = Person(headshot=picture())

    with costs(ledger_db, NEW, ["get"]):
        person.save(using=ledger_db)


def test_a_new_picture_in_a_transaction_of_the_project(ledger_db, picture):
    """There is no savepoint."""
    person = Person(headshot=picture())

    with costs(ledger_db, NEW, ["get"]), transaction.atomic(using=ledger_db):
        person.save(using=ledger_db)


def test_a_save_that_changes_no_picture(ledger_db, person):
    person.name = "Ada"

    with costs(ledger_db, UNCHANGED, ["get"]):
        person.save()


def test_a_save_of_other_fields(ledger_db, person):
    with costs(ledger_db, ["UPDATE"], []):
        person.save(update_fields=["name"])


def test_a_save_while_the_same_job_waits(ledger_db, picture):
    Person(headshot=picture()).save(using=ledger_db)
    person = Person.objects.using(ledger_db).get()

    with costs(ledger_db, UNCHANGED, []):
        person.save()


def test_a_save_without_a_picture(ledger_db):
    person = Person(name="Ada")
    with costs(ledger_db, ["BEGIN", "INSERT", "SELECT", "COMMIT"], []):
        person.save(using=ledger_db)
    with costs(ledger_db, UNCHANGED, []):
        person.save()


def test_a_focal_point_that_moves(ledger_db, person):
    person.headshot.ppoi = (0.1, 0.9)

    with costs(ledger_db, MOVED, ["get"]):
        person.save()


def test_a_picture_that_is_replaced(ledger_db, person, picture):
    person.headshot = picture("b.jpg")

    with costs(ledger_db, REPLACED, ["get"]):
        person.save()


def test_a_job(ledger_db, picture):
    """All renditions of a new picture."""
    throughput.note(ledger_db)  # the row of this minute: the first job of a minute inserts it
    target = JobTarget(ledger_db, "app.Person", "1", "headshot")
    incomplete.is_news(target, share_of_rows=1)  # each process looks once whether there is a row
    Person(headshot=picture()).save(using=ledger_db)
    job = WarmJob.objects.using(ledger_db).get()

    with costs(ledger_db, JOB, ["get", "set"]):
        worker.run_job(ledger.Hint(ledger_db, job.pk, job.generation), "t", "w")

    assert not WarmJob.objects.using(ledger_db).exists()


def test_a_job_with_nothing_to_make(ledger_db, person):
    """The renditions exist and are recorded."""
    target = JobTarget(ledger_db, "app.Person", str(person.pk), "headshot")
    hint = ledger.enqueue(target, "")

    with costs(ledger_db, [*CLAIM, "SELECT", "DELETE", COUNTED], ["get", "set"]):
        worker.run_job(hint, "t", "w")


def test_a_message_that_comes_twice(ledger_db, picture):
    Person(headshot=picture()).save(using=ledger_db)
    job = WarmJob.objects.using(ledger_db).get()
    work_owed(ledger_db)

    with costs(ledger_db, ["UPDATE", "SELECT"], []):
        worker.run_job(ledger.Hint(ledger_db, job.pk, job.generation), "t", "w")


# ---- a field that cleans up ----------------------------------------------------------------------

# Is a removal of the name owed?
OWED = ["SELECT"]
LOCK = {
    # SQLite: a write of nothing, to be the one that writes.
    "sqlite": ["UPDATE"],
    "postgres": [],
}
SHARE = {"sqlite": [], "postgres": ["SELECT"]}


@pytest.mark.usefixtures("_with_cleanup")
def test_a_new_picture_of_a_field_that_cleans_up(ledger_db, picture):
    person = Person(headshot=picture())
    share = SHARE[ledger_db]

    with costs(ledger_db, [*OWED, "BEGIN", *share, "INSERT", "INSERT", "COMMIT"], ["get"]):
        person.save(using=ledger_db)


@pytest.mark.usefixtures("_with_cleanup")
def test_a_save_that_changes_no_picture_of_a_field_that_cleans_up(ledger_db, person):
    with costs(
        ledger_db,
        ["BEGIN", *LOCK[ledger_db], "SELECT", "UPDATE", "SELECT", "COMMIT"],
        ["get"],
    ):
        person.save()


@pytest.mark.usefixtures("_with_cleanup")
def test_a_picture_that_is_replaced_in_a_field_that_cleans_up(ledger_db, person, picture):
    person.headshot = picture("b.jpg")
    look = ["BEGIN", *LOCK[ledger_db], "SELECT", *SHARE[ledger_db]]

    with costs(ledger_db, [*OWED, *look, "UPDATE", "INSERT", "INSERT", "COMMIT"], ["get"]):
        person.save()
