"""A job takes no more memory than it may, and nobody else is bound by its limit."""

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
    """What asks for more gets a MemoryError, not the kernel's killer."""
    with memory_budget(64), pytest.raises(MemoryError):
        bytearray(256 * MEGABYTE)


def test_the_limit_is_put_back():
    """The next task of this process is not bound by it, whatever became of the job."""
    before = limit()

    with pytest.raises(ZeroDivisionError), memory_budget(64):  # noqa: PT012
        assert limit()[0] != before[0]
        raise ZeroDivisionError

    assert limit() == before


def test_a_lower_limit_stays():
    """Whoever has set a lower limit for the process keeps it."""
    before = limit()
    lower = 1 << 45
    resource.setrlimit(resource.RLIMIT_AS, (lower, before[1]))
    try:
        with memory_budget(1 << 30):
            assert limit()[0] == lower
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_0_is_no_budget():
    """Then the process may grow as it likes."""
    with memory_budget(0):
        assert len(bytearray(256 * MEGABYTE)) == 256 * MEGABYTE


@pytest.mark.django_db(transaction=True)
def test_a_job_that_runs_out_of_memory_outside_of_rendering_is_postponed(picture, monkeypatch):
    """A MemoryError that left the task would take the whole worker with it."""
    person = Person.objects.create(headshot=picture())
    job = WarmJob.objects.get(object_pk=str(person.pk))

    def hungry(*args: object, **kwargs: object) -> None:
        bytearray(1 << 40)

    monkeypatch.setattr(worker, "warm_once", hungry)
    worker.run_job(ledger.Hint("default", job.pk, job.generation), "task", "worker")

    job.refresh_from_db()
    assert (job.state, job.kind, job.attempts) == (JobState.QUEUED, "memory", 1)
