"""One request at a time makes a rendition, and few renditions are made at once.

There are two layers. Inside a process, threads wait for each other in memory. Processes exclude
each other by entries in the cache of the records, because only one of them can add an entry. If
the cache does not answer, only the first layer holds: a rendition is then made once in each
process, which costs time and breaks nothing.
"""

import functools
import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto
from threading import BoundedSemaphore, Event, Lock
from typing import Self

from renditions.errors import StoreUnavailable
from renditions.records.cache import call_cache

# An entry ends after this time, because its owner may have died. It is longer than any rendition
# should take. A rendition that takes longer may be made twice.
HELD_S = 60
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment at which a request no longer waits."""

    at: float  # by the monotonic clock

    @classmethod
    def after(cls, seconds: float) -> Self:
        return cls(time.monotonic() + seconds)

    @property
    def left_s(self) -> float:
        return max(0.0, self.at - time.monotonic())


class Turn(Enum):
    """The result of asking for the right to make something."""

    MINE = auto()  # it is held until the end of the block
    AFTER = auto()  # another one had it, and has ended: look at what it made
    LATE = auto()  # another one still has it at the deadline


@contextmanager
def turn(name: str, deadline: Deadline, held_s: int = HELD_S) -> Iterator[Turn]:
    """Get the right to make `name`, or wait until the owner of this right has ended.

    Args:
        held_s: The right ends after this time if this process dies.
    """
    ended = Event()
    with _guard:
        other = _flights.setdefault(name, ended)
    if other is not ended:
        yield Turn.AFTER if other.wait(deadline.left_s) else Turn.LATE
        return
    try:
        with _entry(_key("flight", name), held_s) as is_mine:
            if is_mine:
                yield Turn.MINE
                return
        # Only this thread of the process asks the cache again and again.
        yield _when_free(_key("flight", name), deadline)
    finally:
        with _guard:
            del _flights[name]
        ended.set()


@contextmanager
def seat(count: int, deadline: Deadline, held_s: int = HELD_S) -> Iterator[bool]:
    """Take one of `count` seats that all processes share. False: none is free until the deadline.

    Args:
        held_s: The seat is free again after this time if this process dies.
    """
    seats_here = _seats_here(count)
    if not seats_here.acquire(timeout=deadline.left_s):
        yield False
        return
    try:
        with _seat_of_all(count, deadline, held_s) as is_taken:
            yield is_taken
    finally:
        seats_here.release()


@contextmanager
def _seat_of_all(count: int, deadline: Deadline, held_s: int) -> Iterator[bool]:
    while True:
        for number in range(count):
            with _entry(_key("seat", str(number)), held_s) as is_mine:
                if is_mine:
                    yield True
                    return
        if not deadline.left_s:
            yield False
            return
        time.sleep(min(POLL_S, deadline.left_s))


def _when_free(key: str, deadline: Deadline) -> Turn:
    while deadline.left_s:
        if _text_at(key) is None:
            return Turn.AFTER
        time.sleep(min(POLL_S, deadline.left_s))
    return Turn.LATE


@contextmanager
def _entry(key: str, held_s: int) -> Iterator[bool]:
    """Add an entry to the cache, and delete it at the end. False: another one has it."""
    token = secrets.token_hex(8)
    try:
        is_mine = call_cache(lambda cache: cache.add(key, token, timeout=held_s))
    except StoreUnavailable:
        # The cache must not stop what it cannot count.
        yield True
        return
    try:
        yield is_mine
    finally:
        # After `held_s`, another process can have the entry.
        if is_mine and _text_at(key) == token:
            with suppress(StoreUnavailable):
                call_cache(lambda cache: cache.delete(key))


def _text_at(key: str) -> str | None:
    try:
        text: str | None = call_cache(lambda cache: cache.get(key))
    except StoreUnavailable:
        return None
    return text


def _key(kind: str, name: str) -> str:
    # A digest, because caches restrict their keys.
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=15)
    return f"rendition-{kind}:{digest.hexdigest()}"


@functools.cache
def _seats_here(count: int) -> BoundedSemaphore:
    return BoundedSemaphore(count)


_guard = Lock()
# What threads of this process are making, or wait for in another process.
_flights: dict[str, Event] = {}
