"""Brokers of tests: read what was sent to one, or send to another."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery, current_app

from workers.conf import CELERY


@contextmanager
def celery_on(broker_url: str) -> Iterator[Celery]:
    """Send everything of this thread to another broker inside the block."""
    before = current_app._get_current_object()
    app = Celery("elsewhere", broker=broker_url, config_source=CELERY, set_as_current=True)
    try:
        yield app
    finally:
        app.close()
        before.set_current()


def drain(queue: str) -> list[tuple[str, dict[str, Any]]]:
    """Take all messages out of `queue`; return the task and the arguments of each."""
    messages = []
    with current_app.connection_for_read() as connection:
        channel = connection.default_channel
        bound = current_app.amqp.queues[queue].bind(channel)
        bound.declare()
        while message := bound.get(no_ack=True):
            messages.append((message.headers["task"], message.decode()[1]))
    return messages
