"""A Redis transport whose worker survives what is no message, and the end of its broker.

kombu's own lets the error of an unreadable message end the worker, once for each such message:
whoever can write to the broker could keep all workers down with a few bytes a second.
"""

import logging
from json import JSONDecodeError
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis, virtual

logger = logging.getLogger(__name__)

ALIASES = ("redis", "rediss")


class NotAMessage(Exception):
    """It was taken from the broker, and no worker can know what it means."""


class Message(virtual.Message):
    """A message that has all that kombu needs to take it into account."""

    def __init__(self, payload: Any, channel: Any = None, **options: Any) -> None:
        try:
            super().__init__(payload, channel=channel, **options)
            # Without these it could not be given back to the broker.
            self.delivery_info["exchange"], self.delivery_info["routing_key"]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise NotAMessage(f"{type(error).__name__}: {error}") from error


class Channel(redis.Channel):
    """Drops what is no message, and says so."""

    Message = Message

    def _connparams(self, *args: Any, **options: Any) -> Any:
        if self.connection.client is None:
            # kombu 5.7 comes here when it closes, for the second time, what a broker that died has
            # left: it passes over errors of connections, and a worker ends with any other.
            raise ConnectionError("The connection to the broker is closed.")
        return super()._connparams(*args, **options)  # type: ignore[misc]

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]
        except (NotAMessage, JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            logger.error("What came from the broker is no message and was dropped: %r", error)
            return True


class Transport(redis.Transport):
    """What kombu takes for `redis://` and its like once `install` was called."""

    Channel = Channel


def install() -> None:
    """Use it for every connection to Redis that this process opens from now on."""
    for alias in ALIASES:
        TRANSPORT_ALIASES[alias] = f"{__name__}:Transport"
