"""A chunk of a bulk run: a handful of statements, which wait for no save."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from tests.app.models import Person
from tests.service.waiting import wait_for
from tests.workers.broker import drain
from tests.workers.concurrency import Call, at_once, before_statement
from tests.workers.test_runs import (
    HEADSHOT,
    counts,
    deliver,
    finish,
    sent_steps,
    set_workers,
    start,
    target_of,
)
from workers import ledger, runs
from workers.conf import BULK_QUEUE
from workers.models import JobState, SupersededJob, WarmJob, WarmRun
from workers.targets import declaration, signature

pytestmark = pytest.mark.django_db

SAVED = "saved"


def statements_of(using: str, function: Callable[[], Any]) -> list[str]:
    """Call `function` and return the statements that it sends."""
    with CaptureQueriesContext(connections[using]) as queries:
        function()
    return [each["sql"] for each in queries.captured_queries]


def step(using: str, run: WarmRun) -> None:
    runs.advance(using, run.pk)
    drain(BULK_QUEUE)


def fail(person: Person, using: str, signed: str, version: str = "") -> None:
    """Let the job of a person be failed."""
    ledger.enqueue(target_of(person, using), signed)
    rows = WarmJob.objects.using(using).filter(object_pk=person.pk)
    rows.update(state=JobState.FAILED, original_version=version)


# ---- statements ---------------------------------------------------------------------------------


@pytest.mark.parametrize("found", ["outstanding", "current", "failed", "saved"])
def test_the_number_of_statements_does_not_grow_with_the_chunk(ledger_db, people, found):
    """One transaction plans the whole chunk, whatever a step finds of its instances."""
    numbers = []
    for size in (3, 30):
        WarmJob.objects.using(ledger_db).all().delete()
        Person.objects.using(ledger_db).all().delete()
        made = people(size, ledger_db)
        if found == "current":
            finish(start(HEADSHOT, using=ledger_db))
        for person in made if found == "saved" else ():
            ledger.enqueue(target_of(person, ledger_db), declaration(HEADSHOT))
        for person in made if found == "failed" else ():
            fail(person, ledger_db, signature(HEADSHOT, person.headshot.plans()))
        run = start(HEADSHOT, using=ledger_db)

        sent = statements_of(ledger_db, lambda run=run: step(ledger_db, run))

        run.refresh_from_db()
        assert run.planned == size
        numbers.append(len(sent))
        run.delete(using=ledger_db)

    assert numbers[0] == numbers[1]
    # 2 count the rows at the first step, 9 plan the chunk, 5 find and note its messages.
    assert numbers[0] <= 16


def test_a_large_chunk_is_one_insert(ledger_db, people):
    people(40, ledger_db)
    run = start(HEADSHOT, using=ledger_db)

    sent = statements_of(ledger_db, lambda: step(ledger_db, run))

    inserts = [sql for sql in sent if sql.startswith('INSERT INTO "rendition_workers_warmjob"')]
    assert len(inserts) == 1
    assert counts(run) == {"outstanding": 40}


def test_the_rows_of_a_chunk_are_those_of_a_single_job(ledger_db, people):
    """A column that the statement forgets would differ."""
    first, second = people(2, ledger_db)
    run = start(HEADSHOT, using=ledger_db)
    row = {"model_label": "app.Person", "object_pk": str(first.pk), "field_name": "headshot"}
    values = ledger._for_run(signature(HEADSHOT), run)
    WarmJob.objects.using(ledger_db).create(**row, **values)
    step(ledger_db, run)

    by_orm, by_chunk = WarmJob.objects.using(ledger_db).order_by("pk").values()
    times = {"due_at", "queued_at", "changed_at"}
    assert by_chunk.pop("object_pk") == str(second.pk)
    for name, value in by_chunk.items():
        if name in times:
            assert abs((value - by_orm[name]).total_seconds()) < 60
        elif name != "id":
            assert value == by_orm[name], name


# ---- other transactions -------------------------------------------------------------------------


# SQLite has one writer at a time.
@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_a_chunk_with_a_row_of_a_save_in_progress_is_planned_one_by_one(ledger_db, people):
    """It waits for the save with no lock, and counts what the save has left."""
    made = people(6, ledger_db)
    run = start(HEADSHOT, using=ledger_db)

    with transaction.atomic(using=ledger_db):
        ledger.enqueue(target_of(made[3], ledger_db), SAVED)
        planning = Call(lambda: step(ledger_db, run))
        # These are committed one by one; the fourth waits.
        wait_for(
            lambda: Call(lambda: run.jobs.using(ledger_db).count()).result() == 3, 15, "3 rows"
        )
        assert planning.is_waiting()
        # Deadlock, if the step held one of these rows while it waits.
        for person in (made[0], made[5]):
            ledger.enqueue(target_of(person, ledger_db), SAVED)

    planning.result()
    assert counts(run) == {"superseded": 3, "outstanding": 3}


@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_a_chunk_breaks_no_transaction_that_saves_its_pictures_in_another_order(ledger_db, people):
    """PostgreSQL would end one of the two transactions, perhaps the one of the project."""
    made = people(30, ledger_db)
    run = start(HEADSHOT, using=ledger_db)

    def save_backwards() -> None:
        with transaction.atomic(using=ledger_db):
            for person in reversed(made):
                ledger.enqueue(target_of(person, ledger_db), SAVED)

    for _ in range(3):
        at_once(save_backwards, lambda: step(ledger_db, run), save_backwards)

    numbers = counts(run)
    assert run.planned == 30
    jobs = WarmJob.objects.using(ledger_db)
    assert numbers == {"superseded": 30} or jobs.filter(run=run).count() == numbers["outstanding"]
    assert jobs.count() == 30


def test_a_job_that_appears_during_a_step_is_not_taken_over(ledger_db, people):
    """The save of one instance comes between the look and the statement of the chunk."""
    made = people(4, ledger_db)
    run = start(HEADSHOT, using=ledger_db)

    def save() -> None:
        ledger.enqueue(target_of(made[1], ledger_db), declaration(HEADSHOT))

    # On SQLite, the transaction of the chunk would have to wait for the save.
    words = "BEGIN" if ledger_db == "sqlite" else "INSERT INTO"
    with before_statement(ledger_db, words, save):
        step(ledger_db, run)

    assert counts(run) == {"superseded": 1, "outstanding": 3}


@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_made_jobs_are_settled_without_waiting_for_a_save(ledger_db, people):
    """Deadlock, if the settling held one failed row while it waits for another."""
    first, second = people(2, ledger_db)
    for person in (first, second):
        fail(person, ledger_db, "s")
    pks = [str(first.pk), str(second.pk)]

    with transaction.atomic(using=ledger_db):
        ledger.enqueue(target_of(second, ledger_db), SAVED)
        settling = Call(lambda: ledger.settle_failed(ledger_db, "app.Person", "headshot", pks))
        assert settling.result() == 1
        ledger.enqueue(target_of(first, ledger_db), SAVED)

    assert WarmJob.objects.using(ledger_db).filter(state=JobState.QUEUED).count() == 2


# ---- superseded ---------------------------------------------------------------------------------


def test_rows_of_superseded_jobs_are_added_to_their_run(ledger_db, people):
    """The table stays small, and the count is the same before and after."""
    made = people(5, ledger_db)
    run = start(HEADSHOT, using=ledger_db)
    deliver()
    for person in made[:3]:
        ledger.delete_job(target_of(person, ledger_db))
    before = counts(run)

    runs.continue_all(ledger_db)

    assert counts(run) == before == {"superseded": 3, "outstanding": 2}
    assert run.superseded_counted == 3
    assert not SupersededJob.objects.using(ledger_db).exists()


def test_counts_stay_exact_while_rows_are_added(ledger_db, people):
    """Two sweeps and saves at the same time count each superseded job once."""
    made = people(12, ledger_db)
    run = start(HEADSHOT, using=ledger_db)
    step(ledger_db, run)

    def save(part: list[Person]) -> None:
        for person in part:
            ledger.enqueue(target_of(person, ledger_db), SAVED)

    def sweep() -> None:
        for _ in range(6):
            ledger.fold_all_superseded(ledger_db)

    at_once(lambda: save(made[::2]), lambda: save(made[1::2]), sweep, sweep)
    assert counts(run) == {"superseded": 12}

    ledger.fold_all_superseded(ledger_db)
    run.refresh_from_db()
    assert run.superseded_counted == 12


@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_the_rows_of_a_save_in_progress_are_added_later(ledger_db, people):
    """A sweep waits for no save, and a save for no sweep."""
    first, second = people(2, ledger_db)
    run = start(HEADSHOT, using=ledger_db)
    step(ledger_db, run)

    ledger.delete_job(target_of(first, ledger_db))
    with transaction.atomic(using=ledger_db):
        ledger.delete_job(target_of(second, ledger_db))
        Call(lambda: ledger.fold_all_superseded(ledger_db)).result()

    run.refresh_from_db()
    assert run.superseded_counted == 1
    assert counts(run) == {"superseded": 2}


# ---- outstanding --------------------------------------------------------------------------------


def test_outstanding_jobs_are_not_counted_row_by_row(ledger_db, people, settings):
    """A step reads no job of the run but those of its own chunk."""
    set_workers(settings, CHUNK_SIZE=2)
    people(4, ledger_db)
    run = start(HEADSHOT, using=ledger_db)
    step(ledger_db, run)

    sent = statements_of(ledger_db, lambda: step(ledger_db, run))

    assert not [sql for sql in sent if "COUNT" in sql and "rendition_workers_warmjob" in sql]
    assert counts(run) == {"outstanding": 4}


def test_a_run_whose_jobs_were_deleted_by_hand_goes_on(ledger_db, people, settings):
    """They are in no count, so the run looks full for good."""
    set_workers(settings, CHUNK_SIZE=2, MAX_QUEUED=2)
    people(4, ledger_db)
    run = start(HEADSHOT, using=ledger_db)
    deliver()
    WarmJob.objects.using(ledger_db).all().delete()

    runs.continue_all(ledger_db)
    [again] = sent_steps()
    runs.advance(**again)

    run.refresh_from_db()
    assert run.planned == 4


# ---- failed jobs --------------------------------------------------------------------------------


def test_failed_jobs_of_a_forced_run_are_tried_again_in_one_statement(ledger_db, people):
    made = people(5, ledger_db)
    for person in made:
        fail(person, ledger_db, signature(HEADSHOT, person.headshot.plans()))
    run = start(HEADSHOT, using=ledger_db, force=True)

    sent = statements_of(ledger_db, lambda: step(ledger_db, run))

    # The total and the counts of the run, the jobs, and their messages.
    assert len([sql for sql in sent if sql.startswith("UPDATE")]) == 4
    assert counts(run) == {"outstanding": 5}
    states = WarmJob.objects.using(ledger_db).values_list("state", "generation")
    assert set(states) == {(JobState.QUEUED, 2)}


def test_a_retry_changes_the_failed_jobs_in_parts(ledger_db, people, monkeypatch):
    """A save waits for one part at most, and no job is left out."""
    monkeypatch.setattr(ledger, "ROWS_AT_ONCE", 2)
    made = people(5, ledger_db)
    for person in made:
        fail(person, ledger_db, "s")
    ledger.enqueue(target_of(people(1, ledger_db)[0], ledger_db), "s")

    sent = statements_of(
        ledger_db, lambda: ledger.retry(WarmJob.objects.using(ledger_db).order_by("kind"))
    )

    updates = [sql for sql in sent if sql.startswith("UPDATE")]
    assert len(updates) == 3
    states = WarmJob.objects.using(ledger_db).values_list("state", "generation")
    assert sorted(states) == [(JobState.QUEUED, 1), *[(JobState.QUEUED, 2)] * 5]
