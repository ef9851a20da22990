"""A Redis transport whose worker survives a malformed message, and the loss of its broker.

Faults of kombu, up to and including 5.7:

- An error while a message is decoded leaves `_brpop_read` and ends the worker. Anyone with write
  access to the broker can stop all workers with a few bytes per second.
  https://github.com/celery/celery/issues/7975, https://github.com/celery/kombu/issues/1551
- A channel that is closed twice, after the broker was lost, reads the parameters of a connection
  that is gone. The `AttributeError` ends the worker; a `ConnectionError` would be ignored.
  https://github.com/celery/kombu/issues/582 (closed, not fixed)
- A channel makes a client of redis-py for each command. This is a quarter of the time that a save
  needs to send its message.

`tests/workers/test_transport.py` fails when kombu has repaired this. Then this module can go.
"""

import logging
from json import JSONDecodeError
from typing import Any

import kombu
from kombu.transport import TRANSPORT_ALIASES, redis, virtual

logger = logging.getLogger(__name__)

LAST_AFFECTED = (5, 7)  # of kombu; newer releases are used as they are
ALIASES = ("redis", "rediss")


class MalformedMessage(Exception):
    """It was taken from the broker, and cannot be read."""


class Message(virtual.Message):
    """A message that has everything that kombu reads of it later."""

    def __init__(self, payload: Any, channel: Any = None, **options: Any) -> None:
        try:
            super().__init__(payload, channel=channel, **options)
            # kombu reads both when it gives the message back to the broker.
            self.delivery_info["exchange"], self.delivery_info["routing_key"]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise MalformedMessage(f"{type(error).__name__}: {error}") from error


class Channel(redis.Channel):
    """Drops malformed messages and logs them, and keeps its client."""

    Message = Message
    _client_of_pool: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous)  # type: ignore[misc]
        if self._client_of_pool is None or self._client_of_pool.connection_pool is not self.pool:
            self._client_of_pool = super()._create_client()  # type: ignore[misc]
        return self._client_of_pool

    def _connparams(self, *args: Any, **options: Any) -> Any:
        if self.connection.client is None:
            raise ConnectionError("The connection to the broker is closed.")
        return super()._connparams(*args, **options)  # type: ignore[misc]

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]
        except (MalformedMessage, JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            logger.error("A malformed message from the broker was dropped: %r", error)
            return True


class Transport(redis.Transport):
    Channel = Channel


def install() -> None:
    """Use this transport for all new connections to Redis, if kombu is affected."""
    if is_affected(kombu.VERSION):  # type: ignore[attr-defined]
        for alias in ALIASES:
            TRANSPORT_ALIASES[alias] = f"{__name__}:Transport"


def is_affected(version: tuple[Any, ...]) -> bool:
    return tuple(version[:2]) <= LAST_AFFECTED
