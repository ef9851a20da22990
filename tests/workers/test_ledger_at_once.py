"""What processes do to each other on the ledger: real connections, real commits."""

from datetime import timedelta
from itertools import cycle

import pytest
from django.db import connections, transaction
from django.db.models.functions import Now

from tests.workers.concurrency import Call, at_once, before_statement
from tests.workers.test_ledger import (
    BROKEN,
    MAX_ATTEMPTS,
    claim,
    counts,
    described,
    failed,
    hint_of,
    let_lease_expire,
    new_run,
    overtaken,
    queued,
    rows,
    target_in,
    warming,
)
from workers import ledger
from workers.models import JobState, WarmJob

ROUNDS = 3


@pytest.mark.parametrize("state", ["queued", "expired", "released"])
def test_one_of_several_simultaneous_claims_succeeds(ledger_db, state):
    for number in range(ROUNDS):
        target = target_in(ledger_db, str(number))
        queued(target)
        if state != "queued":
            claim(target)
            if state == "expired":
                let_lease_expire(target)
            else:
                ledger.release_worker(ledger_db, "w1")
        attempts = rows(target).get().attempts
        hint = hint_of(target)

        def take(hint=hint):
            return ledger.claim(
                hint, task_id="t", worker="w", lease_s=90, max_attempts=MAX_ATTEMPTS
            )

        claims = [taken for taken in at_once(take, take, take, take) if taken]

        assert len(claims) == 1
        assert described(target) == f"W1.{attempts + 1}+L"
        assert ledger.settle(claims[0], counted="created")


def test_a_claim_waits_for_an_uncommitted_one(ledger_db):
    """The second worker gets nothing."""
    target = target_in(ledger_db)
    queued(target)

    with transaction.atomic(using=ledger_db):
        first = claim(target)
        second = Call(lambda: claim(target, worker="w2"))
        assert second.is_waiting()

    assert second.result() is None
    assert ledger.holds(first)


def test_a_claim_that_is_rolled_back_counts_no_attempt(ledger_db):
    """A worker that dies while it claims leaves the job to others."""
    target = target_in(ledger_db)
    queued(target)

    def claim_and_die() -> None:
        with transaction.atomic(using=ledger_db):
            claim(target)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        claim_and_die()

    assert described(target) == "Q1.0"


def test_a_job_is_not_claimed_before_its_save_is_committed(ledger_db):
    target = target_in(ledger_db)
    with transaction.atomic(using=ledger_db):
        hint = ledger.enqueue(target, "first")
        taken = Call(lambda: ledger.claim(hint, task_id="t", worker="w", lease_s=9, max_attempts=4))
        if connections[ledger_db].vendor == "postgresql":
            assert taken.result() is None
        else:
            # SQLite has one writer at a time.
            assert taken.is_waiting()

    taken.result()
    assert described(target) in ("Q1.0", "W1.1+L")


@pytest.mark.parametrize(
    ("ending", "answer"),
    [
        (lambda taken: ledger.settle(taken, counted="created"), False),
        (lambda taken: ledger.give_up(taken, BROKEN), False),
        (lambda taken: ledger.postpone(taken, BROKEN, delay_s=60), False),
    ],
    ids=["settle", "give_up", "postpone"],
)
def test_a_save_in_progress_overtakes_a_worker_that_ends(ledger_db, ending, answer):
    target = target_in(ledger_db)
    taken = warming(target)

    with transaction.atomic(using=ledger_db):
        ledger.enqueue(target, "second")
        end = Call(lambda: ending(taken))
        assert end.is_waiting()

    assert end.result() is answer
    assert described(target) == "Q2.0+L"


def test_a_save_that_is_rolled_back_overtakes_no_worker(ledger_db):
    target = target_in(ledger_db)
    taken = warming(target)

    with transaction.atomic(using=ledger_db):
        ledger.enqueue(target, "second")
        end = Call(lambda: ledger.settle(taken, counted="created"))
        assert end.is_waiting()
        transaction.set_rollback(True, using=ledger_db)

    assert end.result() is True
    assert described(target) == "-"


