"""The disk fails on open and on save, is slow, full, and forbidden; an original appears late.

What may pass is tried again, with backoff and jitter, when it is due; what cannot pass fails at
once and says why; a partial file is never seen.

Guard: `retry` (a failure that may pass is not taken for a final one).
"""

from itertools import pairwise
from pathlib import Path

from tests.chaos import witness
from tests.chaos.run import Chaos
from tests.chaos.service import Options

BACKOFF_S, SHORTEST = 1, 0.8


def options(*, short: bool, database: str) -> Options:
    """Enough attempts for the longest trouble."""
    return Options(
        workers=1 if short else 2,
        settings={"MAX_ATTEMPTS": 12, "BACKOFF_S": BACKOFF_S, "BACKOFF_MAX_S": 2},
    )


def run(chaos: Chaos) -> None:
    """One trouble after the other; each passes, and nobody does anything about it."""
    for trouble in (
        {"open": {"errno": "EIO", "share": 0.5}},
        {"save": {"errno": "EIO", "share": 0.3}},
        {"size": {"errno": "ETIMEDOUT", "share": 0.5}},
        {"save": {"errno": "ENOSPC"}},
        {"open": {"delay_s": 0.3}, "save": {"delay_s": 0.1}},
    ):
        chaos.trouble(**trouble)
        chaos.save_many(chaos.size(20, 5))
        chaos.service.pause(chaos.size(3, 1))
        chaos.trouble()
        chaos.settle()
        chaos.verdict.injected += 1
    _late_original(chaos)
    _attempts_were_due(chaos)
    _forbidden(chaos)


def _late_original(chaos: Chaos) -> None:
    picture = chaos.save("late.jpg")
    path = Path(picture.image.path)
    hidden = path.with_suffix(".hidden")
    chaos.settle()
    path.rename(hidden)
    picture.image.ppoi = (0.3, 0.3)
    picture.save()
    chaos.service.pause(2)
    hidden.rename(path)
    chaos.verdict.injected += 1
    chaos.settle()


def _forbidden(chaos: Chaos) -> None:
    """Permission denied: failed at once, with its kind; made when it is allowed and retried."""
    from workers import ledger
    from workers.models import JobState, WarmJob

    chaos.trouble(save={"errno": "EACCES"})
    chaos.save_many(3)
    chaos.settle()
    failed = WarmJob.objects.filter(state=JobState.FAILED)
    found = sorted(failed.values_list("kind", "attempts"))
    chaos.expect(found == [("denied", 1)] * 3, f"permission denied fails at once: {found}")
    chaos.trouble()
    chaos.verdict.injected += 1
    ledger.retry(WarmJob.objects.all())
    chaos.settle()


def _attempts_were_due(chaos: Chaos) -> None:
    """No attempt comes before its time, and not all of them at once."""
    ended: dict[tuple[int, int], list[dict]] = {}
    for event in witness.read(chaos.place.witness):
        if event["what"] in ("begin", "end"):
            ended.setdefault((event["job"], event["generation"]), []).append(event)
    waits = [
        later["at"] - earlier["at"]
        for events in ended.values()
        for earlier, later in pairwise(events)
        if earlier["what"] == "end" and later["attempt"] == earlier["attempt"] + 1
    ]
    early = [wait for wait in waits if wait < BACKOFF_S * SHORTEST - 0.1]
    chaos.expect(not early, f"{len(early)} of {len(waits)} attempts came too early")
    chaos.expect(len({round(wait, 2) for wait in waits}) > 1, "attempts are spread")
