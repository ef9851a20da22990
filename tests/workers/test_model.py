"""Every interleaving of saves, workers, deaths, retries, sweeps and deliveries, walked through."""

import os
from collections import deque
from collections.abc import Iterable
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from tests.workers import model
from tests.workers.model import FAILED, QUEUED, WARMING, Row, World
from workers import ledger
from workers.ledger import Claim, Failure, Hint, Subject
from workers.models import WarmJob

# How often each thing may go wrong. `EXPLORE=deep` takes minutes and sees a million states.
BOUNDS = World(saves=2, deaths=3, failures=2, retries=1, deletions=1)
if os.environ.get("EXPLORE") == "deep":
    BOUNDS = World(saves=3, deaths=4, failures=3, retries=3, deletions=1)


def explore(start: World, *, stalls: bool = False) -> dict[World, tuple[World, str] | None]:
    """Return every world that can come of `start`, each with how it came about."""
    origins: dict[World, tuple[World, str] | None] = {start: None}
    waiting = deque([start])
    while waiting:
        world = waiting.popleft()
        for event, after in model.successors(world, stalls=stalls):
            if after not in origins:
                origins[after] = (world, event)
                waiting.append(after)
    return origins


def story(world: World, origins: dict[World, tuple[World, str] | None]) -> str:
    """Return what led to `world`."""
    events = []
    while origin := origins[world]:
        world, event = origin
        events.append(event)
    return " > ".join(reversed(events))


def complaint(world: World) -> str:
    """Return what must never be so and is, or nothing."""
    row = world.row
    at_work = [work for work in world.workers if work is not None]
    if not world.deleted and row is None and world.published != world.saved:
        return "a save is lost: nothing is owed and the rendition is not of the saved content"
    if not world.deleted and row is None and world.recorded != world.saved:
        return "the record is not of the saved version and nobody will mend it"
    if row and row.attempts > model.MAX_ATTEMPTS:
        return "begun more often than allowed"
    if sum(work.step >= model.VERSIONED for work in at_work) > 1:
        return "two workers decode one picture at once"
    if row and row.state == WARMING and row.lease is None:
        return "being warmed by nobody"
    if row and row.state == FAILED and row.lease is not None:
        return "failed and leased"
    if world.deleted and row:
        return "owed to a deleted instance"
    return ""


def healed(world: World) -> World:
    """Return what becomes of `world` when nothing more goes wrong: time, sweeps and workers."""
    for _ in range(100):
        events = dict(model.successors(world._replace(saves=0, deaths=0, failures=0, retries=0)))
        events.pop("delete", None)
        order = ("end", "publish", "check", "open", "version", "blank", "stop")
        order += ("release", "due", "expire", "deliver", "sweep")
        chosen = next((name for name in order if name in events), None)
        if chosen is None:
            return world
        world = events[chosen]
    raise AssertionError(f"never at rest: {world}")


@pytest.fixture(scope="module")
def worlds():
    return explore(BOUNDS)


def test_no_order_of_events_breaks_a_promise(worlds):
    """In every state that can be reached nothing is lost, doubled, wrong or stuck."""
    for world in worlds:
        assert not complaint(world), f"{complaint(world)}: {story(world, worlds)}"
    assert len(worlds) > 10_000


def test_every_state_heals_by_itself(worlds):
    """From every state, workers and sweeps alone lead to all renditions or to a failed row."""
    for world in worlds:
        end = healed(world)
        assert end.workers == (None, None)
        if end.row is not None:
            assert end.row.state == FAILED, story(world, worlds)
        elif end.saved and not end.deleted:
            assert end.published == end.saved, story(world, worlds)


def test_nothing_of_a_deleted_picture_appears_unless_its_worker_dies():
    """What a worker publishes while the instance is being deleted, it takes away again."""
    worlds = explore(World(saves=2, deaths=0, deletions=1))
    for world, origin in worlds.items():
        if origin and origin[1] == "delete" and world.workers != (None, None):
            end = healed(world)
            assert not end.published or end.published == origin[0].published, story(world, worlds)


def test_the_walk_would_find_a_missing_guard(monkeypatch):
    """Without the generation in its guard the ledger loses a save, and the walk says so."""
    monkeypatch.setattr(
        model,
        "holds",
        lambda row, generation, worker: row is not None and row.lease == worker,
    )

    assert any("a save is lost" in complaint(world) for world in explore(World(saves=2, deaths=1)))


