"""Wait for a condition instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.02


class NotInTime(AssertionError):
    """A condition did not become true in time."""


def wait_for(
    condition: Callable[[], T], within_s: float, what: str, *, every_s: float = POLL_S
) -> T:
    """Return the first true result of `condition`.

    Raises:
        NotInTime: there was none within `within_s`; the message names `what`.
    """
    deadline = time.monotonic() + within_s
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise NotInTime(f"Not within {within_s:g} s: {what}.")
        time.sleep(every_s)
    return result
