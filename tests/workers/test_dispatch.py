"""Messages on a real Valkey: which are sent to which queue, and how many."""

import time

import pytest
from celery import current_app
from kombu.exceptions import OperationalError

from tests.service import servers
from tests.workers.broker import celery_on, drain
from workers import dispatch
from workers.conf import BULK_QUEUE, QUEUE
from workers.ledger import Hint


def hint(number: int, *, bulk: bool = False) -> Hint:
    return Hint("default", number, 1, bulk)


def test_an_unused_queue_has_room_for_max_queued_messages(broker):
    assert dispatch.room(QUEUE) == 1000


def test_messages_take_room(broker, settings):
    """Waiting messages reduce the room of a queue, which is never negative."""
    settings.RENDITIONS = {"WORKERS": {"MAX_QUEUED": 3}}
    for number in range(2):
        dispatch.send(hint(number))
    assert dispatch.room(QUEUE) == 1
    assert dispatch.room(BULK_QUEUE) == 3

    for number in range(5):
        dispatch.send(hint(number))
    assert dispatch.room(QUEUE) == 0

    assert len(drain(QUEUE)) == 7
    assert dispatch.room(QUEUE) == 3


def test_saves_and_bulk_runs_have_separate_queues(broker):
    """A message of a bulk run never waits in front of one of an upload."""
    dispatch.send(hint(1))
    dispatch.send(hint(2, bulk=True))

    assert [kwargs["job_id"] for _, kwargs in drain(QUEUE)] == [1]
    assert [kwargs["job_id"] for _, kwargs in drain(BULK_QUEUE)] == [2]


def test_a_message_is_small_json_with_the_time_limits(broker):
    """A message holds only ids, names and the time limits."""
    dispatch.send(hint(1))

    with current_app.connection_for_read() as connection:
        queue = current_app.amqp.queues[QUEUE].bind(connection.default_channel)
        message = queue.get(no_ack=True)

    assert message.content_type == "application/json"
    assert message.headers["timelimit"] == [75, 60]
    assert message.headers["ignore_result"] is True
    assert len(message.body) < 300


@pytest.mark.parametrize("kind", ["away", "silent"])
def test_a_broken_broker_is_an_error_within_three_seconds(kind):
    with servers.silent_server() as silent:
        port = silent if kind == "silent" else servers.unused_port()
        started = time.monotonic()
        with celery_on(f"redis://127.0.0.1:{port}/0"), pytest.raises(OperationalError):
            dispatch.room(QUEUE)
    assert time.monotonic() - started < 3


def test_asking_for_a_sweep_survives_a_broken_broker(caplog):
    """A retry in the admin and the start of a worker do not fail if the broker is away."""
    with celery_on(f"redis://127.0.0.1:{servers.unused_port()}/0"):
        dispatch.send_sweep()

    assert "The broker did not take a message" in caplog.text
