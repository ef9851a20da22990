"""What is no message ends no worker."""

import json
from collections.abc import Iterator

import pytest
from kombu import Connection, Queue
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


@pytest.mark.parametrize(
    "garbage",
    [
        "not json", "", "{}", "[]", "null", "7", b"\xff\xfe", "{" * 5000, "[" * 100_000,
        '{"properties": []}', envelope(delivery_info=None), envelope(delivery_info={}),
        envelope(body_encoding="rot13"),
    ],
)  # fmt: skip
def test_garbage_is_dropped_and_the_next_message_is_taken(broker, garbage, caplog):
    """A worker that gets it says so and goes on."""
    received: list[object] = []
    client = Redis(unix_socket_path=str(broker.socket))
    client.flushdb()
    with Connection(broker.broker_url()) as connection:
        assert connection.transport_cls == "redis"
        assert isinstance(connection.transport, transport.Transport)
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

    assert received == [[]]
    assert "is no message" in caplog.text


def test_a_connection_that_is_closed_already_is_no_reason_to_end(broker):
    """A worker whose broker died gives its messages back on closing, and there is nobody."""
    with Connection(broker.broker_url()) as connection:
        channel = connection.channel()
        channel.connection.client = None

        with pytest.raises(connection.connection_errors):
            channel._connparams()
        connection.maybe_close_channel(channel)
