"""Pictures that harm whoever renders them: a segfault, a MemoryError, an allocation beyond the
budget, a hang in C, and one that kills the worker's main process.

Each is begun at most 4 times (in a short run twice) and ends as failed with its kind; healthy
pictures beside it are all made; the main process survives all but the last.

Guards: `attempts` (counted before anything is opened; without it a picture is begun for ever),
`memory` (a MemoryError never leaves the task; without it the whole worker goes down).
"""

from collections import Counter

from django.core.files.base import ContentFile

from tests.chaos import witness
from tests.chaos.run import Chaos
from tests.chaos.service import Options

MAX_ATTEMPTS = (4, 2)
KINDS = {
    "segfault": "poison",
    "memory": "memory",
    "hungry": "memory",
    "hang": "poison",
    "kill-worker": "poison",
}


def options(*, short: bool, database: str) -> Options:
    """Short limits, for the sake of the one that hangs."""
    return Options(
        workers=1 if short else 2,
        # Whoever is killed beside the worst one twice would pass for poison himself.
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
    """Let the traps wait among healthy pictures; the worst comes last."""
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
        for event in witness.read(chaos.place.witness)
        if event["what"] == "begin"
    )
    for trap in traps:
        times = begun["chaos.Trap", str(trap.pk)]
        job = WarmJob.objects.filter(model_label="chaos.Trap", object_pk=str(trap.pk)).first()
        chaos.note(f"{trap.kind}: begun {times} times, {job and (job.state, job.kind)}")
        most = chaos.size(*MAX_ATTEMPTS)
        chaos.expect(1 <= times <= most, f"{trap.kind} is begun at most {most} times")
        if job is None or job.state != JobState.FAILED or not job.error:
            chaos.verdict.lost += 1
        else:
            chaos.expect(job.kind == KINDS[trap.kind], f"{trap.kind} failed as {job.kind}")