def test_a_save_while_a_worker_settles_enqueues_a_new_job(ledger_db):
    target = target_in(ledger_db)
    taken = warming(target)

    with transaction.atomic(using=ledger_db):
        assert ledger.settle(taken, counted="created")
        save = Call(lambda: ledger.enqueue(target, "second"))
        assert save.is_waiting()

    hint = save.result()
    assert described(target) == "Q1.0"
    assert hint_of(target) == hint


def test_an_overtaken_worker_neither_settles_nor_publishes(ledger_db):
    """After a save, the worker of the picture before is told to stop and can end nothing."""
    target = target_in(ledger_db)
    taken = overtaken(target)

    assert not ledger.holds(taken)
    assert not ledger.settle(taken, counted="created")
    assert described(target) == "Q2.0+L"

    assert ledger.release_overtaken(taken) == hint_of(target)
    assert described(target) == "Q2.0"


def test_a_new_generation_waits_until_the_old_worker_has_released_it(ledger_db):
    """Two workers never decode one picture at once."""
    target = target_in(ledger_db)
    first = overtaken(target)

    assert claim(target, worker="w2") is None
    ledger.release_overtaken(first)

    second = claim(target, worker="w2")
    assert second.generation == 2
    assert ledger.release_overtaken(first) is None
    assert ledger.holds(second)


def test_a_deletion_overtakes_a_worker(ledger_db):
    target = target_in(ledger_db)
    taken = warming(target)

    with transaction.atomic(using=ledger_db):
        ledger.delete_job(target)
        end = Call(lambda: ledger.settle(taken, counted="created"))
        assert end.is_waiting()

    assert end.result() is False
    assert not ledger.holds(taken)
    assert ledger.release_overtaken(taken) is None
    assert described(target) == "-"


def test_a_job_enqueued_after_a_deletion_is_another_job(ledger_db):
    """The worker of the deleted job cannot finish it."""
    target = target_in(ledger_db)
    taken = warming(target)
    ledger.delete_job(target)
    ledger.enqueue(target, "again")

    assert not ledger.holds(taken)
    assert not ledger.settle(taken, counted="created")
    assert ledger.release_overtaken(taken) is None
    assert described(target) == "Q1.0"


def test_each_of_several_simultaneous_saves_raises_the_generation(ledger_db):
    """There is one job."""
    for number in range(ROUNDS):
        target = target_in(ledger_db, str(number))

        hints = at_once(*[lambda target=target: ledger.enqueue(target, "s")] * 4)

        assert sorted(hint.generation for hint in hints) == [1, 2, 3, 4]
        assert described(target) == "Q4.0"


def test_two_simultaneous_first_saves_make_one_job(ledger_db):
    target = target_in(ledger_db)
    with transaction.atomic(using=ledger_db):
        first = ledger.enqueue(target, "first")
        second = Call(lambda: ledger.enqueue(target, "second"))
        assert second.is_waiting()

    assert (first.generation, second.result().generation) == (1, 2)
    assert described(target) == "Q2.0"
    assert ledger.job_of(target).tried.signature == "second"


# SQLite has one writer at a time, so nothing comes between.
@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_a_save_survives_a_job_that_appears_and_disappears(ledger_db, in_steps):
    """Another job is enqueued and settled between two statements of the save."""
    target = target_in(ledger_db)

    def settle() -> None:
        taken = claim(target)
        assert ledger.settle(taken, counted="created")

    with (
        before_statement(ledger_db, "INSERT INTO", lambda: ledger.enqueue(target, "other")),
        before_statement(ledger_db, "RELEASE SAVEPOINT", settle),
    ):
        hint = ledger.enqueue(target, "mine")

    assert hint_of(target) == hint
    assert ledger.job_of(target).tried.signature == "mine"


