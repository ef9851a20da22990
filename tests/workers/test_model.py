"""Every order of saves, workers, deaths, retries, sweeps and deliveries, visited one by one.

The promises of the ledger hold in every reachable state, and each guard is needed.
`EXPLORE=deep` visits millions of states, in minutes and 2 GB of memory.
"""

import os
from collections.abc import Iterable
from datetime import timedelta
from functools import cache

import pytest
from django.db import transaction
from django.db.models.functions import Now

from renditions.errors import StorageFailed
from tests.workers import model
from tests.workers.model import FAILED, QUEUED, Row, Rules, Walk, World
from workers import ledger
from workers.failures import Failure
from workers.ledger import Claim, Hint
from workers.models import WarmJob
from workers.targets import JobTarget

# How often each event may happen.
BOUNDS, AT_LEAST = World(saves=2, deaths=2, failures=1, retries=1, deletions=1, losses=0), 28_000
if os.environ.get("EXPLORE") == "deep":
    AT_LEAST = 3_500_000
    BOUNDS = World(saves=3, deaths=4, failures=2, retries=2, deletions=1, losses=3)

# The promise that is broken if a guard is switched off.
NEEDED = {
    "checks_generation": "there is no job, and a record is not of this picture",
    "takes_lease": "two workers have the picture open",
    "lease_outlives_process": "two workers have the picture open",
    "counts_before": "one attempt too many was started",
    "deletes_stale": "a deleted picture left a rendition",
    "enqueues_in_save": "there is no job, and a rendition is not of this picture",
}


@pytest.fixture(scope="module")
def walk():
    return Walk(BOUNDS)


def test_no_order_of_events_breaks_a_promise(walk):
    """No reachable state is lost, doubled, wrong or stuck."""
    assert not [f"{wrong}: {walk.story(world)}" for world, wrong in walk.broken.items()]
    assert len(walk.origins) > AT_LEAST


def test_every_state_recovers(walk):
    """From every state, workers and sweeps alone lead to all renditions or to a failed job."""
    for world in walk.origins:
        end = walk.at_rest(world)
        assert end.workers == (None, None)
        if end.row is not None:
            assert end.row.state == FAILED, walk.story(world)
        elif end.saved and not end.deleted:
            assert set(end.published) == {end.saved}, walk.story(world)


@pytest.mark.parametrize("guard", NEEDED)
def test_without_a_guard_a_promise_is_broken(guard):
    """The walk would find a fault if there were one."""
    start = World(saves=2, deaths=3, failures=1, retries=0, losses=0)
    found = Walk(start, Rules(**{guard: False}), stop=True)

    assert NEEDED[guard] in found.broken.values(), found.broken


def test_without_a_sweep_a_job_stays_queued():
    """Nothing else finds a job whose message is lost."""
    found = Walk(World(saves=1, deaths=0, failures=0, retries=0), Rules(sweeps=False))

    ends = {found.at_rest(world).row for world in found.origins}

    assert any(row is not None and row.state == QUEUED for row in ends)


# ---- the model is the ledger -----------------------------------------------------------------

TRANSITIONS = (
    "enqueue",
    "claim",
    "settle",
    "postpone",
    "give_up",
    "release_overtaken",
    "release",
    "retry",
)


@cache
def reached() -> frozenset[World]:
    # One rendition: the ledger does not know how many there are.
    start = World(saves=2, deaths=2, losses=0, published=(0,), recorded=(0,))
    return frozenset(Walk(start).origins)


def met(name: str) -> set[tuple[Row | None, int, int]]:
    """Return each (row, generation, worker) that this transition can meet."""
    worlds = reached()
    if name in ("enqueue", "retry"):
        return {(world.row, 0, 0) for world in worlds}
    by_message = name in ("claim", "release")
    return {
        _seen_by(worker, world.row, generation)
        for world in worlds
        for worker, work in enumerate(world.workers)
        for generation in _in_hand(work, world, by_message=by_message)
        # Only an overtaken claim is released.
        if name != "release_overtaken" or not model.holds(world.row, generation, worker)
    }


