"""What workers and beat say of themselves, and how many jobs each minute has seen."""

import os
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db.models.functions import Now

from tests.app.models import Person
from workers import nodes, recovery, snapshot, throughput
from workers.models import Throughput, WorkerNode
from workers.testing import work_owed


def names(using: str) -> list[str]:
    return list(WorkerNode.objects.using(using).order_by("name").values_list("name", flat=True))


@pytest.mark.django_db
def test_a_worker_says_again_that_it_runs(ledger_db):
    nodes.beat("a@host", ["renditions", "celery"], 2)
    # It is in each ledger, and the newest row counts.
    for using in (ledger_db, "default"):
        WorkerNode.objects.using(using).update(seen_at=Now() - timedelta(hours=1))
    [gone] = snapshot.take().workers
    assert gone.is_gone

    nodes.beat("a@host", ["renditions"], 4)

    [worker] = snapshot.take().workers
    assert not worker.is_gone
    assert (worker.name, worker.queues, worker.processes) == ("a@host", ("renditions",), 4)


def test_a_worker_that_was_stopped_is_forgotten_at_once(ledger_db):
    nodes.beat("a@host", ["renditions"], 1)
    nodes.beat("b@host", ["renditions"], 1)

    recovery.on_worker_shutdown(SimpleNamespace(hostname="a@host"))

    assert names(ledger_db) == ["b@host"]


def test_a_worker_that_has_gone_is_forgotten_after_a_day(ledger_db):
    nodes.beat("a@host", ["renditions"], 1)
    WorkerNode.objects.using(ledger_db).update(seen_at=Now() - timedelta(hours=23))
    nodes.forget(ledger_db)
    assert names(ledger_db) == ["a@host"]

    WorkerNode.objects.using(ledger_db).update(seen_at=Now() - timedelta(hours=25))
    nodes.forget(ledger_db)

    assert names(ledger_db) == []


def test_jobs_are_counted_in_the_present_minute(ledger_db, picture):
    people = [Person(headshot=picture()) for _ in range(3)]
    for person in people:
        person.save(using=ledger_db)
    people[0].headshot.storage.delete(people[0].headshot.name)
    work_owed(ledger_db)

    minutes = throughput.last_minutes(ledger_db)

    assert len(minutes) == throughput.MINUTES
    # The minute may have changed meanwhile.
    assert [sum(column) for column in zip(*minutes[-2:], strict=True)] == [2, 0]
    assert minutes[:-2] == [(0, 0)] * (throughput.MINUTES - 2)


def test_a_minute_has_a_row_for_each_process(ledger_db, monkeypatch):
    for process in (1, 2, 2):
        monkeypatch.setattr(os, "getpid", lambda process=process: process)
        throughput.note(ledger_db, made=1)
    throughput.note(ledger_db, failed=1)

    assert Throughput.objects.using(ledger_db).count() in (2, 3, 4)
    minutes = throughput.last_minutes(ledger_db)
    assert [sum(column) for column in zip(*minutes[-2:], strict=True)] == [3, 1]


def test_an_hour_is_shown_and_three_are_kept(ledger_db):
    throughput.note(ledger_db, made=5)
    rows = Throughput.objects.using(ledger_db)
    rows.update(minute=Now() - timedelta(minutes=61))
    assert throughput.last_minutes(ledger_db) == [(0, 0)] * throughput.MINUTES
    throughput.forget(ledger_db)
    assert rows.exists()

    rows.update(minute=Now() - timedelta(hours=4))
    throughput.forget(ledger_db)

    assert not rows.exists()
