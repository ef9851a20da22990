"""A broker that forgets, and a broker that dies."""

import logging
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import psutil
import pytest

from tests.app.models import Person
from tests.service.nodes import Valkey, Worker
from tests.service.waiting import wait_for
from workers.models import WarmJob

from .environment import RESEND_AFTER_S, SWEEP_EVERY_S
from .filters import SLOW
from .outcome import all_made, assert_all_made

pytestmark = pytest.mark.smoke

logger = logging.getLogger(__name__)

Save = Callable[..., Person]
Begun = Callable[[], list[int]]

# A save takes a few milliseconds; this is what a request may wait at most for the broker.
PATIENCE_S = 1.0
# `socket_timeout` of workers.conf.CELERY, and a moment.
SILENT_S = 2.0


def test_flushed_broker_loses_nothing(
    save: Save, hold: Path, begun: Begun, broker: Valkey, media: Path
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
        assert_all_made(person, media)


def test_stream_of_uploads_survives_the_death_of_everything(
    save: Save, broker: Valkey, worker: Worker, media: Path
):
    """Saves go on while worker and broker are killed; in the end all renditions are there."""
    people, longest_s = [], 0.0
    for number in range(100):
        if number == 20:
            worker.end("SIGKILL")
        if number == 40:
            worker.revive()
        if number == 60:
            worker.ready()
            main_process = worker.pid
            broker.end("SIGKILL")
        if number == 80:
            broker.revive()
        begun_at = monotonic()
        people.append(save())
        longest_s = max(longest_s, monotonic() - begun_at)
    since = monotonic()
    wait_for(lambda: all_made(*people), 30, "all are made after all")
    logger.info("recovered in %.1f s, longest save %.3f s", monotonic() - since, longest_s)

    for person in people:
        assert_all_made(person, media)
    assert longest_s < PATIENCE_S
    assert worker.pid == main_process


def test_silent_broker_holds_nobody_up(
    save: Save, broker: Valkey, worker: Worker, media: Path, settings: Any
):
    """A broker that hangs costs one save a moment, the next ones nothing, and no rendition."""
    # The cache hangs with it; here only the broker is to be seen.
    memory = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    settings.CACHES = {"default": memory}
    main_process = worker.pid
    before = save()
    wait_for(lambda: all_made(before), 10, "everything works")

    psutil.Process(broker.pid).suspend()
    times_s = []
    for _ in range(5):
        begun_at = monotonic()
        save()
        times_s.append(monotonic() - begun_at)
    psutil.Process(broker.pid).resume()
    since = monotonic()
    wait_for(lambda: not WarmJob.objects.exists(), 20, "all are made after all")
    logger.info("recovered in %.1f s, saves took %s", monotonic() - since, times_s)

    for person in Person.objects.all():
        assert_all_made(person, media)
    assert max(times_s) < SILENT_S
    assert sum(times_s) < SILENT_S + PATIENCE_S
    assert worker.pid == main_process
