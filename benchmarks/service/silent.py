"""A broker whose queues are always full and that forgets each message.

With it, `workers.runs.advance` plans and sends no job. The one message for its next step costs
what it costs with any broker, except the way to it.
"""

from typing import Any

from kombu.transport import virtual

FULL = 10**9


class Channel(virtual.Channel):
    """Takes every message and keeps none."""

    supports_fanout = False

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        """Forget it."""

    def _size(self, queue: str) -> int:
        return FULL

    def _has_queue(self, queue: str, **kwargs: Any) -> bool:
        return True

    def _purge(self, queue: str) -> int:
        return 0


class Transport(virtual.Transport):
    """For `silent://`."""

    Channel = Channel
    driver_type = driver_name = "silent"

    def driver_version(self) -> str:
        return "0"
