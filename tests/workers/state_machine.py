"""The ledger's state machine, small enough to be explored whole.

One picture, two workers, two renditions, three saves that replace it under its name, a deletion, a
retry. Messages may come late, twice or never; a worker may die at any step and its lease be freed
at any time after; attempts may fail.
What the model calls a step is one statement of `ledger.py`, or one publication: nothing inside of
them can be torn apart.

Time is not modelled: whatever may happen later may happen now. One assumption is made, and can be
taken away: the lease of a process that is alive does not end (it is longer than the hard time
limit, after which the process is killed).
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, TypeVar

MAX_ATTEMPTS = 3
MAX_SAVES = 3
MAX_RETRIES = 1
FILES = 2  # renditions of the picture
WORKERS = 2

T = TypeVar("T", bound=NamedTuple)

NOBODY, DEAD = -1, -2  # in place of the worker who holds the lease


class Phase(IntEnum):
    """Where a worker stands in an attempt."""

    IDLE = 0
    CLAIMED = 1  # has the lease; has read nothing
    READ = 2  # has the content of the original
    WANTED = 3  # has asked whether the next rendition is still wanted: yes
    OVERTAKEN = 4  # has been told that it is not
    DONE = 5  # has published all; has not written that down
    WITHDRAWN = 6  # overtaken, and has taken away what must not stay


class Worker(NamedTuple):
    phase: Phase = Phase.IDLE
    generation: int = 0
    content: int = 0  # that it has read
    made: int = 0  # renditions published in this attempt


class Row(NamedTuple):
    state: str  # Q, W, F
    generation: int
    attempts: int
    lease: int = NOBODY
    begun: int = 0  # what `attempts` should count; no guard looks at it


class State(NamedTuple):
    content: int = 0  # committed; 0: no instance
    files: tuple[int, ...] = (0,) * FILES  # content that each rendition shows; 0: no file
    row: Row | None = None
    workers: tuple[Worker, ...] = (Worker(),) * WORKERS
    messages: frozenset[int] = frozenset()  # generations
    saves: int = 0
    retries: int = 0
    next_generation: int = 1
    deleted: bool = False
    # A worker died between a publication after the deletion and taking it back: the one thing that
    # nobody makes up for (docs/reliability.md says so).
    left_behind: bool = False

    def with_worker(self, number: int, worker: Worker) -> "State":
        workers = (*self.workers[:number], worker, *self.workers[number + 1 :])
        return replace(self, workers=workers)


@dataclass(frozen=True, slots=True)
class Rules:
    """The guards; each can be taken out."""

    lease_outlives_process: bool = True
    checks_generation: bool = True  # a worker may finish only the save that it claimed
    takes_lease: bool = True  # one worker at a time
    counts_before: bool = True  # the attempt, before anything is opened
    sweeps: bool = True
    withdraws: bool = True  # what was made of a picture that is gone
    owes_with_save: bool = True  # the row is in the save's transaction


def replace(value: T, **changes: Any) -> T:
    return value._replace(**changes)


def steps(state: State, rules: Rules) -> Iterator[tuple[str, State]]:
    """Return all that may happen next."""
    yield from _outside(state, rules)
    for number, worker in enumerate(state.workers):
        if worker.phase is Phase.IDLE:
            yield from _deliveries(state, number, rules)
        else:
            yield from _attempt(state, number, worker, rules)
            yield "crash", _crashed(state, number)
    yield from _healing(state, rules)


def _outside(state: State, rules: Rules) -> Iterator[tuple[str, State]]:
    if state.saves < MAX_SAVES and not state.deleted:
        yield "save", _saved(state)
        if not rules.owes_with_save:
            yield "save, then die", replace(state, content=state.saves + 1, saves=state.saves + 1)
    if state.content:
        yield "delete", replace(state, content=0, row=None, files=(0,) * FILES, deleted=True)
    row = state.row
    if row and row.state == "F" and state.retries < MAX_RETRIES:
        fresh = Row("Q", state.next_generation, 0)
        yield (
            "retry",
            replace(
                state,
                row=fresh,
                retries=state.retries + 1,
                next_generation=state.next_generation + 1,
            ),
        )


def _saved(state: State) -> State:
    """The instance and its row change in one transaction; the message may get lost."""
    generation = state.next_generation
    lease = state.row.lease if state.row else NOBODY
    return replace(
        state,
        content=state.saves + 1,
        row=Row("Q", generation, 0, lease),
        messages=state.messages | {generation},
        saves=state.saves + 1,
        next_generation=generation + 1,
    )


def _deliveries(state: State, number: int, rules: Rules) -> Iterator[tuple[str, State]]:
    for generation in state.messages:
        without = replace(state, messages=state.messages - {generation})
        yield "lose", without
        # It may come again.
        for left in (without, state):
            yield "deliver", _claimed(left, number, generation, rules)


def _claimed(state: State, number: int, generation: int, rules: Rules) -> State:
    row = state.row
    if not row or row.generation != generation or row.state == "F":
        return state
    if rules.takes_lease and row.lease != NOBODY:
        return state
    if row.attempts >= MAX_ATTEMPTS:
        return replace(state, row=replace(row, state="F", lease=NOBODY))
    attempts = row.attempts + rules.counts_before
    begun = min(row.begun + 1, MAX_ATTEMPTS + 1)
    taken = replace(row, state="W", attempts=attempts, lease=number, begun=begun)
    return replace(state, row=taken).with_worker(number, Worker(Phase.CLAIMED, generation))


def _holds(state: State, number: int, worker: Worker, rules: Rules) -> bool:
    row = state.row
    if row is None:
        return False
    if not rules.checks_generation:
        return True
    return row.lease == number and row.generation == worker.generation and row.state == "W"


def _attempt(
    state: State, number: int, worker: Worker, rules: Rules
) -> Iterator[tuple[str, State]]:
    match worker.phase:
        case Phase.CLAIMED if state.content == 0:
            yield "blank", _settled(state, number, worker, rules)
        case Phase.CLAIMED:
            read = replace(worker, phase=Phase.READ, content=state.content)
            yield "read", state.with_worker(number, read)
            yield "fail", _failed(state, number, worker, rules)
        case Phase.READ:
            wanted = _holds(state, number, worker, rules)
            phase = Phase.WANTED if wanted else Phase.OVERTAKEN
            yield "ask", state.with_worker(number, replace(worker, phase=phase))
            yield "fail", _failed(state, number, worker, rules)
        case Phase.WANTED:
            yield "publish", _published(state, number, worker)
        case Phase.DONE:
            yield "settle", _settled(state, number, worker, rules)
        case Phase.OVERTAKEN:
            yield "withdraw", _withdrawn(state, number, worker, rules)
        case Phase.WITHDRAWN:
            yield "hand back", _handed_back(state, number)


def _published(state: State, number: int, worker: Worker) -> State:
    files = list(state.files)
    files[worker.made] = worker.content
    made = worker.made + 1
    phase = Phase.DONE if made == FILES else Phase.READ
    state = replace(state, files=tuple(files))
    return state.with_worker(number, replace(worker, phase=phase, made=made))


def _settled(state: State, number: int, worker: Worker, rules: Rules) -> State:
    if not _holds(state, number, worker, rules):
        return state.with_worker(number, replace(worker, phase=Phase.OVERTAKEN))
    return replace(state, row=None).with_worker(number, Worker())


def _failed(state: State, number: int, worker: Worker, rules: Rules) -> State:
    if not _holds(state, number, worker, rules):
        return state.with_worker(number, replace(worker, phase=Phase.OVERTAKEN))
    assert state.row
    attempts = state.row.attempts if rules.counts_before else 0
    outcome = "F" if attempts >= MAX_ATTEMPTS else "Q"
    row = replace(state.row, state=outcome, lease=NOBODY)
    return replace(state, row=row).with_worker(number, Worker())


def _withdrawn(state: State, number: int, worker: Worker, rules: Rules) -> State:
    files = state.files
    if state.content == 0 and rules.withdraws:
        files = tuple(0 if made < worker.made else file for made, file in enumerate(files))
    state = replace(state, files=files)
    return state.with_worker(number, replace(worker, phase=Phase.WITHDRAWN))


def _handed_back(state: State, number: int) -> State:
    row = state.row
    if row and row.lease == number:
        messages = state.messages | {row.generation}
        state = replace(state, row=replace(row, lease=NOBODY), messages=messages)
    return state.with_worker(number, Worker())


def _crashed(state: State, number: int) -> State:
    row = state.row
    if row and row.lease == number:
        state = replace(state, row=replace(row, lease=DEAD))
    if state.deleted and state.workers[number].made:
        state = replace(state, left_behind=True)
    return state.with_worker(number, Worker())


def _healing(state: State, rules: Rules) -> Iterator[tuple[str, State]]:
    row = state.row
    if row is None or row.state == "F":
        return
    ended = row.lease == DEAD or (not rules.lease_outlives_process and row.lease >= 0)
    if ended:
        yield "lease ends", replace(state, row=replace(row, lease=NOBODY, state="Q"))
    if rules.sweeps and row.lease == NOBODY and row.generation not in state.messages:
        yield "sweep", replace(state, messages=state.messages | {row.generation})


# ---- what must hold ------------------------------------------------------------------------------


def broken_promise(state: State) -> str | None:
    """Return what is wrong in `state`, whatever may still come; None: nothing."""
    row = state.row
    if row and row.begun > MAX_ATTEMPTS:
        return "an attempt too many was begun"
    idle = all(worker.phase is Phase.IDLE for worker in state.workers)
    if state.content and row is None and set(state.files) != {state.content}:
        return "nothing is owed, and a rendition is not of this picture"
    if state.deleted and row is None and idle and any(state.files) and not state.left_behind:
        return "a deleted picture left a rendition"
    busy = [w for w in state.workers if w.phase in (Phase.READ, Phase.WANTED, Phase.DONE)]
    if len(busy) == WORKERS and len({worker.generation for worker in busy}) == 1:
        return "two workers have one picture open"
    return None


def is_stuck(state: State, rules: Rules) -> bool:
    """Whether something is owed, and nothing that the service does by itself can change it."""
    if state.row is None or state.row.state == "F":
        return False
    by_itself = [
        name for name, _ in steps(state, rules) if name not in ("save", "delete", "retry", "lose")
    ]
    return not by_itself


def explore(rules: Rules, limit: int, on_state: Callable[[State], str | None]) -> "Explored":
    """Visit every state that can be reached, each once."""
    first = State()
    came_from: dict[State, tuple[str, State] | None] = {first: None}
    waiting = deque([first])
    while waiting and len(came_from) < limit:
        state = waiting.popleft()
        for name, following in steps(state, rules):
            if following in came_from:
                continue
            came_from[following] = (name, state)
            broken = on_state(following)
            if broken:
                return Explored(len(came_from), broken, _way(came_from, following))
            waiting.append(following)
    return Explored(len(came_from), None, ())


@dataclass(frozen=True, slots=True)
class Explored:
    """What an exploration came to."""

    states: int
    broken: str | None
    way: tuple[str, ...]  # the shortest way there


def _way(came_from: dict[State, tuple[str, State] | None], state: State) -> tuple[str, ...]:
    names = []
    while step := came_from[state]:
        name, state = step
        names.append(name)
    return tuple(reversed(names))
