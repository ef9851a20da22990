"""Workers that are killed or stopped in the middle of jobs."""

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
from .filters import SLOW
from .outcome import all_made, assert_all_made, jobs_of

pytestmark = pytest.mark.smoke

logger = logging.getLogger(__name__)

Save = Callable[..., Person]
Begun = Callable[[], list[int]]
Start = Callable[[], Worker]
Recovered = Callable[[list[Person], float], None]

# Celery notices killed pool processes every 5 s.
NOTICED_S = 5.5


def test_killed_child_loses_nothing(
    save: Save,
    hold: Path,
    begun: Begun,
    worker: Worker,
    environment: Environment,
    recovered: Recovered,
):
    """The job of a killed pool process is done by another one, before its lease ends."""
    person = save(SLOW)
    (child,) = wait_for(begun, 10, "the job has begun")
    main_process = worker.pid

    os.kill(child, signal.SIGKILL)
    hold.unlink()
    recovered([person], NOTICED_S + BACKOFF_S + SWEEP_EVERY_S + 2)

    assert_all_made(person, environment.media)
    assert len(begun()) == 2
    assert worker.pid == main_process
    assert child not in worker.children
    # A child closes its own connection after each task. One inherited by fork would stay open.
    wait_for(lambda: not _open_databases(worker, environment), 5, "no child has a connection")


def test_killed_worker_loses_nothing(
    save: Save, hold: Path, begun: Begun, worker: Worker, media: Path, recovered: Recovered
):
    """A killed worker that is started again does its interrupted jobs at once."""
    people = [save(SLOW), *(save() for _ in range(5))]
    wait_for(begun, 10, "a job has begun")

    worker.end("SIGKILL")
    hold.unlink()
    worker.restart()
    # Without the hand-over, it would be the lease: 90 s.
    recovered(people, 15)

    for person in people:
        assert_all_made(person, media)


def test_worker_that_never_comes_back_loses_nothing(
    save: Save, hold: Path, begun: Begun, worker: Worker, media: Path, start_another: Start
):
    """When a whole machine is lost, another worker takes its job as soon as the lease ends."""
    person = save(SLOW)
    wait_for(begun, 10, "the job has begun")
    worker.end("SIGKILL")
    hold.unlink()
    start_another()
    bystander = save()
    wait_for(lambda: all_made(bystander), 10, "the other worker works")
    assert len(begun()) == 2, "another worker took the job before its lease ended"

    # Shorten the lease, instead of waiting for its end.
    assert jobs_of(person).update(lease_until=Now() + timedelta(seconds=1)) == 1
    wait_for(lambda: all_made(person), 1 + SWEEP_EVERY_S + 3, "the other worker takes the job")

    assert_all_made(person, media)


def test_warm_shutdown_finishes_running_jobs(
    save: Save, hold: Path, begun: Begun, worker: Worker, media: Path, start_another: Start,
    recovered: Recovered,
):  # fmt: skip
    """After SIGTERM, a worker finishes its running jobs and leaves the others to another worker."""
    people = [save(SLOW), save(SLOW)]
    wait_for(lambda: len(begun()) == 2, 10, "both children are busy")
    people += [save() for _ in range(8)]
    children = set(worker.children)

    worker.kill("SIGTERM")
    wait_for(lambda: "Warm shutdown" in worker.logs(), 5, "the worker has the signal")
    assert jobs_of(*people).count() == len(people)
    start_another()
    wait_for(lambda: all_made(*people[2:]), 5, "the other worker does the rest")
    hold.unlink()
    recovered(people, 5)
    worker.end("SIGTERM")

    assert begun()[:2] == [pid for pid in begun() if pid in children], "a job was begun twice"
    assert len(begun()) == len(people)
    for person in people:
        assert_all_made(person, media)


def test_cold_shutdown_hands_over_running_jobs(
    save: Save, hold: Path, begun: Begun, worker: Worker, beat: Beat, media: Path,
    start_another: Start, recovered: Recovered,
):  # fmt: skip
    """After SIGQUIT, another worker does at once the jobs that were cut off."""
    people = [save(SLOW)]
    (child,) = wait_for(begun, 10, "a job has begun")
    assert child in worker.children
    start_another()
    # Without beat, so that no sweep of the schedule sends the job.
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
    """A function that waits for all renditions of some people, and logs how long it took."""

    def wait(people: list[Person], within_s: float) -> None:
        assert within_s < LEASE_S
        since = monotonic()
        wait_for(lambda: all_made(*people), within_s, "all renditions are made")
        logger.info("recovered in %.1f s", monotonic() - since)

    return wait


def _open_databases(worker: Worker, environment: Environment) -> list[str]:
    return [
        file.path
        for child in worker.children
        for file in psutil.Process(child).open_files()
        if file.path.startswith(environment.database)
    ]
