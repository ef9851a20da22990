"""A broker that loses its messages, dies or hangs."""

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

# A save takes a few milliseconds. It may wait this long for a broker that refuses or restarts,
MAX_SAVE_S = 1.0
# and this long for one that hangs: `socket_timeout` of workers.conf.CELERY, and a reserve.
MAX_SAVE_AT_HANGING_BROKER_S = 2.0


def test_flushed_broker_loses_nothing(
    save: Save, hold: Path, begun: Begun, broker: Valkey, media: Path
):
    """After the broker and the cache were flushed, the sweep sends every message again."""
    people = [save(SLOW), save(SLOW)]
    wait_for(lambda: len(begun()) == 2, 10, "both children are busy")
    people += [save() for _ in range(10)]
    assert broker.client.llen("renditions") > 0

    broker.client.flushall()
    hold.unlink()
    wait_for(
        lambda: all_made(*people), RESEND_AFTER_S + SWEEP_EVERY_S + 3, "all renditions are made"
    )

    for person in people:
        assert_all_made(person, media)


def test_uploads_survive_the_death_of_worker_and_broker(
    save: Save, broker: Valkey, worker: Worker, media: Path
):
    """Saves succeed while worker and broker are killed, and all their renditions are made."""
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
    wait_for(lambda: all_made(*people), 30, "all renditions are made")
    logger.info("recovered in %.1f s, longest save %.3f s", monotonic() - since, longest_s)

    for person in people:
        assert_all_made(person, media)
    assert longest_s < MAX_SAVE_S
    assert worker.pid == main_process


def test_hanging_broker_delays_only_one_save(
    save: Save, broker: Valkey, worker: Worker, media: Path, settings: Any
):
    """A broker that hangs delays one save a little and the next ones not; nothing is lost."""
    # The cache is the same server. Take another one, to see the effect of the broker alone.
    memory = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    settings.CACHES = {"default": memory}
    main_process = worker.pid
    before = save()
    wait_for(lambda: all_made(before), 10, "the first renditions are made")

    psutil.Process(broker.pid).suspend()
    times_s = []
    for _ in range(5):
        begun_at = monotonic()
        save()
        times_s.append(monotonic() - begun_at)
    psutil.Process(broker.pid).resume()
    since = monotonic()
    wait_for(lambda: not WarmJob.objects.exists(), 20, "all renditions are made")
    logger.info("recovered in %.1f s, saves took %s", monotonic() - since, times_s)

    for person in Person.objects.all():
        assert_all_made(person, media)
    assert max(times_s) < MAX_SAVE_AT_HANGING_BROKER_S
    assert sum(times_s) < MAX_SAVE_AT_HANGING_BROKER_S + MAX_SAVE_S
    assert worker.pid == main_process
