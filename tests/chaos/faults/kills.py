"""kill -9 at random points, pool children and whole workers mixed, while pictures are warmed.

Guards: `atomic-publish` (a rendition is renamed into its place; without it the reader sees half
files), `sweep` (lost messages are sent again; without it jobs stay owed for ever),
`unfinished-sweep` (what a killed process was writing is removed).
"""

import os
import signal

from tests.chaos import witness
from tests.chaos.run import Chaos
from tests.chaos.service import Options

IN_HAND = ("begin", "decode", "publish")


def options(*, short: bool, database: str) -> Options:
    """A job may be killed often by chance, and is no poison for that."""
    # What is left unfinished goes away when its lease would have ended.
    times = {"SOFT_TIME_LIMIT_S": 4, "HARD_TIME_LIMIT_S": 5, "LEASE_S": 6} if short else {}
    return Options(
        workers=1 if short else 2,
        pause_s=0.02 if short else 0.005,
        settings={"MAX_ATTEMPTS": 50, **times},
        hooks=("slow-disk",),
    )


def run(chaos: Chaos) -> None:
    """Kill somebody a while after each few saves."""
    kills, pictures = chaos.size(52, 5), chaos.size(200, 16)
    saved = []
    for kill in range(kills):
        while len(saved) < pictures * (kill + 1) // kills:
            saved.append(chaos.save())
        if chaos.settled():
            # The work is done before the killing is: let some of it be done again.
            again = chaos.dice.choice(saved)
            again.image.ppoi = (round(chaos.dice.random(), 3), 0.5)
            again.save()
        chaos.service.wait(lambda: _busy(chaos), 10, "somebody works")
        chaos.service.pause(chaos.dice.uniform(0, 0.15))
        _kill_one(chaos)
    chaos.settle()
    if not chaos.short:
        chaos.service.wait(lambda: _reads(chaos) >= 100_000, 60, "100,000 reads")


def _kill_one(chaos: Chaos) -> None:
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
    """Return the pool processes that have an attempt in hand."""
    last = {event["pid"]: event["what"] for event in witness.read(chaos.place.witness)}
    return [pid for pid in chaos.service.children() if last.get(pid) in IN_HAND]


def _reads(chaos: Chaos) -> int:
    from tests.chaos.service import report_of

    reads: int = report_of(chaos.service.reader_report)["reads"]
    return reads
