"""A bulk run, step by step in this process."""

import time
from dataclasses import dataclass

from workers import runs
from workers.models import WarmRun

from .app.models import Photo


@dataclass(frozen=True, slots=True)
class Walk:
    """What the steps of one run did and took."""

    run: WarmRun
    wall_s: float
    cpu_s: float


def walk(budget_s: float = 30) -> Walk:
    """Start a run over all photos and take its steps, until it has looked at each or time is up."""
    run = runs.start(Photo._meta.get_field("image"))
    wall, cpu = time.perf_counter(), time.process_time()
    while not run.walked and time.perf_counter() - wall < budget_s:
        runs.advance("default", run.pk)
        run.refresh_from_db()
    return Walk(run, time.perf_counter() - wall, time.process_time() - cpu)


def end(run: WarmRun) -> None:
    """Delete the run with its jobs."""
    run.jobs.all().delete()
    run.delete()
