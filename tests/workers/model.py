"""The ledger as a state machine that can be walked through completely.

One picture, two workers. Rows and transitions mirror `workers.ledger` and are compared with it one
by one; what workers do between two transitions mirrors `workers.jobs` and `renditions.warming`.
All renditions of the picture are one here, and each save replaces the content under its old name,
which is the hardest case: a path says nothing about whose content lies there.
"""

from collections.abc import Iterator
from typing import NamedTuple

QUEUED, WARMING, FAILED = "queued", "warming", "failed"
MAX_ATTEMPTS = 2


class Row(NamedTuple):
    """A row of the ledger."""

    state: str = QUEUED
    generation: int = 1
    attempts: int = 0
    lease: int | None = None  # the worker that has it
    expired: bool = False  # the lease ran out
    due: bool = True


# ---- transitions, each as `workers.ledger` has it ---------------------------------------------


def owe(row: Row | None) -> Row:
    if row is None:
        return Row()
    return row._replace(state=QUEUED, generation=row.generation + 1, attempts=0, due=True)


def claim(row: Row | None, generation: int, worker: int) -> tuple[Row | None, bool]:
    """Return the row, and whether `worker` has it."""
    if not is_claimable(row) or row is None or row.generation != generation:
        return row, False
    if row.attempts >= MAX_ATTEMPTS:
        return row._replace(state=FAILED, lease=None, expired=False), False
    attempts = row.attempts + 1
    return row._replace(state=WARMING, attempts=attempts, lease=worker, expired=False), True


def is_claimable(row: Row | None) -> bool:
    if row is None or row.state == FAILED or not row.due:
        return False
    return row.lease is None or row.expired


def holds(row: Row | None, generation: int, worker: int) -> bool:
    return row is not None and (row.state, row.generation, row.lease) == (
        WARMING, generation, worker,
    )  # fmt: skip


def settle(row: Row | None, generation: int, worker: int) -> Row | None:
    return None if holds(row, generation, worker) else row


def postpone(row: Row | None, generation: int, worker: int) -> Row | None:
    if row is None or not holds(row, generation, worker):
        return row
    return row._replace(state=QUEUED, lease=None, expired=False, due=False)


def give_up(row: Row | None, generation: int, worker: int) -> Row | None:
    if row is None or not holds(row, generation, worker):
        return row
    return row._replace(state=FAILED, lease=None, expired=False)


def hand_back(row: Row | None, generation: int, worker: int) -> Row | None:
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

CLAIMED, VERSIONED, OPENED, CHECKED, PUBLISHED = range(5)


class Work(NamedTuple):
    """What a worker is at."""

    generation: int
    step: int = CLAIMED
    version: int = 0  # of the original, as read before it was opened
    content: int = 0  # of the original that was opened


class World(NamedTuple):
    """Everything that matters at one moment."""

    row: Row | None = None
    workers: tuple[Work | None, ...] = (None, None)
    saved: int = 0  # which content is committed; 0: none yet
    deleted: bool = False
    published: int = 0  # which content the rendition shows; 0: none
    recorded: int = 0  # of which version the record says that it is made
    messages: frozenset[int] = frozenset()  # generations that a message is on its way for
    saves: int = 2  # how many are still to come
    deaths: int = 2
    failures: int = 1
    retries: int = 1
    deletions: int = 1


def successors(world: World, *, stalls: bool = False) -> Iterator[tuple[str, World]]:
    """Return everything that may happen next.

    Args:
        stalls: A lease may run out under a worker that lives on, as when its machine sleeps.
    """
    yield from _outside(world)
    yield from _time(world, stalls)
    for worker in range(len(world.workers)):
        yield from _of_worker(world, worker)


def _outside(world: World) -> Iterator[tuple[str, World]]:
    row = world.row
    if world.saves and not world.deleted:
        owed = owe(row)
        yield (
            "save",
            world._replace(
                row=owed,
                saved=world.saved + 1,
                saves=world.saves - 1,
                messages=world.messages | {owed.generation},
            ),
        )
    if world.deletions and world.saved and not world.deleted:
        yield "delete", world._replace(row=None, deleted=True, deletions=world.deletions - 1)
    if world.retries and row and row.state == FAILED:
        yield "retry", world._replace(row=retry(row), retries=world.retries - 1)
    if is_claimable(row) and row and row.generation not in world.messages:
        yield "sweep", world._replace(messages=world.messages | {row.generation})