def test_the_walk_would_find_a_lease_that_is_not_asked_for(monkeypatch):
    """Without the lease in its guard the ledger lets two workers decode, and the walk says so."""
    monkeypatch.setattr(model, "is_claimable", lambda row: row is not None and row.state != FAILED)

    assert any(
        "two workers" in complaint(world) for world in explore(World(saves=1, deaths=0, failures=0))
    )


def test_a_worker_that_outlives_its_lease_is_the_known_limit():
    """Only a worker that sleeps longer than its lease, between look and write, can do harm."""
    start = World(saves=2, deaths=0, failures=0, retries=0, deletions=0)
    origins = explore(start, stalls=True)

    broken = [story(world, origins) for world in origins if "save is lost" in complaint(world)]

    assert broken
    assert all("expire" in events for events in broken)


# ---- the model is the ledger -----------------------------------------------------------------

TRANSITIONS = ("owe", "claim", "settle", "postpone", "give_up", "hand_back", "release", "retry")


def met(name: str) -> set[tuple[Row | None, int, int]]:
    """Return each (row, generation, worker) that a transition of this name can meet."""
    worlds = explore(World(saves=2, deaths=2, failures=1, retries=1, deletions=1))
    if name in ("owe", "retry"):
        return {(world.row, 0, 0) for world in worlds}
    by_message = name in ("claim", "release")
    return {
        (world.row, generation, worker)
        for world in worlds
        for worker, work in enumerate(world.workers)
        for generation in _in_hand(work, world, by_message=by_message)
        # A claim that stands is not handed back.
        if name != "hand_back" or not model.holds(world.row, generation, worker)
    }


def _in_hand(work: model.Work | None, world: World, *, by_message: bool) -> Iterable[int]:
    if by_message:
        return () if work else world.messages
    return (work.generation,) if work else ()


def put(using: str, row: Row | None) -> Subject:
    """Put `row` on the real ledger."""
    subject = Subject(using, "app.Person", "1", "headshot")
    jobs = WarmJob.objects.using(using)
    jobs.all()._raw_delete(using)
    if row is None:
        return subject
    ledger.owe(subject, "s")
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
        due_at=Now() - second if row.due else Now() + hour,
    )
    return subject


def read(using: str) -> Row | None:
    """Return the row of the real ledger in the words of the model."""
    job = WarmJob.objects.using(using).annotate(now=Now()).first()
    if job is None:
        return None
    return Row(
        state=str(job.state),
        generation=job.generation,
        attempts=job.attempts,
        lease=int(job.lease_worker[1:]) if job.lease_until else None,
        expired=bool(job.lease_until and job.lease_until < job.now),
        due=job.due_at <= job.now,
    )


def really(name: str, subject: Subject, generation: int, worker: int) -> None:
    """Do to the real ledger what the model's transition of this name does to a row."""
    using, failures = subject.using, [Failure("", "storage", "away")]
    held = Claim(1, generation, subject, 1, False, None, f"t{worker}")
    message = {"task_id": f"t{worker}", "worker": f"w{worker}"}
    limits = {"lease_s": 3600, "max_attempts": model.MAX_ATTEMPTS}
    transitions = {
        "owe": lambda: ledger.owe(subject, "new"),
        "claim": lambda: ledger.claim(Hint(using, 1, generation), **message, **limits),
        "settle": lambda: ledger.settle(held, counted="created"),
        "postpone": lambda: ledger.postpone(held, failures, delay_s=3600),
        "give_up": lambda: ledger.give_up(held, failures),
        "hand_back": lambda: ledger.hand_back(held),
        "release": lambda: ledger.release_worker(using, f"w{worker}"),
        "retry": lambda: ledger.retry(WarmJob.objects.using(using)),
    }
    transitions[name]()


def modelled(name: str, row: Row | None, generation: int, worker: int) -> Row | None:
    match name:
        case "owe":
            return model.owe(row)
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
    """In every row that can come about, each transition of the real ledger is that of the model."""
    states = set()
    for row, generation, worker in met(name):
        subject = put(ledger_db, row)

        really(name, subject, generation, worker)

        assert read(ledger_db) == modelled(name, row, generation, worker), row
        states.add(row and row.state)
    assert states >= {None, QUEUED}
