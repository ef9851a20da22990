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
def test_claims_at_once_give_one(ledger_db, state):
    """However many workers take the same message, one of them gets the job."""
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


def test_a_claim_waits_for_one_that_is_not_committed(ledger_db):
    """A second worker gets nothing, even if it asks while the first one's claim is under way."""
    target = target_in(ledger_db)
    queued(target)

    with transaction.atomic(using=ledger_db):
        first = claim(target)
        second = Call(lambda: claim(target, worker="w2"))
        assert second.is_waiting()

    assert second.result() is None
    assert ledger.holds(first)


def test_a_claim_whose_transaction_fails_was_never_made(ledger_db):
    """A worker that dies while it claims leaves the job to others, and counts no attempt."""
    target = target_in(ledger_db)
    queued(target)

    def claim_and_die() -> None:
        with transaction.atomic(using=ledger_db):
            claim(target)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        claim_and_die()

    assert described(target) == "Q1.0"


def test_a_row_is_not_claimed_before_its_save_is_committed(ledger_db):
    """No worker sees what a save owes until the save itself can be seen."""
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
def test_a_save_under_way_beats_a_worker_that_ends(ledger_db, ending, answer):
    """A worker that finishes while a save of the same picture is being committed is overtaken."""
    target = target_in(ledger_db)
    taken = warming(target)

    with transaction.atomic(using=ledger_db):
        ledger.enqueue(target, "second")
        end = Call(lambda: ending(taken))
        assert end.is_waiting()

    assert end.result() is answer
    assert described(target) == "Q2.0+L"


def test_a_save_that_is_rolled_back_beats_nobody(ledger_db):
    """A worker that finishes while a save fails has finished."""
    target = target_in(ledger_db)
    taken = warming(target)

    with transaction.atomic(using=ledger_db):
        ledger.enqueue(target, "second")
        end = Call(lambda: ledger.settle(taken, counted="created"))
        assert end.is_waiting()
        transaction.set_rollback(True, using=ledger_db)

    assert end.result() is True
    assert described(target) == "-"


def test_a_save_after_a_worker_that_ends_owes_anew(ledger_db):
    """A save that meets a row on its way out puts a new one."""
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


def test_the_new_generation_waits_until_the_old_worker_lets_go(ledger_db):
    """One picture is never decoded by two workers at once."""
    target = target_in(ledger_db)
    first = overtaken(target)

    assert claim(target, worker="w2") is None
    ledger.release_overtaken(first)

    second = claim(target, worker="w2")
    assert second.generation == 2
    assert ledger.release_overtaken(first) is None
    assert ledger.holds(second)


def test_a_delete_during_a_warm_ends_it(ledger_db):
    """A worker whose instance was deleted is told to stop, and nothing is owed any more."""
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


def test_a_row_that_came_after_a_delete_is_not_the_old_one(ledger_db):
    """A worker cannot finish the row of a picture that was deleted and came again."""
    target = target_in(ledger_db)
    taken = warming(target)
    ledger.delete_job(target)
    ledger.enqueue(target, "again")

    assert not ledger.holds(taken)
    assert not ledger.settle(taken, counted="created")
    assert ledger.release_overtaken(taken) is None
    assert described(target) == "Q1.0"


def test_saves_at_once_are_all_counted(ledger_db):
    """Each of several saves at once raises the generation; there is one row."""
    for number in range(ROUNDS):
        target = target_in(ledger_db, str(number))

        hints = at_once(*[lambda target=target: ledger.enqueue(target, "s")] * 4)

        assert sorted(hint.generation for hint in hints) == [1, 2, 3, 4]
        assert described(target) == "Q4.0"


def test_first_saves_of_two_transactions_make_one_row(ledger_db):
    """Two transactions that each save a new picture of one instance owe it once."""
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
def test_a_save_is_safe_from_a_row_that_comes_and_goes(ledger_db):
    """A save succeeds though a worker settles another's row between two of its statements."""
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


def test_a_retry_and_a_claim_at_once_agree(ledger_db):
    """An admin's retry and a worker with an old message do not both get the row."""
    for number in range(ROUNDS):
        target = target_in(ledger_db, str(number))
        failed(target)
        old = hint_of(target)

        def take(hint=old):
            return ledger.claim(hint, task_id="t", worker="w", lease_s=90, max_attempts=4)

        retried, taken = at_once(lambda target=target: ledger.retry(rows(target)), take)

        assert (retried, taken) == (1, None)
        assert described(target) == "Q2.0"


