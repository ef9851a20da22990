"""A broker that forgets, and a broker that dies."""

import logging
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from tests.app.models import Person

from .filters import SLOW
from .nodes import Valkey, Worker
from .outcome import all_made, assert_all_made
from .place import RESEND_AFTER_S, SWEEP_EVERY_S, Place
from .waiting import wait_for

logger = logging.getLogger(__name__)

Save = Callable[..., Person]
Begun = Callable[[], list[int]]

# A save takes a few milliseconds; this is what a request may wait at most for the broker.
PATIENCE_S = 1.0


def test_flushed_broker_loses_nothing(
    save: Save, hold: Path, begun: Begun, broker: Valkey, place: Place
):
    """Messages that are gone are sent again by the sweep; so is every record."""
    people = [save(SLOW), save(SLOW)]
    wait_for(lambda: len(begun()) == 2, 10, "both children are busy")
    people += [save() for _ in range(10)]
    assert broker.client.llen("renditions") > 0

    broker.client.flushall()
    hold.unlink()
    wait_for(
        lambda: all_made(*people), RESEND_AFTER_S + SWEEP_EVERY_S + 3, "all are made after all"
    )

    for person in people:
        assert_all_made(person, place.media)


def test_killed_broker_loses_nothing(save: Save, broker: Valkey, worker: Worker, place: Place):
    """Saves go on while the broker is away; when it is back, all renditions are made."""
    main_process = worker.pid
    people, longest_s = [], 0.0
    for number in range(40):
        if number == 10:
            broker.end("SIGKILL")
        if number == 30:
            broker.restart()
        begun_at = monotonic()
        people.append(save())
        longest_s = max(longest_s, monotonic() - begun_at)

    since = monotonic()
    wait_for(lambda: all_made(*people), 20, "all are made after all")
    logger.info("recovered in %.1f s, longest save %.3f s", monotonic() - since, longest_s)

    for person in people:
        assert_all_made(person, place.media)
    assert longest_s < PATIENCE_S
    assert worker.pid == main_process
