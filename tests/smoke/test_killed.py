"""Workers that are killed or stopped with work in hand."""

import logging
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import monotonic

import psutil
import pytest
from django.db.models.functions import Now

from tests.app.models import Person
from tests.service.nodes import Beat, Worker
from tests.service.waiting import wait_for

from .environment import BACKOFF_S, LEASE_S, SWEEP_EVERY_S, Environment
from .filters import SLOW, TORN, TORN_AFTER_BYTES, TORN_ONCE
from .outcome import all_made, assert_all_made, jobs_of, rendition_files

pytestmark = pytest.mark.smoke

logger = logging.getLogger(__name__)

Save = Callable[..., Person]
Begun = Callable[[], list[int]]
Start = Callable[[], Worker]
Recovered = Callable[[list[Person], float], None]

# Celery looks for children that were killed every 5 s.
NOTICED_S = 5.5


def test_killed_child_loses_nothing(
    save: Save,
    hold: Path,
    begun: Begun,
    worker: Worker,
    environment: Environment,
    recovered: Recovered,
):
    """The job of a child that was killed is done by another, without waiting for the lease."""
    person = save(SLOW)
    (child,) = wait_for(begun, 10, "the job is begun")
    main_process = worker.pid

    os.kill(child, signal.SIGKILL)
    hold.unlink()
    recovered([person], NOTICED_S + BACKOFF_S + SWEEP_EVERY_S + 2)

    assert_all_made(person, environment.media)
    assert len(begun()) == 2
    assert worker.pid == main_process
    assert child not in worker.children
    # One of its own is closed after each task; its parent's would stay.
    wait_for(lambda: not _open_databases(worker, environment), 5, "no child has a connection")


def test_process_killed_as_it_writes_leaves_no_half_file(
    save: Save, folder: Path, media: Path, recovered: Recovered
):
    """Under its own name a rendition is whole or not there, whenever its maker dies."""
    before = rendition_files(media)
    person = save(TORN)
    wait_for((folder / TORN_ONCE).exists, 10, "the process is about to write")
    paths = [media / plan.path for plan in person.headshot.plans()]

    def unfinished() -> list[Path]:
        assert not any(path.exists() for path in paths)
        return [file for file in media.rglob("*") if _size(file) == TORN_AFTER_BYTES]

    wait_for(unfinished, 5, "the process died as it wrote")
    recovered([person], NOTICED_S + BACKOFF_S + SWEEP_EVERY_S + 2)

    assert_all_made(person, media)
    made = {plan.path for plan in person.headshot.plans()}
    assert rendition_files(media) - before == made


def test_killed_worker_loses_nothing(
    save: Save, hold: Path, begun: Begun, worker: Worker, media: Path, recovered: Recovered
):
    """A worker that is started again under its name takes up at once what it had in hand."""
    people = [save(SLOW), *(save() for _ in range(5))]
    wait_for(begun, 10, "a job is begun")

    worker.end("SIGKILL")
    hold.unlink()
    worker.restart()
    recovered(people, 3)

    for person in people:
        assert_all_made(person, media)


def test_worker_that_never_comes_back_loses_nothing(
    save: Save, hold: Path, begun: Begun, worker: Worker, media: Path, start_another: Start
):
    """When a whole machine is gone, another takes its job over as soon as the lease is out."""
    person = save(SLOW)
    wait_for(begun, 10, "the job is begun")
    worker.end("SIGKILL")
    hold.unlink()
    start_another()
    bystander = save()
    wait_for(lambda: all_made(bystander), 10, "the other worker works")
    assert len(begun()) == 2, "the lease is respected"

    # Instead of waiting for it.
    assert jobs_of(person).update(lease_until=Now() + timedelta(seconds=1)) == 1
    wait_for(lambda: all_made(person), 1 + SWEEP_EVERY_S + 3, "the job is taken over")

    assert_all_made(person, media)


def test_warm_shutdown_ends_what_is_in_hand(
    save: Save, hold: Path, begun: Begun, worker: Worker, media: Path, start_another: Start,
    recovered: Recovered,
):  # fmt: skip
    """SIGTERM under load: jobs in hand are done to their end, the rest is somebody else's."""
    people = [save(SLOW), save(SLOW)]
    wait_for(lambda: len(begun()) == 2, 10, "both children are busy")
    people += [save() for _ in range(8)]
    children = set(worker.children)

    worker.kill("SIGTERM")
    wait_for(lambda: "Warm shutdown" in worker.logs(), 5, "the worker is told")
    assert jobs_of(*people).count() == len(people)
    start_another()
    wait_for(lambda: all_made(*people[2:]), 5, "the rest is done meanwhile")
    hold.unlink()
    recovered(people, 5)
    worker.end("SIGTERM")

    assert begun()[:2] == [pid for pid in begun() if pid in children], "each was begun once"
    assert len(begun()) == len(people)
    for person in people:
        assert_all_made(person, media)


def test_cold_shutdown_hands_over_what_is_in_hand(
    save: Save, hold: Path, begun: Begun, worker: Worker, beat: Beat, media: Path,
    start_another: Start, recovered: Recovered,
):  # fmt: skip
    """SIGQUIT under load: what is not done in time is cut off, and taken up at once by another."""
    people = [save(SLOW)]
    (child,) = wait_for(begun, 10, "a job is begun")
    assert child in worker.children
    start_another()
    # A sweep that comes by chance would prove nothing.
    beat.end("SIGKILL")
    people += [save() for _ in range(8)]

    worker.end("SIGQUIT")
    assert jobs_of(people[0]).exists()
    hold.unlink()
    recovered(people, 5)

    for person in people:
        assert_all_made(person, media)


@pytest.fixture
def recovered() -> Recovered:
    """Wait until all of some people's renditions are made, and note how long it took."""

    def wait(people: list[Person], within_s: float) -> None:
        assert within_s < LEASE_S
        since = monotonic()
        wait_for(lambda: all_made(*people), within_s, "all renditions are made after all")
        logger.info("recovered in %.1f s", monotonic() - since)

    return wait


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _open_databases(worker: Worker, environment: Environment) -> list[str]:
    return [
        file.path
        for child in worker.children
        for file in psutil.Process(child).open_files()
        if file.path.startswith(environment.database)
    ]
