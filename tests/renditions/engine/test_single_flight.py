"""One at a time, and few at once, across threads and processes."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import caches

from renditions.engine import single_flight
from renditions.engine.single_flight import Deadline, Turn, seat, turn
from renditions.records.cache import call_cache
from tests.service.processes import PYTHON, Process, inherited, logged
from tests.service.servers import Valkey
from tests.service.waiting import wait_for

SOON, AT_ONCE = 10, 0

# Another process that takes a turn or a seat, and keeps it until it is told to end.
OTHER = """
import signal, sys, threading
import django
from django.conf import settings
django.setup()
settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache",
                               "LOCATION": sys.argv[1]}}
from renditions.engine import single_flight
from renditions.engine.single_flight import Deadline, seat, turn
ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
held_s = int(sys.argv[3])
take = seat(1, Deadline.after(0), held_s) if sys.argv[2] == "seat" else (
    turn(sys.argv[2], Deadline.after(0), held_s))
with take as got:
    print("took", got, flush=True)
    ended.wait()
"""


@pytest.fixture
def shared(settings, valkey: Valkey) -> Iterator[str]:
    """A cache that processes share; give its address."""
    address = valkey.cache_url(database=7)
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": address}}
    caches["default"].clear()
    yield address
    caches["default"].clear()


def other(tmp_path: Path, address: str, what: str, held_s: int = 60) -> Process:
    """Start another process that holds a turn or a seat."""
    process = Process(
        [PYTHON, "-c", OTHER, address, what, str(held_s)],
        tmp_path / "other.log",
        environment=inherited(DJANGO_SETTINGS_MODULE="tests.settings"),
        is_ready=logged("took"),
    )
    return process.wait_until_ready()


def asked(name: str, wait_s: float = AT_ONCE) -> Turn:
    """Return which turn this thread gets."""
    with turn(name, Deadline.after(wait_s)) as which:
        return which


def entries() -> list[bytes]:
    """Return the keys of all turns and seats in the cache."""
    return call_cache(lambda cache: cache._cache.get_client(None).keys("*rendition-*"))


def test_the_first_one_has_the_turn(shared):
    """It is free again at the end of the block, and no entry stays in the cache."""
    assert [asked("a"), asked("a")] == [Turn.MINE, Turn.MINE]
    assert entries() == []


def test_an_error_ends_the_turn(shared):
    """The next one need not wait until it expires."""
    with pytest.raises(ZeroDivisionError), turn("a", Deadline.after(0)):
        raise ZeroDivisionError

    assert asked("a") is Turn.MINE


def test_other_threads_wait_for_it(shared):
    """Each thread that came meanwhile goes on as soon as the first one ends."""
    found: list[Turn] = []
    with turn("a", Deadline.after(0)) as first:
        assert first is Turn.MINE
        assert asked("a") is Turn.LATE
        assert asked("b") is Turn.MINE
        threads = [
            threading.Thread(target=lambda: found.append(asked("a", SOON))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        ended = single_flight._flights["a"]._cond  # type: ignore[attr-defined]
        wait_for(lambda: len(ended._waiters) == 8, SOON, "all threads wait")
        assert found == []
    for thread in threads:
        thread.join(SOON)

    assert found == [Turn.AFTER] * 8


def test_other_processes_wait_for_it(shared, tmp_path):
    """A process that has the turn makes this one wait; after its end, this one goes on."""
    with other(tmp_path, shared, "a") as process:
        assert asked("a") is Turn.LATE
        assert asked("b") is Turn.MINE
        process.send(signal.SIGTERM)
        assert asked("a", SOON) is Turn.AFTER

    assert asked("a") is Turn.MINE


def test_a_killed_process_frees_its_turn(shared, tmp_path):
    """It cannot say that it has ended, so its time must be over."""
    process = other(tmp_path, shared, "a", held_s=2)
    process.end(signal.SIGKILL)
    assert asked("a") is Turn.LATE

    assert asked("a", SOON) is Turn.AFTER
    assert asked("a") is Turn.MINE


def test_a_late_one_leaves_the_turn_of_another(shared):
    """If it takes longer than its time, another one has the turn, and keeps it."""
    with turn("a", Deadline.after(0), held_s=1):
        (key,) = entries()
        wait_for(lambda: not entries(), SOON, "the time of the turn is over")
        call_cache(lambda cache: cache._cache.get_client(None).set(key, "1"))

    assert entries() == [key]


def test_seats_are_counted_across_processes(shared, tmp_path):
    """The seats of another process count, until it ends."""
    with other(tmp_path, shared, "seat") as process:
        with seat(1, Deadline.after(0)) as is_taken:
            assert not is_taken
        with seat(2, Deadline.after(0)) as is_taken:
            assert is_taken
        process.send(signal.SIGTERM)
        with seat(1, Deadline.after(SOON)) as is_taken:
            assert is_taken

    assert entries() == []


def test_a_killed_process_frees_its_seat(shared, tmp_path):
    """Otherwise each kill would leave one seat less."""
    other(tmp_path, shared, "seat", held_s=2).end(signal.SIGKILL)

    with seat(1, Deadline.after(SOON)) as is_taken:
        assert is_taken


@pytest.fixture
def without_cache(settings) -> None:
    """A cache that does not answer."""
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "redis://127.0.0.1:1"}}
    yield
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


@pytest.mark.usefixtures("without_cache")
def test_threads_exclude_each_other_without_the_cache():
    """The layer inside of the process holds by itself."""
    found: list[object] = []

    def look() -> None:
        found.append(asked("a"))
        with seat(1, Deadline.after(0)) as is_taken:
            found.append(is_taken)

    with turn("a", Deadline.after(0)) as which, seat(1, Deadline.after(0)) as is_taken:
        assert (which, is_taken) == (Turn.MINE, True)
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(SOON)

    assert found == [Turn.LATE, False]
