"""A job uses no more memory than its budget, and its limit binds no other task."""

import sys

import pytest

from tests.app.models import Person
from workers import ledger, worker
from workers.models import JobState, WarmJob
from workers.worker import memory_budget

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems keep no such limit")

MEGABYTE = 1024**2


def limit() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_AS)


def test_a_job_cannot_grow_beyond_its_budget():
    """It gets a MemoryError instead of SIGKILL by the kernel."""
    with memory_budget(64), pytest.raises(MemoryError):
        bytearray(256 * MEGABYTE)


def test_the_limit_is_restored_after_the_job():
    """However the job ends."""
    before = limit()

    with pytest.raises(ZeroDivisionError), memory_budget(64):  # noqa: PT012
        assert limit()[0] != before[0]
        raise ZeroDivisionError

    assert limit() == before


def test_a_lower_limit_of_the_project_is_kept():
    before = limit()
    lower = 1 << 45
    resource.setrlimit(resource.RLIMIT_AS, (lower, before[1]))
    try:
        with memory_budget(1 << 30):
            assert limit()[0] == lower
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_0_is_no_budget():
    with memory_budget(0):
        assert len(bytearray(256 * MEGABYTE)) == 256 * MEGABYTE


@pytest.mark.django_db(transaction=True)
def test_a_job_that_runs_out_of_memory_outside_of_rendering_is_postponed(picture, monkeypatch):
    """Celery ends the whole worker on a MemoryError that leaves the task."""
    person = Person.objects.create(headshot=picture())
    job = WarmJob.objects.get(object_pk=str(person.pk))

    def hungry(*args: object, **kwargs: object) -> None:
        bytearray(1 << 40)

    monkeypatch.setattr(worker, "warm_without_recheck", hungry)
    worker.run_job(ledger.Hint("default", job.pk, job.generation), "task", "worker")

    job.refresh_from_db()
    assert (job.state, job.kind, job.attempts) == (JobState.QUEUED, "memory", 1)