# SQLite has one writer at a time, so nothing comes between.
@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_a_failed_job_that_a_run_takes_over_while_it_is_deleted_is_counted(ledger_db):
    """The run takes the job before the deletion, which counts it, or it takes nothing."""
    run, target, takes = new_run(ledger_db), target_in(ledger_db), []
    failed(target)

    def take_over() -> None:
        takes.append(Call(lambda: ledger.requeue_for_run(run, "s", [target])))
        takes[0].is_waiting()

    with before_statement(ledger_db, "DELETE FROM", take_over):
        ledger.delete_job(target)

    assert counts(run) == ({"superseded": 1} if takes[0].result() else {})
    assert described(target) == "-"


def test_a_retry_and_a_simultaneous_claim_do_not_both_get_the_job(ledger_db):
    for number in range(ROUNDS):
        target = target_in(ledger_db, str(number))
        failed(target)
        old = hint_of(target)

        def take(hint=old):
            return ledger.claim(hint, task_id="t", worker="w", lease_s=90, max_attempts=4)

        retried, taken = at_once(lambda target=target: ledger.retry(rows(target)), take)

        assert (retried, taken) == (1, None)
        assert described(target) == "Q2.0"


def test_simultaneous_retries_queue_a_job_once(ledger_db):
    target = target_in(ledger_db)
    failed(target)

    def retry() -> int:
        return ledger.retry(rows(target))

    assert sorted(at_once(retry, retry, retry)) == [0, 0, 1]
    assert described(target) == "Q2.0"


def test_simultaneous_claims_fail_a_poisoned_job_once(ledger_db):
    """Its run counts one failure."""
    run = new_run(ledger_db)
    target = target_in(ledger_db)
    ledger.enqueue_for_run(run, "s", [target])
    for _ in range(MAX_ATTEMPTS):
        claim(target)
        let_lease_expire(target)

    assert at_once(*[lambda: claim(target)] * 4) == [None] * 4

    assert described(target) == "F1.4"
    assert counts(run) == {"failed": 1}


def test_simultaneous_ends_of_a_claim_count_once(ledger_db):
    for number in range(ROUNDS):
        run = new_run(ledger_db)
        target = target_in(ledger_db, str(number))
        ledger.enqueue_for_run(run, "s", [target])
        taken = claim(target)

        ends = at_once(
            lambda taken=taken: ledger.settle(taken, counted="created"),
            lambda taken=taken: ledger.settle(taken, counted="current"),
            lambda taken=taken: ledger.give_up(taken, BROKEN),
            lambda target=target: ledger.delete_job(target),
        )

        assert sum(bool(end) for end in ends) <= 1
        assert sum(counts(run).values()) == 1
        run.delete(using=ledger_db)


# SQLite has one writer at a time, whatever it writes.
@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
@pytest.mark.parametrize("leave", [lambda s: ledger.enqueue(s, "saved"), ledger.delete_job])
def test_a_save_in_progress_blocks_no_other_job_of_the_run(ledger_db, leave):
    """A lock on the row of the run would be a deadlock."""
    run = new_run(ledger_db)
    saved, other = target_in(ledger_db, "1"), target_in(ledger_db, "2")
    for target in (saved, other):
        ledger.enqueue_for_run(run, "s", [target])
    taken = claim(other)

    with transaction.atomic(using=ledger_db):
        leave(saved)
        end = Call(lambda: ledger.settle(taken, counted="created"))
        assert end.result() is True
        # Deadlock, if one of the two held the row of the run.
        leave(other)

    assert counts(run) == {"created": 1, "superseded": 1}


@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_saves_of_two_pictures_of_a_run_do_not_wait_for_each_other(ledger_db):
    run = new_run(ledger_db)
    first, second = target_in(ledger_db, "1"), target_in(ledger_db, "2")
    for target in (first, second):
        ledger.enqueue_for_run(run, "s", [target])

    with transaction.atomic(using=ledger_db):
        ledger.enqueue(first, "saved")
        assert Call(lambda: ledger.enqueue(second, "saved")).result()

    assert counts(run) == {"superseded": 2}


