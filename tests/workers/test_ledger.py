"""Each transition of the ledger alone: what it does to a row in each state."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from renditions.errors import SourceUnreadable
from workers import ledger
from workers.failures import Failure, WorkerDied
from workers.ledger import Claim, Hint
from workers.models import JobState, WarmJob, WarmRun
from workers.targets import JobTarget

MAX_ATTEMPTS = 4
BROKEN = [Failure.of("a-100x100.jpg", SourceUnreadable("truncated"))]

# What becomes of a row (down) at each transition (across).
#   -      no row                     Q2.0  queued, generation 2, no attempt started in it
#   W1.1   warming, first attempt     F1.1  failed
#   +L     a valid lease              +X    an expired lease          +D  due later
# `claim` is with a hint of the row's generation, `stale` with one of the generation before. The
# columns from `settle` to `overtaken` are what the last worker of the row does; the last of them
# only if it was overtaken. A dot marks what is impossible.
TABLE = """
          enqueue for_run delete_job claim  stale  settle postpone give_up overtaken task_died worker_died retry
absent    Q1.0    Q1.0    -          -      -      .      .        .       .         -         -           -
queued    Q2.0    Q1.0    -          W1.1+L Q1.0   .      .        .       .         Q1.0      Q1.0        Q1.0
warming   Q2.0+L  W1.1+L  -          W1.1+L W1.1+L -      Q1.1+D   F1.1    .         Q1.1+D    Q1.1        W1.1+L
expired   Q2.0+X  W1.1+X  -          W1.2+L W1.1+X -      Q1.1+D   F1.1    .         Q1.1+D    Q1.1        W1.1+X
overtaken Q3.0+L  Q2.0+L  -          Q2.0+L Q2.0+L Q2.0+L Q2.0+L   Q2.0+L  Q2.0      Q2.0      Q2.0        Q2.0+L
retaken   Q2.0+L  W1.2+L  -          W1.2+L W1.2+L W1.2+L W1.2+L   W1.2+L  W1.2+L    W1.2+L    Q1.2        W1.2+L
later     Q2.0    Q1.1+D  -          Q1.1+D Q1.1+D Q1.1+D Q1.1+D   Q1.1+D  Q1.1+D    Q1.1+D    Q1.1+D      Q1.1+D
failed    Q2.0    F1.1    -          F1.1   F1.1   F1.1   F1.1     F1.1    F1.1      F1.1      F1.1        Q2.0
spent     Q2.0    Q1.4    -          F1.4   Q1.4   Q1.4   Q1.4     Q1.4    Q1.4      Q1.4      Q1.4        Q1.4
killed    Q2.0+X  W1.4+X  -          F1.4   W1.4+X -      Q1.4+D   F1.4    .         Q1.4+D    Q1.4        W1.4+X
"""  # noqa: E501


def target_in(using: str, pk: str = "1") -> JobTarget:
    return JobTarget(using, "app.Person", pk, "headshot")


def rows(target: JobTarget):
    return WarmJob.objects.using(target.using).filter(object_pk=target.object_pk)


def hint_of(target: JobTarget, generation: int = 0) -> Hint:
    """Return a hint of the row as it is, or of another generation."""
    job = rows(target).first()
    if job is None:
        return Hint(target.using, 1, 1)
    return Hint(target.using, job.pk, job.generation + generation)


def claim(target: JobTarget, *, worker: str = "w1", task: str = "t1", stale: bool = False):
    return ledger.claim(
        hint_of(target, -1 if stale else 0),
        task_id=task,
        worker=worker,
        lease_s=90,
        max_attempts=MAX_ATTEMPTS,
    )


def let_lease_expire(target: JobTarget) -> None:
    past = Now() - timedelta(seconds=1)
    assert rows(target).filter(lease_until__isnull=False).update(lease_until=past)


def let_be_due(target: JobTarget) -> None:
    rows(target).update(due_at=Now() - timedelta(seconds=1))


def described(target: JobTarget) -> str:
    """Return the row in the notation of the table."""
    job = rows(target).annotate(now=Now()).first()
    if job is None:
        return "-"
    text = f"{job.state[0].upper()}{job.generation}.{job.attempts}"
    if job.lease_until:
        assert job.lease_token
        assert job.lease_task
        text += "+L" if job.lease_until > job.now else "+X"
    else:
        assert (job.lease_token, job.lease_task, job.lease_worker) == ("", "", "")
    if job.state == JobState.FAILED:
        assert job.due_at is None
        return text
    return text + ("+D" if job.due_at > job.now else "")


def absent(target: JobTarget) -> None:
    """There is no job."""


def queued(target: JobTarget) -> None:
    ledger.enqueue(target, "first")


def warming(target: JobTarget) -> Claim:
    queued(target)
    return claim(target)


def expired(target: JobTarget) -> Claim:
    taken = warming(target)
    let_lease_expire(target)
    return taken


def overtaken(target: JobTarget) -> Claim:
    taken = warming(target)
    ledger.enqueue(target, "second")
    return taken


def retaken(target: JobTarget) -> Claim:
    """The first lease has expired and a second worker has the row."""
    first = expired(target)
    assert claim(target, worker="w1", task="t2")
    return first


def later(target: JobTarget) -> Claim:
    taken = warming(target)
    assert ledger.postpone(taken, BROKEN, delay_s=60)
    return taken


def failed(target: JobTarget) -> Claim:
    taken = warming(target)
    assert ledger.give_up(taken, BROKEN)
    return taken


def killed(target: JobTarget) -> Claim:
    """The worker of the last attempt vanished and its lease has expired."""
    queued(target)
    for _ in range(MAX_ATTEMPTS):
        taken = claim(target)
        let_lease_expire(target)
    return taken


def spent(target: JobTarget) -> Claim:
    """The worker of the last attempt is known to be dead."""
    taken = killed(target)
    ledger.release_worker(target.using, "w1")
    return taken


STATES: dict[str, Callable[[JobTarget], Claim | None]] = {
    state.__name__: state
    for state in (
        absent, queued, warming, expired, overtaken, retaken, later, failed, spent, killed,
    )
}  # fmt: skip


def new_run(using: str, **values: object) -> WarmRun:
    return WarmRun.objects.using(using).create(
        model_label="app.Person", field_name="headshot", **values
    )


TRANSITIONS: dict[str, Callable[[JobTarget, Claim | None], object]] = {
    "enqueue": lambda s, c: ledger.enqueue(s, "new"),
    "for_run": lambda s, c: ledger.enqueue_for_run(new_run(s.using), "new", [s]),
    "delete_job": lambda s, c: ledger.delete_job(s),
    "claim": lambda s, c: claim(s, worker="w9", task="t9"),
    "stale": lambda s, c: claim(s, worker="w9", task="t9", stale=True),
    "settle": lambda s, c: ledger.settle(c, counted="created"),
    "postpone": lambda s, c: ledger.postpone(c, BROKEN, delay_s=60),
    "give_up": lambda s, c: ledger.give_up(c, BROKEN),
    "overtaken": lambda s, c: ledger.release_overtaken(c),
    "task_died": lambda s, c: ledger.release_task(s.using, "t1", delay_s=10),
    "worker_died": lambda s, c: ledger.release_worker(s.using, "w1"),
    "retry": lambda s, c: ledger.retry(rows(s)),
}


def cells() -> list[tuple[str, str, str]]:
    """Return each (state, transition, result) of the table."""
    head, *lines = TABLE.strip().splitlines()
    return [
        (line.split()[0], transition, result)
        for line in lines
        for transition, result in zip(head.split(), line.split()[1:], strict=True)
        if result != "."
    ]


@pytest.mark.parametrize(("state", "transition", "result"), cells())
def test_transition(ledger_db, state, transition, result):
    """Each transition does to a row in each state what the table says, and nothing else."""
    target, bystander = target_in(ledger_db), target_in(ledger_db, "2")
    ledger.enqueue(bystander, "other")
    taken = STATES[state](target)

    TRANSITIONS[transition](target, taken)

    assert described(target) == result
    assert described(bystander) == "Q1.0"


@pytest.mark.parametrize(
    ("state", "result"), [(state, result) for state, name, result in cells() if name == "enqueue"]
)
def test_enqueue_in_steps(ledger_db, in_steps, state, result):
    """Another database does the same in several statements."""
    test_transition(ledger_db, state, "enqueue", result)


def test_enqueue_in_steps_keeps_force_and_counts_for_the_run(ledger_db, in_steps):
    target, run = target_in(ledger_db), new_run(ledger_db, force=True)
    ledger.enqueue_for_run(run, "s", [target])

    hint = ledger.enqueue(target, "saved", force=False)

    assert hint == hint_of(target)
    assert counts(run) == {"superseded": 1}
    assert claim(target).force


def test_the_table_is_complete():
    assert {state for state, _, _ in cells()} == set(STATES)
    assert {name for _, name, _ in cells()} == set(TRANSITIONS)


@pytest.mark.parametrize("state", ["overtaken", "retaken", "later", "failed", "spent"])
def test_an_overtaken_worker_learns_it_from_every_answer(ledger_db, state):
    taken = STATES[state](target_in(ledger_db))

    assert not ledger.holds(taken)
    assert not ledger.settle(taken, counted="created")
    assert not ledger.postpone(taken, BROKEN, delay_s=1)
    assert not ledger.give_up(taken, BROKEN)


@pytest.mark.parametrize("state", ["warming", "expired"])
def test_a_claim_is_valid_until_another_worker_claims(ledger_db, state):
    """A worker that is late may still finish if no other worker has the row."""
    taken = STATES[state](target_in(ledger_db))

    assert ledger.holds(taken)
    assert ledger.settle(taken, counted="created")


def test_a_claim_holds_everything_that_a_worker_needs(ledger_db):
    target = target_in(ledger_db)
    hint = ledger.enqueue(target, "first", force=True)

    taken = claim(target)

    assert (taken.job_id, taken.generation, taken.target) == (hint.job_id, 1, target)
    assert (taken.attempt, taken.force, taken.run_id) == (1, True, None)


def test_a_lease_lasts_lease_s_by_the_clock_of_the_database(ledger_db):
    target = target_in(ledger_db)
    ledger.enqueue(target, "first")

    claim(target)

    job = rows(target).annotate(left=F("lease_until") - Now()).get()
    assert timedelta(seconds=85) < job.left <= timedelta(seconds=90)
    assert job.lease_worker == "w1"


def test_two_deliveries_of_a_message_have_different_tokens(ledger_db):
    """They share a task id, but one cannot finish for the other."""
    target = target_in(ledger_db)
    first = expired(target)
    second = claim(target, task="t1")

    assert first.token != second.token
    assert not ledger.settle(first, counted="created")
    assert ledger.settle(second, counted="created")


def test_a_forced_job_stays_forced_until_it_is_done(ledger_db):
    """A save that moves the focal point must not hide that the picture was replaced."""
    target = target_in(ledger_db)
    ledger.enqueue(target, "replaced", force=True)
    ledger.enqueue(target, "moved", force=False)

    taken = claim(target)

    assert taken.force
    assert ledger.settle(taken, counted="created")
    ledger.enqueue(target, "moved again", force=False)
    assert not claim(target).force


def test_a_new_save_clears_the_failure(ledger_db):
    target = target_in(ledger_db)
    failed(target)

    ledger.enqueue(target, "second")

    job = rows(target).get()
    assert (job.state, job.attempts, job.kind, job.error, job.failures) == (
        JobState.QUEUED, 0, "", "", [],
    )  # fmt: skip
    assert ledger.job_of(target).tried.signature == "second"


def test_a_failure_is_stored_with_path_kind_headline_and_detail(ledger_db):
    target = target_in(ledger_db)

    failed(target)

    job = rows(target).get()
    assert (job.kind, job.headline, job.detail) == (
        "unreadable", SourceUnreadable.headline, "truncated",
    )  # fmt: skip
    assert job.all_failures() == BROKEN


def test_a_failure_of_the_whole_job_is_the_reason_for_each_path(ledger_db):
    target = target_in(ledger_db)
    whole = Failure.of_job(WorkerDied("4 attempts."))

    ledger.give_up(warming(target), [*BROKEN, whole])

    job = rows(target).get()
    assert job.failures[1]["path"] is None
    assert job.failure_of("a-100x100.jpg") == BROKEN[0]
    assert job.failure_of("other.jpg") == whole


def test_a_job_without_a_failure_of_its_own_gives_no_reason(ledger_db):
    target = target_in(ledger_db)
    failed(target)

    assert rows(target).get().failure_of("other.jpg") is None


def test_a_job_that_kills_its_workers_fails_as_poison(ledger_db):
    """It is started four times and not again."""
    target = target_in(ledger_db)
    killed(target)

    assert claim(target) is None

    job = rows(target).get()
    assert (job.state, job.attempts, job.kind) == (JobState.FAILED, 4, "poison")
    assert "4 attempts" in job.error
    assert claim(target) is None


@pytest.mark.parametrize(
    ("state", "is_due"),
    [
        ("queued", True), ("warming", False), ("expired", True), ("overtaken", False),
        ("retaken", False), ("later", False), ("failed", False), ("spent", True), ("killed", True),
    ],
)  # fmt: skip
def test_the_sweep_finds_jobs_that_are_due_and_not_leased(ledger_db, state, is_due):
    """The hint has the current generation."""
    target = target_in(ledger_db)
    STATES[state](target)

    hints = ledger.due(ledger_db, 10, ledger.Work.SAVES, resend_after_s=-1)

    assert hints == ([hint_of(target)] if is_due else [])


def test_a_message_is_not_sent_twice_within_resend_after_s(ledger_db):
    target = target_in(ledger_db)
    queued(target)
    hints = ledger.due(ledger_db, 10, ledger.Work.SAVES, resend_after_s=-1)

    ledger.mark_hinted(ledger_db, hints)
    assert ledger.due(ledger_db, 10, ledger.Work.SAVES, resend_after_s=60) == []

    rows(target).update(hinted_at=Now() - timedelta(seconds=61))
    assert ledger.due(ledger_db, 10, ledger.Work.SAVES, resend_after_s=60) == hints


@pytest.mark.parametrize("transition", ["task_died", "worker_died", "retry", "postpone"])
def test_a_job_that_is_queued_again_is_sent_by_the_next_sweep(ledger_db, transition):
    """It does not wait for a message that is gone."""
    target = target_in(ledger_db)
    taken = (failed if transition == "retry" else warming)(target)
    TRANSITIONS[transition](target, taken)
    let_be_due(target)

    assert ledger.due(ledger_db, 10, ledger.Work.SAVES, resend_after_s=60) == [hint_of(target)]


def test_the_oldest_jobs_are_sent_first_up_to_the_limit(ledger_db):
    targets = [target_in(ledger_db, str(number)) for number in range(5)]
    for age, target in enumerate(targets):
        ledger.enqueue(target, "s")
        rows(target).update(due_at=Now() - timedelta(seconds=age + 1))

    hints = ledger.due(ledger_db, 2, ledger.Work.SAVES, resend_after_s=-1)

    assert hints == [hint_of(targets[4]), hint_of(targets[3])]


def test_saves_and_bulk_runs_are_swept_separately(ledger_db):
    run = new_run(ledger_db)
    ledger.enqueue(target_in(ledger_db, "1"), "s")
    ledger.enqueue_for_run(run, "s", [target_in(ledger_db, "2")])

    uploads = ledger.due(ledger_db, 10, ledger.Work.SAVES, resend_after_s=-1)
    bulk = ledger.due(ledger_db, 10, ledger.Work.RUNS, resend_after_s=-1)

    assert [(hint.job_id, hint.bulk) for hint in uploads] == [
        (hint_of(target_in(ledger_db, "1")).job_id, False)
    ]
    assert [(hint.job_id, hint.bulk) for hint in bulk] == [
        (hint_of(target_in(ledger_db, "2")).job_id, True)
    ]


def test_a_dead_task_releases_only_its_own_lease(ledger_db):
    """Not that of a task whose id starts with its id."""
    for number, task in enumerate(["t1", "t10"]):
        ledger.enqueue(target_in(ledger_db, str(number)), "s")
        assert claim(target_in(ledger_db, str(number)), task=task)

    assert ledger.release_task(ledger_db, "t1", delay_s=0) == 1

    assert described(target_in(ledger_db, "0")) == "Q1.1"
    assert described(target_in(ledger_db, "1")) == "W1.1+L"


def test_a_task_id_may_hold_any_characters(ledger_db):
    target = target_in(ledger_db)
    ledger.enqueue(target, "s")

    assert claim(target, task="%_" + 200 * "t")

    assert ledger.release_task(ledger_db, "%" + 201 * "t", delay_s=0) == 0
    assert ledger.release_task(ledger_db, "%_" + 200 * "t", delay_s=0) == 1


def test_jobs_that_were_cut_off_twice_wait_a_random_time(ledger_db):
    """One of them may have killed the worker, and would take the same others down again."""
    first, *again = (target_in(ledger_db, str(number)) for number in range(6))
    for target in (first, *again):
        ledger.enqueue(target, "s")
    for target in again:
        assert claim(target)
    ledger.release_worker(ledger_db, "w1")
    for target in (first, *again):
        assert claim(target)

    assert ledger.release_worker(ledger_db, "w1", spread_s=60) == 6

    assert claim(first)
    assert not all(claim(target) for target in again)
    waits = {rows(target).get().due_at for target in again}
    assert len(waits) == len(again)
    assert max(waits) - min(waits) < timedelta(seconds=60)


def test_a_dead_worker_releases_only_its_own_leases(ledger_db):
    for number, worker in enumerate(["w1", "w1", "w2"]):
        ledger.enqueue(target_in(ledger_db, str(number)), "s")
        assert claim(target_in(ledger_db, str(number)), worker=worker)
    ledger.enqueue(target_in(ledger_db, "3"), "s")

    assert ledger.release_worker(ledger_db, "w1") == 2

    assert [described(target_in(ledger_db, str(number))) for number in range(4)] == [
        "Q1.1", "Q1.1", "W1.1+L", "Q1.0",
    ]  # fmt: skip


def test_retry_queues_and_counts_only_failed_jobs(ledger_db):
    for pk, state in enumerate([queued, warming, failed, failed]):
        state(target_in(ledger_db, str(pk)))

    assert ledger.retry(WarmJob.objects.using(ledger_db)) == 2

    assert [described(target_in(ledger_db, str(pk))) for pk in range(4)] == [
        "Q1.0", "W1.1+L", "Q2.0", "Q2.0",
    ]  # fmt: skip


# ---- the counts of a run ---------------------------------------------------------------------


def counts(run: WarmRun) -> dict[str, int]:
    run.refresh_from_db()
    names = ("created", "current", "blank", "failed", "superseded")
    left = {name: getattr(run, name) for name in names if getattr(run, name)}
    jobs = run.jobs.using(run._state.db).count()
    return {**left, "jobs": jobs} if jobs else left


@pytest.mark.parametrize(
    ("transition", "counted"),
    [
        ("enqueue", {"superseded": 1}),
        ("delete_job", {"superseded": 1}),
        ("settle", {"created": 1}),
        ("give_up", {"failed": 1}),
        ("postpone", {"jobs": 1}),
        ("overtaken", {"jobs": 1}),
        ("task_died", {"jobs": 1}),
        ("worker_died", {"jobs": 1}),
        ("claim", {"jobs": 1}),
        ("retry", {"jobs": 1}),
    ],
)
def test_a_job_of_a_run_is_counted_when_it_leaves_the_run(ledger_db, transition, counted):
    """Each job of a bulk run is in exactly one count, or still outstanding."""
    target, run = target_in(ledger_db), new_run(ledger_db)
    assert ledger.enqueue_for_run(run, "s", [target]) == 1
    taken = claim(target)

    TRANSITIONS[transition](target, taken)
    assert counts(run) == counted

    # A redelivered message repeats all of this, and nothing is counted twice.
    ledger.settle(taken, counted="created")
    ledger.give_up(taken, BROKEN)
    ledger.delete_job(target)
    assert sum(counts(run).values()) == 1


def test_a_poisoned_job_of_a_run_is_counted_as_failed(ledger_db):
    target, run = target_in(ledger_db), new_run(ledger_db)
    ledger.enqueue_for_run(run, "s", [target])
    for _ in range(MAX_ATTEMPTS):
        claim(target)
        let_lease_expire(target)

    assert claim(target) is None
    assert claim(target) is None

    assert counts(run) == {"failed": 1}
    assert described(target) == "F1.4"


@pytest.mark.parametrize("state", ["queued", "warming", "later", "failed"])
def test_a_run_leaves_an_existing_job_alone(ledger_db, state):
    """A bulk run does not take over the job of a save, and enqueues the others."""
    target, run = target_in(ledger_db), new_run(ledger_db)
    other = target_in(ledger_db, "2")
    STATES[state](target)
    before = described(target)

    assert ledger.enqueue_for_run(run, "s", [target, other]) == 1

    assert described(target) == before
    assert rows(target).get().run_id is None
    assert rows(other).get().run_id == run.pk


def test_deleting_a_run_keeps_its_jobs(ledger_db):
    target, run = target_in(ledger_db), new_run(ledger_db)
    ledger.enqueue_for_run(run, "s", [target])

    run.delete(using=ledger_db)

    assert described(target) == "Q1.0"
    assert ledger.settle(claim(target), counted="created")
