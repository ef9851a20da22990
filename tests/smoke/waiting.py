"""Waiting for what must come, no longer than it takes."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.02


def wait_for(condition: Callable[[], T], within_s: float, what: str) -> T:
    """Return the first true answer of `condition`, or fail by saying that `what` did not come."""
    deadline = time.monotonic() + within_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"Not within {within_s:g} s: {what}."
        time.sleep(POLL_S)
    return answer
