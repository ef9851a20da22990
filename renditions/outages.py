"""Something that does not answer is said once, and once when it answers again: not per picture."""

import logging
import threading
import time
from typing import ClassVar
from weakref import WeakSet


class Outage:
    """Whether one thing outside of this process is away, as far as this process knows.

    The first failure is a WARNING, and what follows is silent until `ended`, which is an INFO.
    """

    # For tests, which must not depend on each other.
    all_on: ClassVar["WeakSet[Outage]"] = WeakSet()

    def __init__(
        self, logger: logging.Logger, name: str, *, part_of: "Outage | None" = None
    ) -> None:
        """Begin without an outage.

        Args:
            name: What may be away, for the field `rendition_outage` of the lines in the log.
            part_of: While this one is on, `began` says nothing: it is the same fault.
        """
        self._logger = logger
        self._name = name
        self._part_of = part_of
        self._lock = threading.Lock()
        self._since: float | None = None

    @property
    def is_on(self) -> bool:
        return self._since is not None

    def began(self, message: str, *args: object) -> None:
        """Say `message`, unless it was said since the last end."""
        if self._part_of and self._part_of.is_on:
            return
        with self._lock:
            was_on, self._since = self.is_on, self._since or time.monotonic()
        if not was_on:
            self.all_on.add(self)
            extra = {"rendition_outage": self._name, "rendition_state": "away"}
            self._logger.warning(message, *args, extra=extra)

    def forget(self) -> None:
        """End without a word."""
        self._since = None

    def ended(self, message: str) -> None:
        """Say `message`, with the seconds as its argument, if `began` was called before."""
        # Each success comes here: without the lock, because nothing is away.
        if self._since is None:
            return
        with self._lock:
            since, self._since = self._since, None
        if since is not None:
            seconds = time.monotonic() - since
            extra = {
                "rendition_outage": self._name,
                "rendition_state": "back",
                "rendition_seconds": round(seconds, 3),
            }
            self._logger.info(message, seconds, extra=extra)
