"""Pictures that harm their process: a segfault, a MemoryError, an allocation beyond the budget, a
hang in C, and a SIGKILL of the worker's main process.

Each one is tried at most 4 times (in a short run twice) and then fails with its kind. All healthy
pictures are made. The main process survives all but the last.

Guards: `attempts` (the number of attempts is limited), `memory` (a MemoryError never leaves the
task, where it would end the worker).
"""

from collections import Counter

from django.core.files.base import ContentFile

from tests.chaos import witness
from tests.chaos.run import Chaos
from tests.chaos.service import Options

MAX_ATTEMPTS = (4, 2)  # in a full and in a short run
KINDS = {
    "segfault": "poison",
    "memory": "memory",
    "hungry": "memory",
    "hang": "poison",
    "kill-worker": "poison",
}


def options(*, short: bool, database: str) -> Options:
    """Short time limits, because of the picture that hangs."""
    return Options(
        workers=1 if short else 2,
        # With two processes, a healthy job that is killed twice together with the harmful one would
        # fail as poison.
        concurrency=1 if short else 2,
        settings={
            "SOFT_TIME_LIMIT_S": 2 if short else 4,
            "HARD_TIME_LIMIT_S": 3 if short else 5,
            "LEASE_S": 5 if short else 7,
            "BACKOFF_MAX_S": 1,
            "MAX_ATTEMPTS": MAX_ATTEMPTS[short],
            "JOB_MEMORY_MB": 512,
        },
    )


def run(chaos: Chaos) -> None:
    """Save the harmful pictures among healthy ones; the worst one last."""
    harmful = [_trap(chaos, kind) for kind in KINDS if kind != "kill-worker"]
    chaos.save_many(chaos.size(50, 10))
    chaos.settle(150)
    chaos.expect(
        all(worker.starts == 1 for worker in chaos.service.workers),
        "the main processes survive",
    )
    harmful.append(_trap(chaos, "kill-worker"))
    chaos.save_many(chaos.size(10, 3))
    chaos.settle(100)
    _judge(chaos, harmful)


def _trap(chaos: Chaos, kind: str):
    from tests.chaos.app.models import Trap
    from tests.chaos.app.traps import WIDTHS
    from tests.chaos.pictures import drawn

    chaos.verdict.injected += 1
    picture = ContentFile(drawn(0, WIDTHS[kind], 80), name=f"{kind}.jpg")
    return Trap.objects.create(kind=kind, image=picture)


def _judge(chaos: Chaos, traps: list) -> None:
    from workers.models import JobState, WarmJob

    begun = Counter(
        (event["model"], event["pk"])
        for event in witness.read(chaos.environment.witness)
        if event["what"] == "begin"
    )
    for trap in traps:
        times = begun["chaos.Trap", str(trap.pk)]
        job = WarmJob.objects.filter(model_label="chaos.Trap", object_pk=str(trap.pk)).first()
        chaos.note(f"{trap.kind}: {times} attempts, {job and (job.state, job.kind)}")
        most = chaos.size(*MAX_ATTEMPTS)
        chaos.expect(1 <= times <= most, f"{trap.kind} has 1 to {most} attempts")
        if job is None or job.state != JobState.FAILED or not job.error:
            chaos.verdict.lost += 1
        else:
            chaos.expect(job.kind == KINDS[trap.kind], f"{trap.kind} failed as {job.kind}")