def _seen_by(worker: int, row: Row | None, generation: int) -> tuple[Row | None, int, int]:
    # The ledger does not distinguish the two workers.
    if worker and row and row.lease is not None:
        row = row._replace(lease=1 - row.lease)
    return row, generation, 0


def _in_hand(work: model.Work | None, world: World, *, by_message: bool) -> Iterable[int]:
    if by_message:
        return () if work else world.messages
    return (work.generation,) if work else ()


def put(using: str, row: Row | None) -> JobTarget:
    """Write `row` to the real ledger."""
    target = JobTarget(using, "app.Person", "1", "headshot")
    jobs = WarmJob.objects.using(using)
    if row is None:
        jobs.all()._raw_delete(using)
        return target
    if not jobs.exists():
        ledger.enqueue(target, "s")
    second, hour = timedelta(seconds=1), timedelta(hours=1)
    lease = row.lease is not None
    jobs.update(
        id=1,
        state=row.state,
        generation=row.generation,
        attempts=row.attempts,
        lease_token=f"t{row.lease}" if lease else "",
        lease_worker=f"w{row.lease}" if lease else "",
        lease_until=(Now() - second if row.expired else Now() + hour) if lease else None,
        due_at=None if row.state == FAILED else Now() - second if row.due else Now() + hour,
    )
    return target


def read(using: str) -> Row | None:
    """Return the row of the real ledger as a row of the model."""
    job = WarmJob.objects.using(using).annotate(now=Now()).first()
    if job is None:
        return None
    return Row(
        state=str(job.state),
        generation=job.generation,
        attempts=job.attempts,
        lease=int(job.lease_worker[1:]) if job.lease_until else None,
        expired=bool(job.lease_until and job.lease_until < job.now),
        due=job.due_at is None or job.due_at <= job.now,
    )


def apply_really(name: str, target: JobTarget, generation: int, worker: int) -> None:
    """Do to the real ledger what the transition of the model does to its row."""
    using, failures = target.using, [Failure.of_job(StorageFailed("away"))]
    held = Claim(1, generation, target, "s", None, 1, False, False, None, f"t{worker}")
    message = {"task_id": f"t{worker}", "worker": f"w{worker}"}
    limits = {"lease_s": 3600, "max_attempts": model.MAX_ATTEMPTS}
    transitions = {
        "enqueue": lambda: ledger.enqueue(target, "new"),
        "claim": lambda: ledger.claim(Hint(using, 1, generation), **message, **limits),
        "settle": lambda: ledger.settle(held, counted="created"),
        "postpone": lambda: ledger.postpone(held, failures, delay_s=3600),
        "give_up": lambda: ledger.give_up(held, failures),
        "release_overtaken": lambda: ledger.release_overtaken(held),
        "release": lambda: ledger.release_worker(using, f"w{worker}"),
        "retry": lambda: ledger.retry(WarmJob.objects.using(using)),
    }
    transitions[name]()


def apply_to_model(name: str, row: Row | None, generation: int, worker: int) -> Row | None:
    match name:
        case "enqueue":
            return model.enqueue(row)
        case "claim":
            return model.claim(row, generation, worker)[0]
        case "release":
            return model.release(row, worker)
        case "retry":
            return model.retry(row)
    return getattr(model, name)(row, generation, worker)


@pytest.mark.parametrize("ledger_db", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", TRANSITIONS)
def test_the_model_does_what_the_ledger_does(ledger_db, name):
    """For every reachable row, each transition of the ledger has the result of the model."""
    states = set()
    with transaction.atomic(using=ledger_db):
        for row, generation, worker in met(name):
            target = put(ledger_db, row)

            apply_really(name, target, generation, worker)

            assert read(ledger_db) == apply_to_model(name, row, generation, worker), row
            states.add(row and row.state)
    assert states >= {None, QUEUED}