def test_two_retries_at_once_are_one(ledger_db):
    """Two admins who retry the same job queue it once."""
    target = target_in(ledger_db)
    failed(target)

    def retry() -> int:
        return ledger.retry(rows(target))

    assert sorted(at_once(retry, retry, retry)) == [0, 0, 1]
    assert described(target) == "Q2.0"


def test_a_job_that_is_claimed_again_and_again_is_buried_once(ledger_db):
    """Workers that take a poisonous job's last message at once count one failure of its run."""
    run = new_run(ledger_db)
    target = target_in(ledger_db)
    ledger.enqueue_for_run(target, "s", run)
    for _ in range(MAX_ATTEMPTS):
        claim(target)
        let_lease_expire(target)

    assert at_once(*[lambda: claim(target)] * 4) == [None] * 4

    assert described(target) == "F1.4"
    assert counts(run) == {"failed": 1}


def test_the_ends_of_one_claim_at_once_are_one(ledger_db):
    """A job that is ended from two sides leaves its run with one count."""
    for number in range(ROUNDS):
        run = new_run(ledger_db)
        target = target_in(ledger_db, str(number))
        ledger.enqueue_for_run(target, "s", run)
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
def test_a_save_under_way_holds_up_no_other_job_of_its_run(ledger_db, leave):
    """A transaction that takes a while blocks no worker that ends another picture of the run."""
    run = new_run(ledger_db)
    saved, other = target_in(ledger_db, "1"), target_in(ledger_db, "2")
    for target in (saved, other):
        ledger.enqueue_for_run(target, "s", run)
    taken = claim(other)

    with transaction.atomic(using=ledger_db):
        leave(saved)
        end = Call(lambda: ledger.settle(taken, counted="created"))
        assert end.result() is True
        # The two would wait for each other if either held the run's row.
        leave(other)

    assert counts(run) == {"created": 1, "superseded": 1}


@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_saves_of_many_pictures_of_a_run_do_not_wait_for_each_other(ledger_db):
    """Two transactions that save pictures of one run need not know of each other."""
    run = new_run(ledger_db)
    first, second = target_in(ledger_db, "1"), target_in(ledger_db, "2")
    for target in (first, second):
        ledger.enqueue_for_run(target, "s", run)

    with transaction.atomic(using=ledger_db):
        ledger.enqueue(first, "saved")
        assert Call(lambda: ledger.enqueue(second, "saved")).result()

    assert counts(run) == {"superseded": 2}


@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_who_changes_many_rows_waits_for_no_save(ledger_db):
    """A retry, a sweep's note and mended times leave out a row that a save is changing."""
    saved, other = target_in(ledger_db, "1"), target_in(ledger_db, "2")
    for target in (saved, other):
        failed(target)
    hints = [hint_of(saved), hint_of(other)]

    with transaction.atomic(using=ledger_db):
        ledger.enqueue(saved, "saved")
        retried = Call(lambda: ledger.retry(WarmJob.objects.using(ledger_db))).result()
        Call(lambda: ledger.mark_hinted(ledger_db, hints)).result()
        Call(lambda: ledger.clamp_times(ledger_db, lease_s=0, delay_s=-60)).result()
        # Whoever waited for this save with the other row in hand would be waited for now.
        ledger.enqueue(other, "saved")

    assert retried == 1
    assert (described(saved), described(other)) == ("Q2.0", "Q3.0")


@pytest.mark.parametrize("ledger_db", ["postgres"], indirect=True)
def test_a_lost_workers_jobs_are_all_freed_though_a_save_holds_one(ledger_db):
    """Freeing waits for the save with nothing in its hands, and then goes on."""
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
    """Workers, doubled messages, saves, deletions and lost workers leave no job counted wrongly."""
    run = new_run(ledger_db)
    targets = [target_in(ledger_db, str(number)) for number in range(12)]
    for target in targets:
        ledger.enqueue_for_run(target, "s", run)
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


def test_a_message_is_noted_only_on_rows_that_are_there(ledger_db):
    """A job that ends while its message is being sent is not brought back by the note of it."""
    target = target_in(ledger_db)
    queued(target)
    hints = ledger.due(ledger_db, 5, bulk=False, resend_after_s=-1)
    assert ledger.settle(claim(target), counted="created")

    ledger.mark_hinted(ledger_db, hints)

    assert described(target) == "-"


def test_time_is_the_databases(ledger_db, monkeypatch):
    """A worker whose clock is wrong by a year claims nothing early and holds nothing longer."""
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