@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_an_update_of_many_jobs_waits_for_no_save(ledger_db):
    """A retry, the note of a sweep and clamped times skip a row that a save has locked."""
    saved, other = target_in(ledger_db, "1"), target_in(ledger_db, "2")
    for target in (saved, other):
        failed(target)
    hints = [hint_of(saved), hint_of(other)]

    with transaction.atomic(using=ledger_db):
        ledger.enqueue(saved, "saved")
        retried = Call(lambda: ledger.retry(WarmJob.objects.using(ledger_db))).result()
        Call(lambda: ledger.mark_hinted(ledger_db, hints)).result()
        Call(lambda: ledger.clamp_times(ledger_db, lease_s=0, delay_s=-60)).result()
        # Deadlock, if one of the calls above still held the row of `other`.
        ledger.enqueue(other, "saved")

    assert retried == 1
    assert (described(saved), described(other)) == ("Q2.0", "Q3.0")


@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_all_leases_of_a_dead_worker_are_released_while_a_save_locks_one(ledger_db):
    """The release waits for the save without a lock on another row."""
    saved, other = target_in(ledger_db, "1"), target_in(ledger_db, "2")
    for target in (saved, other):
        ledger.enqueue(target, "s")
        claim(target)

    with transaction.atomic(using=ledger_db):
        ledger.enqueue(saved, "saved")
        free = Call(lambda: ledger.release_worker(ledger_db, "w1"))
        assert free.is_waiting()
        ledger.enqueue(other, "saved")

    assert free.result() == 2
    assert not WarmJob.objects.using(ledger_db).exclude(lease_until=None).exists()


def test_counts_add_up_under_redelivery_saves_and_deaths(ledger_db):
    """No redelivery, save, deletion or dead worker makes a count wrong."""
    run = new_run(ledger_db)
    targets = [target_in(ledger_db, str(number)) for number in range(12)]
    for target in targets:
        ledger.enqueue_for_run(run, "s", [target])
    hints = [hint_of(target) for target in targets]
    ends = (
        lambda taken: ledger.settle(taken, counted="created"),
        lambda taken: ledger.give_up(taken, BROKEN),
        lambda taken: ledger.postpone(taken, BROKEN, delay_s=0),
        lambda taken: ledger.release_worker(ledger_db, "w1"),
    )

    def work() -> None:
        for end, hint in zip(cycle(ends), hints * 2, strict=False):
            taken = ledger.claim(hint, task_id="t", worker="w1", lease_s=90, max_attempts=4)
            if taken:
                end(taken)

    def disturb() -> None:
        for target in targets[::3]:
            ledger.enqueue(target, "saved")
        for target in targets[1::3]:
            ledger.delete_job(target)

    at_once(work, work, disturb)

    assert sum(counts(run).values()) == len(targets)
    on_run = WarmJob.objects.using(ledger_db).filter(run=run)
    assert not on_run.filter(state=JobState.FAILED).exists()


def test_a_job_that_ended_while_its_message_was_sent_does_not_come_back(ledger_db):
    target = target_in(ledger_db)
    queued(target)
    hints = ledger.due(ledger_db, 5, ledger.Work.SAVES, resend_after_s=-1)
    assert ledger.settle(claim(target), counted="created")

    ledger.mark_hinted(ledger_db, hints)

    assert described(target) == "-"


def test_all_times_are_those_of_the_database(ledger_db, monkeypatch):
    """A worker whose clock is a year ahead claims nothing early and holds no lease longer."""
    import time

    target = target_in(ledger_db)
    ledger.enqueue(target, "s")
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 365 * 86400)

    taken = claim(target)

    job = rows(target).annotate(now=Now()).get()
    assert job.lease_until - job.now <= timedelta(seconds=90)
    assert ledger.postpone(taken, BROKEN, delay_s=60)
    assert claim(target) is None