def _time(world: World, stalls: bool) -> Iterator[tuple[str, World]]:
    row = world.row
    if row is None:
        return
    if not row.due:
        yield "due", world._replace(row=row._replace(due=True))
    if row.lease is not None and not row.expired:
        dead = world.workers[row.lease] is None
        if dead or stalls:
            yield "expire", world._replace(row=row._replace(expired=True))
        if dead:
            yield "release", world._replace(row=release(row, row.lease))


def _of_worker(world: World, worker: int) -> Iterator[tuple[str, World]]:
    work = world.workers[worker]
    if work is None:
        for generation in world.messages:
            row, taken = claim(world.row, generation, worker)
            after = world._replace(row=row)
            if taken:
                after = _at(after, worker, Work(generation))
            yield "deliver", after._replace(messages=world.messages - {generation})
            # The broker may deliver it again.
            yield "deliver twice", after
        return
    if world.deaths:
        yield "die", _at(world, worker, None)._replace(deaths=world.deaths - 1)
    yield from _working(world, worker, work)


def _working(world: World, worker: int, work: Work) -> Iterator[tuple[str, World]]:
    if work.step == CLAIMED:
        yield _looked_up(world, worker, work)
    elif work.step == VERSIONED:
        yield "open", _at(world, worker, work._replace(step=OPENED, content=world.saved))
        if world.failures:
            failed = world._replace(failures=world.failures - 1)
            yield "fail for a while", _failed(failed, worker, work, for_good=False)
            yield "fail for good", _failed(failed, worker, work, for_good=True)
    elif work.step == OPENED:
        yield _asked_whether_wanted(world, worker, work)
    elif work.step == CHECKED:
        done = world._replace(published=work.content, recorded=work.version)
        yield "publish", _at(done, worker, work._replace(step=PUBLISHED))
    else:
        yield "end", _ended(world, worker, work)


def _looked_up(world: World, worker: int, work: Work) -> tuple[str, World]:
    if world.deleted:
        return "blank", _ended(world, worker, work)
    is_current = world.recorded == world.saved
    step = PUBLISHED if is_current else VERSIONED
    return "version", _at(world, worker, work._replace(step=step, version=world.saved))


def _asked_whether_wanted(world: World, worker: int, work: Work) -> tuple[str, World]:
    if holds(world.row, work.generation, worker):
        return "check", _at(world, worker, work._replace(step=CHECKED))
    return "stop", _ended(world, worker, work)


def _ended(world: World, worker: int, work: Work) -> World:
    """Settle, or withdraw and hand back."""
    if holds(world.row, work.generation, worker):
        row = settle(world.row, work.generation, worker)
        return _at(world._replace(row=row), worker, None)
    created = work.step == PUBLISHED and work.content
    if created and world.deleted:
        world = world._replace(published=0, recorded=0)
    return _handed_back(world, worker, work)


def _failed(world: World, worker: int, work: Work, *, for_good: bool) -> World:
    if not holds(world.row, work.generation, worker):
        return _handed_back(world, worker, work)
    is_last = world.row is not None and world.row.attempts >= MAX_ATTEMPTS
    end = give_up if for_good or is_last else postpone
    return _at(world._replace(row=end(world.row, work.generation, worker)), worker, None)


def _handed_back(world: World, worker: int, work: Work) -> World:
    had = world.row is not None and world.row.lease == worker
    row = hand_back(world.row, work.generation, worker)
    messages = world.messages | ({row.generation} if had and row else set())
    return _at(world._replace(row=row, messages=messages), worker, None)


def _at(world: World, worker: int, work: Work | None) -> World:
    workers = list(world.workers)
    workers[worker] = work
    return world._replace(workers=tuple(workers))
