"""SIGKILL at random moments, of pool processes and of whole workers, while pictures are warmed.

Guards: `atomic-publish` (a rendition is renamed to its final name when it is complete), `sweep`
(lost messages are sent again), `unfinished-sweep` (unfinished files of killed processes are
deleted).
"""

import os
import signal

from tests.chaos import witness
from tests.chaos.run import Chaos
from tests.chaos.service import Options

# The last event of a process that is in the middle of an attempt.
IN_ATTEMPT = ("begin", "decode", "publish")


def options(*, short: bool, database: str) -> Options:
    """Many attempts: a job may be killed often by chance, and must not fail as poison."""
    # Unfinished files are deleted when they are older than a lease: keep it short.
    times = {"SOFT_TIME_LIMIT_S": 4, "HARD_TIME_LIMIT_S": 5, "LEASE_S": 6} if short else {}
    return Options(
        workers=1 if short else 2,
        pause_s=0.02 if short else 0.005,
        settings={"MAX_ATTEMPTS": 50, **times},
        hooks=("slow-disk",),
    )


def run(chaos: Chaos) -> None:
    """Save a few pictures, wait a random time, kill a process; repeat."""
    kills, pictures = chaos.size(52, 5), chaos.size(200, 16)
    saved = []
    for kill in range(kills):
        while len(saved) < pictures * (kill + 1) // kills:
            saved.append(chaos.save())
        if chaos.settled():
            # All work is done already: save a picture again, so that there is more.
            again = chaos.dice.choice(saved)
            again.image.ppoi = (round(chaos.dice.random(), 3), 0.5)
            again.save()
        chaos.service.wait(lambda: _busy(chaos), 10, "a process works")
        chaos.service.pause(chaos.dice.uniform(0, 0.15))
        kill_one(chaos)
    chaos.settle()
    if not chaos.short:
        chaos.service.wait(lambda: _reads(chaos) >= 100_000, 60, "100,000 reads")


def kill_one(chaos: Chaos) -> None:
    busy = _busy(chaos)
    if busy and chaos.dice.random() < 0.7:
        victim = chaos.dice.choice(busy)
    else:
        victim = chaos.dice.choice(chaos.service.workers).pid
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        return
    chaos.verdict.injected += 1


def _busy(chaos: Chaos) -> list[int]:
    """Return the pool processes that are in the middle of an attempt."""
    last = {event["pid"]: event["what"] for event in witness.read(chaos.environment.witness)}
    return [pid for pid in chaos.service.children() if last.get(pid) in IN_ATTEMPT]


def _reads(chaos: Chaos) -> int:
    from tests.chaos.service import report_of

    reads: int = report_of(chaos.service.reader_report)["reads"]
    return reads
