"""Signals of the workers: told at least once, after the commit, also after a worker has died."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connections, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from tests.app.models import Person
from workers import checks, events, ledger, worker
from workers.events import Published, rendition_ready, renditions_failed, renditions_ready
from workers.models import Event, EventKind, WarmJob
from workers.testing import work_owed

SIGNALS = {
    "made": rendition_ready,
    "ready": renditions_ready,
    "failed": renditions_failed,
}


class Heard(list[tuple[str, dict[str, Any]]]):
    """What a receiver was told; it can fail."""

    error: Exception | None = None

    def listen(self, name: str) -> Any:
        def receive(sender: Any, signal: Any, **told: Any) -> None:
            # After the commit: the job is settled for everybody.
            told["sender"] = sender
            self.append((name, told))
            if self.error:
                raise self.error

        return receive

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self]


@pytest.fixture
def heard() -> Iterator[Heard]:
    """A list of what all three signals of `Person` have told."""
    heard, receivers = Heard(), {}
    for name, signal in SIGNALS.items():
        receivers[name] = heard.listen(name)
        signal.connect(receivers[name], sender=Person)
    yield heard
    for name, signal in SIGNALS.items():
        signal.disconnect(receivers[name], sender=Person)


@pytest.fixture
def purged(settings, monkeypatch) -> list[list[Published]]:
    """The batches that the function of the project was called with."""
    batches: list[list[Published]] = []
    monkeypatch.setattr(f"{__name__}.purge", batches.append)
    settings.RENDITIONS = {
        **settings.RENDITIONS,
        "WORKERS": {"ON_PUBLISHED": f"{__name__}.purge"},
    }
    return batches


def purge(published: list[Published]) -> None:
    raise AssertionError("the fixture replaces it")


def later(using: str) -> None:
    """Let the leases and waits of all events end."""
    Event.objects.using(using).update(due_at=Now() - timedelta(seconds=1))


def test_each_rendition_then_all_of_them(ledger_db, picture, heard):
    person = Person(headshot=picture())
    person.save(using=ledger_db)
    assert heard == []

    work_owed(ledger_db)

    planned = [plan.path for plan in person.headshot.plans()]
    *made, (name, told) = heard
    assert [each["rendition"].path for _, each in made] == planned
    assert name == "ready"
    assert told["sender"] is Person
    assert told["instance"] == person
    assert told["field_name"] == "headshot"
    assert told["using"] == ledger_db
    assert [each.path for each in told["renditions"]] == planned
    assert [each.url for each in told["renditions"]] == [
        person.headshot.storages.renditions.url(path) for path in planned
    ]
    assert not Event.objects.using(ledger_db).exists()


def test_a_failure_has_its_reasons(ledger_db, heard):
    broken = ContentFile(b"no picture", name="a.jpg")
    Person(headshot=broken).save(using=ledger_db)

    work_owed(ledger_db)

    [(name, told)] = heard
    assert name == "failed"
    assert {failure.kind for failure in told["failures"]} == {"format"}


def test_nothing_is_written_without_a_receiver(ledger_db, picture):
    Person(headshot=picture()).save(using=ledger_db)

    with CaptureQueriesContext(connections[ledger_db]) as queries:
        work_owed(ledger_db)

    assert not [query for query in queries if "rendition_workers_event" in query["sql"]]


def test_a_worker_that_dies_before_its_receivers_are_done(ledger_db, picture, heard):
    """The event is written with the end of the job, and another worker tells it."""
    Person(headshot=picture()).save(using=ledger_db)
    heard.error = Died()

    with pytest.raises(Died):
        work_owed(ledger_db)

    assert not WarmJob.objects.using(ledger_db).exists()
    heard.clear()
    heard.error = None
    events.tell_due(ledger_db)
    assert "made" not in heard.names, "the worker that took the event may still live"
    later(ledger_db)
    assert events.is_anything_due(ledger_db)
    events.tell_due(ledger_db)
    assert set(heard.names) == {"made", "ready"}
    assert not Event.objects.using(ledger_db).exists()


class Died(BaseException):
    """Ends the process, as a signal does."""


def test_an_event_is_rolled_back_with_the_end_of_its_job(ledger_db, picture, heard):
    person = Person(headshot=picture())
    person.save(using=ledger_db)
    job = WarmJob.objects.using(ledger_db).get()
    claim = ledger.claim(
        ledger.Hint(ledger_db, job.pk, job.generation),
        task_id="t",
        worker="w",
        lease_s=60,
        max_attempts=3,
    )
    assert claim
    report = worker.warm_without_recheck(person.headshot.storages, person.headshot.plans())
    told = events.of_made(claim.target, person.headshot, report, attempt=1)

    with transaction.atomic(using=ledger_db):
        assert ledger.settle(claim, counted="created", told=told)
        assert Event.objects.using(ledger_db).count() == 2
        transaction.set_rollback(True, using=ledger_db)

    assert not Event.objects.using(ledger_db).exists()
    assert WarmJob.objects.using(ledger_db).exists()


def test_a_receiver_that_raises_is_called_again(ledger_db, picture, heard, caplog):
    Person(headshot=picture()).save(using=ledger_db)
    heard.error = ValueError("the CDN is away")

    work_owed(ledger_db)
    later(ledger_db)
    assert "the CDN is away" in caplog.text
    first = list(heard.names)
    heard.error = None
    heard.clear()
    events.tell_due(ledger_db)

    assert heard.names == first
    assert not Event.objects.using(ledger_db).exists()


def test_a_receiver_that_always_raises_is_given_up(ledger_db, picture, heard, caplog):
    Person(headshot=picture()).save(using=ledger_db)
    heard.error = ValueError("never")

    work_owed(ledger_db)
    for _ in range(events.MAX_ATTEMPTS - 1):
        assert Event.objects.using(ledger_db).exists()
        later(ledger_db)
        events.tell_due(ledger_db)

    assert not Event.objects.using(ledger_db).exists()
    given_up = [record for record in caplog.records if "is given up" in record.getMessage()]
    assert [record.levelname for record in given_up] == ["ERROR", "ERROR"]  # made, and ready


def test_a_second_attempt_tells_what_the_first_one_has_made(ledger_db, picture, heard):
    """A worker made the renditions, and died before it could say so."""
    person = Person(headshot=picture())
    person.save(using=ledger_db)
    worker.warm_without_recheck(person.headshot.storages, person.headshot.plans())
    WarmJob.objects.using(ledger_db).update(attempts=1)

    work_owed(ledger_db)

    assert heard.names == ["made"] * len(person.headshot.plans()) + ["ready"]


def test_nobody_is_told_of_a_picture_that_was_replaced(ledger_db, picture, heard):
    person = Person(headshot=picture())
    person.save(using=ledger_db)
    heard.error = Died()
    with pytest.raises(Died):
        work_owed(ledger_db)
    heard.clear()
    heard.error = None
    person.headshot = picture("b.jpg")
    person.save()
    later(ledger_db)

    events.tell_due(ledger_db)

    assert heard == []
    assert not Event.objects.using(ledger_db).exists()


def test_a_poisonous_picture_is_told(ledger_db, picture, heard):
    """Nobody is left to tell it but the sweep."""
    Person(headshot=picture()).save(using=ledger_db)
    WarmJob.objects.using(ledger_db).update(attempts=99)

    work_owed(ledger_db)
    events.tell_due(ledger_db)

    [(name, told)] = heard
    assert name == "failed"
    assert [failure.kind for failure in told["failures"]] == ["poison"]


# ---- ON_PUBLISHED ------------------------------------------------------------------------------


def test_what_was_published_goes_out_in_batches(ledger_db, picture, purged, monkeypatch):
    people = [Person(headshot=picture()) for _ in range(3)]
    for person in people:
        person.save(using=ledger_db)
    work_owed(ledger_db)
    assert purged == []

    events.tell_due(ledger_db)

    [batch] = purged
    plans = [plan for person in people for plan in person.headshot.plans()]
    assert sorted(each.path for each in batch) == sorted(plan.path for plan in plans)
    assert not Event.objects.using(ledger_db).exists()


def test_a_batch_is_bounded(ledger_db, picture, purged, monkeypatch):
    people = [Person(headshot=picture()) for _ in range(3)]
    number = len(people[0].headshot.plans())
    monkeypatch.setattr(events, "BATCH", number)
    for person in people:
        person.save(using=ledger_db)
    work_owed(ledger_db)

    events.tell_due(ledger_db)

    assert [len(batch) for batch in purged] == [number] * 3


def test_a_purge_that_fails_is_repeated(ledger_db, picture, purged, monkeypatch, caplog):
    Person(headshot=picture()).save(using=ledger_db)
    work_owed(ledger_db)
    with monkeypatch.context() as patched:
        patched.setattr(f"{__name__}.purge", fail)
        events.tell_due(ledger_db)
    assert "the CDN refuses" in caplog.text

    events.tell_due(ledger_db)
    assert purged == [], "it waits before the next attempt"
    later(ledger_db)
    events.tell_due(ledger_db)

    assert len(purged) == 1


def fail(published: list[Published]) -> None:
    raise RuntimeError("the CDN refuses")


def test_only_what_was_made_is_published(ledger_db, picture, purged):
    """A job that finds all files purges nothing that is new to nobody."""
    person = Person(headshot=picture())
    person.save(using=ledger_db)
    work_owed(ledger_db)
    events.tell_due(ledger_db)
    purged.clear()
    missing = person.headshot.plans()[0]
    person.headshot.storages.renditions.delete(missing.path)
    target = events.JobTarget(ledger_db, "app.Person", str(person.pk), "headshot")
    ledger.enqueue(target, "")

    work_owed(ledger_db)
    events.tell_due(ledger_db)

    assert [[each.path for each in batch] for batch in purged] == [[missing.path]]


@pytest.mark.parametrize("path", ["no.such.module", f"{__name__}.SIGNALS"])
def test_a_function_that_there_is_not_is_reported(settings, path):
    settings.RENDITIONS = {**settings.RENDITIONS, "WORKERS": {"ON_PUBLISHED": path}}

    [error] = checks.check_settings(None)

    assert error.id == "rendition_workers.E024"
    assert path in error.msg


def test_events_name_their_kinds():
    """Each kind but the batches has a signal."""
    assert set(events._SIGNALS) == set(EventKind) - {EventKind.PUBLISHED}
