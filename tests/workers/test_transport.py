"""A malformed message does not end a worker, and neither does the loss of the broker."""

import json
from collections.abc import Iterator

import kombu
import pytest
from kombu import Connection, Queue
from kombu.transport import TRANSPORT_ALIASES, redis
from redis import Redis

from tests.service import servers
from workers import transport

QUEUE = "garbage-test"


@pytest.fixture(scope="module")
def broker() -> Iterator[servers.Valkey]:
    with servers.valkey() as server:
        yield server


def envelope(**changes: object) -> str:
    properties = {"delivery_tag": "1", "delivery_info": {"exchange": "", "routing_key": QUEUE}}
    message = {"body": "[]", "content-type": "application/json", "headers": {}}
    return json.dumps({**message, "properties": {**properties, **changes}})


GARBAGE = [
    "not json", "", "{}", "[]", "null", "7", b"\xff\xfe", "{" * 5000, "[" * 100_000,
    '{"properties": []}', envelope(delivery_info=None), envelope(delivery_info={}),
    envelope(body_encoding="rot13"),
]  # fmt: skip


def received_after(garbage: str | bytes, connection: Connection, broker: servers.Valkey) -> list:
    """Return the bodies that a consumer gets of a malformed message and a good one after it."""
    received: list[object] = []
    client = Redis(unix_socket_path=str(broker.socket))
    client.flushdb()
    consumer = connection.Consumer(
        Queue(QUEUE), callbacks=[lambda body, message: received.append(body)], no_ack=True
    )
    client.lpush(QUEUE, garbage, envelope())
    with consumer:
        for _ in range(20):
            if received:
                break
            try:
                connection.drain_events(timeout=1)
            except TimeoutError:
                continue
    return received


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_malformed_message_is_dropped_and_the_next_one_is_received(broker, garbage, caplog):
    with Connection(broker.broker_url()) as connection:
        assert isinstance(connection.transport, transport.Transport)

        assert received_after(garbage, connection, broker) == [[]]

    assert "A malformed message from the broker was dropped" in caplog.text


def test_closing_a_channel_twice_is_a_connection_error(broker):
    """kombu ignores errors of connections when it closes what a lost broker has left."""
    with Connection(broker.broker_url()) as connection:
        channel = connection.channel()
        channel.connection.client = None

        with pytest.raises(connection.connection_errors):
            channel._connparams()
        connection.maybe_close_channel(channel)


def test_a_channel_keeps_its_client_as_long_as_its_connections(broker):
    """After the loss of the broker, it has a new one."""
    with Connection(broker.broker_url()) as connection:
        channel = connection.channel()
        first, second = channel._create_client(), channel._create_client()
        channel._disconnect_pools()
        third = channel._create_client()

        assert first is second is not third
        assert third.ping()


# ---- when this can go --------------------------------------------------------------------------


@pytest.fixture
def unchanged(broker, monkeypatch) -> Iterator[Connection]:
    """A connection with the transport of kombu itself."""
    monkeypatch.setitem(kombu.transport._transport_cache, "redis", redis.Transport)
    with Connection(broker.broker_url()) as connection:
        assert type(connection.transport) is redis.Transport
        yield connection


def survives_garbage(connection: Connection, broker: servers.Valkey) -> bool:
    try:
        return received_after("not json", connection, broker) == [[]]
    except ValueError:
        return False


def survives_a_lost_broker(connection: Connection) -> bool:
    channel = connection.channel()
    client, channel.connection.client = channel.connection.client, None
    try:
        channel._connparams()
    except AttributeError:
        return False
    except ConnectionError:
        pass
    finally:
        channel.connection.client = client
    return True


def test_the_installed_kombu_still_needs_our_transport(unchanged, broker):
    """When this fails, kombu has been repaired, or its release is not known yet."""
    if survives_a_lost_broker(unchanged) and survives_garbage(unchanged, broker):
        pytest.fail(f"kombu {kombu.__version__} survives by itself: remove workers/transport.py.")
    assert transport.is_affected(kombu.VERSION), (
        f"kombu {kombu.__version__} is still affected: raise LAST_AFFECTED in workers/transport.py."
    )


@pytest.mark.parametrize(
    ("version", "expected"), [((5, 6, 2), True), ((5, 7, 9), True), ((5, 8, 0), False)]
)
def test_only_affected_versions_of_kombu_are_changed(monkeypatch, version, expected):
    monkeypatch.setattr(kombu, "VERSION", version)
    for alias in transport.ALIASES:
        monkeypatch.setitem(TRANSPORT_ALIASES, alias, "kombu's own")

    transport.install()

    assert (TRANSPORT_ALIASES["redis"] != "kombu's own") is expected
