"""How many jobs a second 1, 2, 4 and 8 worker processes do: a child process on PostgreSQL.

    python -m benchmarks.service.scale.processes FILE JOBS PROCESSES...

JOBS is for each worker process. The jobs wait in the queue before the worker starts; the time runs
while the second to the last but one tenth of them is done.
"""

import json
import logging
import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

# How often the ledger is counted and the server is asked what its processes wait for.
SAMPLE_S = 0.1
FIRST, LAST = 0.1, 0.9


def main(file: Path, jobs: int, counts: list[int]) -> None:
    """Measure each number of worker processes."""
    import django
    from django.core.management import call_command

    django.setup()
    logging.getLogger("workers").setLevel(logging.ERROR)
    import_module("benchmarks.service.celery")
    call_command("migrate", run_syncdb=True, verbosity=0)
    found = {}
    for processes in counts:
        found[processes] = _measured(processes, jobs * processes)
        file.write_text(json.dumps(found, indent=1))


def _measured(processes: int, jobs: int) -> dict[str, Any]:
    from tests.service.commands import WORKER_READY, worker
    from tests.service.processes import Process, logged

    from ..environment import Environment
    from ..object_store import reset
    from .usage import CpuTimes

    environment = Environment.of_this_process()
    _enqueue(f"{processes}", jobs)
    if environment.store_url:
        reset(environment.store_url, environment.delay_ms)
    options = ("--concurrency", str(processes))
    command = worker("benchmarks.service.celery", "scale@one", *options, checks=False)
    with (
        tempfile.TemporaryDirectory() as folder,
        Process(command, Path(folder) / "worker.log", is_ready=logged(WORKER_READY)) as started,
    ):
        started.wait_until_ready()
        _wait(jobs, FIRST)
        before, start = CpuTimes.of(started.pid, environment.store_url), time.perf_counter()
        begun = _left()
        waits, samples = _wait(jobs, LAST)
        took, done = time.perf_counter() - start, begun - _left()
        used = CpuTimes.of(started.pid, environment.store_url).minus(before)
        _wait(jobs, 1)
    if environment.store_url:
        reset(environment.store_url)
    return {
        "jobs_per_s": done / took,
        "cpu_ms_per_job": {name: 1000 * seconds / done for name, seconds in used.items()},
        "cores_used": sum(used.values()) / took,
        # Processes of the database server that do something at a moment, on average.
        "database_active": {name: n / samples for name, n in waits.most_common(4)},
    }


def _enqueue(prefix: str, count: int) -> None:
    """Store new photos and send their jobs."""
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    from workers.enqueue import enqueue_all

    from ..app.models import Photo
    from ..pictures import picture

    content = picture()
    names = [f"{prefix}/{number:05}.jpg" for number in range(count)]
    for name in names:
        default_storage.save(name, ContentFile(content))
    Photo.objects.bulk_create(Photo(title=prefix, image=name) for name in names)
    assert enqueue_all(Photo.objects.filter(title=prefix)) == count


def _left() -> int:
    from workers.models import WarmJob

    return WarmJob.objects.count()


def _wait(jobs: int, share: float) -> tuple[Counter[str], int]:
    """Wait until this share of the jobs is done; return what the server was busy with meanwhile."""
    waits: Counter[str] = Counter()
    samples = 0
    deadline = time.monotonic() + 600
    while _left() > jobs * (1 - share):
        assert time.monotonic() < deadline, f"{_left()} of {jobs} jobs are left"
        waits.update(_active())
        samples += 1
        time.sleep(SAMPLE_S)
    return waits, max(samples, 1)


def _active() -> list[str]:
    """Return what each other process of the database server does or waits for."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(wait_event_type || ' ' || wait_event, 'runs') FROM pg_stat_activity "
            "WHERE state = 'active' AND pid <> pg_backend_pid() AND datname = current_database()"
        )
        return [name for (name,) in cursor.fetchall()]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), [int(count) for count in sys.argv[3:]])
