"""A model of the ledger: a state machine small enough to visit every reachable state.

One picture, two workers. Rows and transitions mirror `workers.ledger` and are compared with it one
by one. The steps of a worker mirror `workers.worker` and `renditions.engine.warming`.

Each save replaces the content under its old name. This is the hardest case: a path does not tell
which content it holds. A deletion deletes the files too.

The model assumes that a lease outlives its process: it is longer than the hard time limit, at which
the process is killed. A rule takes this assumption away.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

QUEUED, WARMING, FAILED = "queued", "warming", "failed"
MAX_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """The guards. Each can be switched off."""

    checks_generation: bool = True  # a worker may finish only the save that it claimed
    takes_lease: bool = True  # one worker at a time
    lease_outlives_process: bool = True
    counts_before: bool = True  # the attempt, before anything is opened
    sweeps: bool = True
    deletes_stale: bool = True  # delete what was made of a picture that is gone
    enqueues_in_save: bool = True  # the row is written in the transaction of the save


ALL = Rules()


class Row(NamedTuple):
    """A row of the ledger."""

    state: str = QUEUED
    generation: int = 1
    attempts: int = 0
    lease: int | None = None  # the worker that has it
    expired: bool = False  # the lease ran out
    due: bool = True


# ---- transitions, each as `workers.ledger` has it ---------------------------------------------


def enqueue(row: Row | None) -> Row:
    if row is None:
        return Row()
    return row._replace(state=QUEUED, generation=row.generation + 1, attempts=0, due=True)


def claim(
    row: Row | None, generation: int, worker: int, rules: Rules = ALL
) -> tuple[Row | None, bool]:
    """Return the row, and whether `worker` has it."""
    if row is None or row.generation != generation or not is_claimable(row, rules):
        return row, False
    if row.attempts >= MAX_ATTEMPTS:
        return row._replace(state=FAILED, lease=None, expired=False), False
    attempts = row.attempts + rules.counts_before
    return row._replace(state=WARMING, attempts=attempts, lease=worker, expired=False), True


def is_claimable(row: Row | None, rules: Rules = ALL) -> bool:
    if row is None or row.state == FAILED or not row.due:
        return False
    return row.lease is None or row.expired or not rules.takes_lease


def holds(row: Row | None, generation: int, worker: int, rules: Rules = ALL) -> bool:
    if row is None or row.lease != worker:
        return False
    return not rules.checks_generation or (row.state, row.generation) == (WARMING, generation)


def settle(row: Row | None, generation: int, worker: int, rules: Rules = ALL) -> Row | None:
    return None if holds(row, generation, worker, rules) else row


def postpone(row: Row | None, generation: int, worker: int) -> Row | None:
    if row is None or not holds(row, generation, worker):
        return row
    return row._replace(state=QUEUED, lease=None, expired=False, due=False)


def give_up(row: Row | None, generation: int, worker: int) -> Row | None:
    if row is None or not holds(row, generation, worker):
        return row
    return row._replace(state=FAILED, lease=None, expired=False)


def release_overtaken(row: Row | None, generation: int, worker: int) -> Row | None:
    """Only after `holds` was False."""
    return release(row, worker)


def release(row: Row | None, worker: int) -> Row | None:
    if row is None or row.lease != worker:
        return row
    return row._replace(state=QUEUED, lease=None, expired=False)


def retry(row: Row | None) -> Row | None:
    if row is None or row.state != FAILED:
        return row
    return row._replace(state=QUEUED, generation=row.generation + 1, attempts=0, due=True)


# ---- the world around a row ------------------------------------------------------------------

CLAIMED, VERSIONED, OPENED, CHECKED, PUBLISHED, OVERTAKEN, CLEANED = range(7)


class Work(NamedTuple):
    """The work of one worker."""

    generation: int
    step: int = CLAIMED
    version: int = 0  # of the original, as read before it was opened
    content: int = 0  # of the original that was opened
    outstanding: tuple[int, ...] = ()  # renditions still to be made
    made: tuple[int, ...] = ()  # renditions published in this attempt


class World(NamedTuple):
    """Everything that matters at one moment."""

    row: Row | None = None
    workers: tuple[Work | None, ...] = (None, None)
    saved: int = 0  # which content is committed; 0: none yet
    deleted: bool = False
    published: tuple[int, ...] = (0, 0)  # which content each rendition shows; 0: no file
    recorded: tuple[int, ...] = (0, 0)  # of which version each record says that it is made
    messages: frozenset[int] = frozenset()  # generations that a message is on its way for
    started: int = 0  # attempts, counted apart from the row; no guard reads it
    # A worker published after the deletion and died before it could delete the file. Nothing
    # repairs this (see docs/reliability.md).
    left_behind: bool = False
    saves: int = 2  # how many are still to come
    deaths: int = 2
    failures: int = 1
    retries: int = 1
    deletions: int = 1
    losses: int = 1  # of messages


def successors(world: World, rules: Rules = ALL) -> Iterator[tuple[str, World]]:
    """Return everything that may happen next."""
    yield from _outside(world, rules)
    yield from _time(world, rules)
    for worker in range(len(world.workers)):
        yield from _of_worker(world, worker, rules)


def _outside(world: World, rules: Rules) -> Iterator[tuple[str, World]]:
    row = world.row
    if world.saves and not world.deleted:
        saved = world._replace(saved=world.saved + 1, saves=world.saves - 1)
        job = enqueue(row)
        messages = world.messages | {job.generation}
        yield "save", saved._replace(row=job, messages=messages, started=0)
        if not rules.enqueues_in_save:
            yield "save, then die", saved
    if world.deletions and world.saved and not world.deleted:
        gone = (0,) * len(world.published)
        world_without = world._replace(row=None, deleted=True, published=gone, recorded=gone)
        yield "delete", world_without._replace(deletions=world.deletions - 1)
    if world.retries and row and row.state == FAILED:
        yield "retry", world._replace(row=retry(row), retries=world.retries - 1, started=0)
    for generation in world.messages if world.losses else ():
        messages = world.messages - {generation}
        yield "lose", world._replace(messages=messages, losses=world.losses - 1)
    if rules.sweeps and row and is_claimable(row) and row.generation not in world.messages:
        yield "sweep", world._replace(messages=world.messages | {row.generation})


def _time(world: World, rules: Rules) -> Iterator[tuple[str, World]]:
    row = world.row
    if row is None:
        return
    if not row.due:
        yield "due", world._replace(row=row._replace(due=True))
    if row.lease is not None and not row.expired:
        is_dead = world.workers[row.lease] is None
        if is_dead or not rules.lease_outlives_process:
            yield "expire", world._replace(row=row._replace(expired=True))
        if is_dead:
            yield "release", world._replace(row=release(row, row.lease))


def _of_worker(world: World, worker: int, rules: Rules) -> Iterator[tuple[str, World]]:
    work = world.workers[worker]
    if work is None:
        for generation in world.messages:
            row, taken = claim(world.row, generation, worker, rules)
            after = world._replace(row=row)
            if taken:
                started = min(world.started + 1, MAX_ATTEMPTS + 1)
                after = _at(after._replace(started=started), worker, Work(generation))
            yield "deliver", after._replace(messages=world.messages - {generation})
            # The broker may deliver it again.
            yield "deliver twice", after
        return
    if world.deaths:
        left_behind = world.left_behind or bool(world.deleted and work.made)
        after = world._replace(deaths=world.deaths - 1, left_behind=left_behind)
        yield "die", _at(after, worker, None)
    yield from _working(world, worker, work, rules)


def _working(world: World, worker: int, work: Work, rules: Rules) -> Iterator[tuple[str, World]]:
    match work.step:
        case 0:
            yield _looked_up(world, worker, work, rules)
        case 1:
            yield "open", _at(world, worker, work._replace(step=OPENED, content=world.saved))
        case 2:
            yield "ask", _asked(world, worker, work, rules)
            yield from _failing(world, worker, work)
        case 3:
            yield "publish", _published(world, worker, work)
        case 4:
            yield "end", _settled(world, worker, work, rules)
        case 5:
            yield "delete_file", _cleaned(world, worker, work, rules)
        case 6:
            yield "release overtaken", _released(world, worker, work)


def _looked_up(world: World, worker: int, work: Work, rules: Rules) -> tuple[str, World]:
    if world.deleted:
        return "blank", _settled(world, worker, work, rules)
    recorded = enumerate(world.recorded)
    outstanding = tuple(number for number, version in recorded if version != world.saved)
    step = VERSIONED if outstanding else PUBLISHED
    looked_up = work._replace(step=step, version=world.saved, outstanding=outstanding)
    return "version", _at(world, worker, looked_up)


def _asked(world: World, worker: int, work: Work, rules: Rules) -> World:
    is_wanted = holds(world.row, work.generation, worker, rules)
    return _at(world, worker, work._replace(step=CHECKED if is_wanted else OVERTAKEN))


def _failing(world: World, worker: int, work: Work) -> Iterator[tuple[str, World]]:
    if not world.failures:
        return
    failed = world._replace(failures=world.failures - 1)
    if not holds(world.row, work.generation, worker):
        yield "fail too late", _at(failed, worker, work._replace(step=OVERTAKEN))
        return
    is_last = world.row is not None and world.row.attempts >= MAX_ATTEMPTS
    for name, end in (("fail for a while", postpone), ("fail for good", give_up)):
        row = (give_up if is_last else end)(world.row, work.generation, worker)
        yield name, _at(failed._replace(row=row), worker, None)


def _published(world: World, worker: int, work: Work) -> World:
    number, *rest = work.outstanding
    published, recorded = list(world.published), list(world.recorded)
    published[number], recorded[number] = work.content, work.version
    after = world._replace(published=tuple(published), recorded=tuple(recorded))
    step = OPENED if rest else PUBLISHED
    made = (*work.made, number)
    return _at(after, worker, work._replace(step=step, outstanding=tuple(rest), made=made))


def _settled(world: World, worker: int, work: Work, rules: Rules) -> World:
    if not holds(world.row, work.generation, worker, rules):
        return _at(world, worker, work._replace(step=OVERTAKEN))
    row = settle(world.row, work.generation, worker, rules)
    return _at(world._replace(row=row), worker, None)


def _cleaned(world: World, worker: int, work: Work, rules: Rules) -> World:
    if world.deleted and rules.deletes_stale:
        kept = [number not in work.made for number in range(len(world.published))]
        world = world._replace(
            published=tuple(c * k for c, k in zip(world.published, kept, strict=True)),
            recorded=tuple(v * k for v, k in zip(world.recorded, kept, strict=True)),
        )
    return _at(world, worker, work._replace(step=CLEANED))


def _released(world: World, worker: int, work: Work) -> World:
    had = world.row is not None and world.row.lease == worker
    row = release_overtaken(world.row, work.generation, worker)
    messages = world.messages | ({row.generation} if had and row else set())
    return _at(world._replace(row=row, messages=messages), worker, None)


def _at(world: World, worker: int, work: Work | None) -> World:
    workers = (*world.workers[:worker], work, *world.workers[worker + 1 :])
    return world._replace(workers=workers)


# ---- what must hold ----------------------------------------------------------------------------


def complaint(world: World) -> str:
    """Return which promise is broken, or nothing."""
    row = world.row
    if world.started > MAX_ATTEMPTS:
        return "one attempt too many was started"
    at_work = [work for work in world.workers if work and VERSIONED <= work.step <= PUBLISHED]
    if len(at_work) > 1:
        return "two workers have the picture open"
    if row is not None:
        return _complaint_of(row, world)
    if not world.deleted and set(world.published) != {world.saved}:
        return "there is no job, and a rendition is not of this picture"
    if not world.deleted and set(world.recorded) != {world.saved}:
        return "there is no job, and a record is not of this picture"
    is_over = world.deleted and not any(world.workers) and not world.left_behind
    return "a deleted picture left a rendition" if is_over and any(world.published) else ""


def _complaint_of(row: Row, world: World) -> str:
    if row.state == WARMING and row.lease is None:
        return "warming without a lease"
    if row.state == FAILED and row.lease is not None:
        return "failed and leased"
    return "a job for a deleted instance" if world.deleted else ""


class Walk:
    """Every world that can come of `start`, each with how it came about.

    Args:
        stop: Go no further than the first world with a complaint.
    """

    def __init__(self, start: World, rules: Rules = ALL, *, stop: bool = False) -> None:
        self.rules = rules
        self.origins: dict[World, tuple[World, str] | None] = {start: None}
        self.broken: dict[World, str] = {}
        self._rests: dict[World, World] = {}
        waiting = deque([start])
        while waiting and not (stop and self.broken):
            world = waiting.popleft()
            for event, after in successors(world, rules):
                if after not in self.origins:
                    self.origins[after] = (world, event)
                    waiting.append(after)
                    if wrong := complaint(after):
                        self.broken[after] = wrong

    def story(self, world: World) -> str:
        """Return what led to `world`, in the fewest events."""
        events = []
        while origin := self.origins[world]:
            world, event = origin
            events.append(event)
        return " > ".join(reversed(events))

    def at_rest(self, world: World) -> World:
        """Return the end of `world` if nothing more goes wrong: only time, sweeps and workers."""
        world = world._replace(
            saves=0, deaths=0, failures=0, retries=0, deletions=0, losses=0, started=0
        )
        way = []
        while world not in self._rests:
            assert world not in way, f"never at rest: {world}"
            way.append(world)
            events = dict(successors(world, self.rules))
            chosen = next((name for name in HEALING if name in events), None)
            if chosen is None:
                self._rests[world] = world
            else:
                world = events[chosen]._replace(started=0)
        for passed in way:
            self._rests[passed] = self._rests[world]
        return self._rests[world]


# Events that need no mishap, in an order that comes to an end.
HEALING = (
    *("end", "publish", "ask", "open", "version", "blank", "delete_file", "release overtaken"),
    *("release", "due", "expire", "deliver", "sweep"),
)
