"""The disk fails on open and on save, is slow, full, and forbidden; an original appears late.

What may pass is tried again, with backoff and jitter, when it is due; what cannot pass fails at
once and says why; a partial file is never seen.

The full disk is a small tmpfs, and what is forbidden are modes, for workers that are bound by
them; where neither can be had, the error is raised instead, and a note says so.

Guards: `retry` (a failure that may pass is not taken for a final one), `finality` (one that cannot
pass is), `atomic-publish` (on a full disk, too, a file is there whole or not at all).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from renditions.storage import disk as unfinished
from tests.chaos import disk, witness
from tests.chaos.run import Chaos
from tests.chaos.service import Options

BACKOFF_S, SHORTEST = 1, 0.8
DISK_MB = 16  # a picture takes 40 KB, with all of its renditions


def options(*, short: bool, database: str) -> Options:
    """Enough attempts for the longest trouble."""
    return Options(
        workers=1 if short else 2,
        pause_s=0.2 if short else 0.005,
        settings={"MAX_ATTEMPTS": 12, "BACKOFF_S": BACKOFF_S, "BACKOFF_MAX_S": 2},
        disk_mb=DISK_MB,
        before_worker=disk.bound_by_modes() or (),
    )


def run(chaos: Chaos) -> None:
    """One trouble after the other; each passes, and nobody does anything about it."""
    for trouble in (
        {"open": {"errno": "EIO", "share": 0.5}},
        {"save": {"errno": "EIO", "share": 0.3}},
        {"size": {"errno": "ETIMEDOUT", "share": 0.5}},
        {"open": {"delay_s": 0.3}, "save": {"delay_s": 0.1}},
    ):
        chaos.trouble(**trouble)
        chaos.save_many(chaos.size(20, 5))
        chaos.service.pause(chaos.size(3, 1))
        chaos.trouble()
        chaos.settle()
        chaos.verdict.injected += 1
    _full(chaos)
    _late_original(chaos)
    _attempts_were_due(chaos)
    _forbidden(chaos)


def _full(chaos: Chaos) -> None:
    """No space left, for no more than a while: nobody has to do anything but make some."""
    from workers.models import WarmJob

    pictures = chaos.save_many(chaos.size(20, 5))
    chaos.settle()
    with _no_space(chaos):
        for picture in pictures:
            picture.image.ppoi = (0.25, 0.75)
            picture.save()
        missed = WarmJob.objects.filter(error__contains="No space left on device")
        found = chaos.service.wait(missed.exists, 20, "the disk is found full")
        chaos.expect(found, "a full disk is given as the reason")
        chaos.service.pause(chaos.size(3, 1))
    chaos.verdict.injected += 1
    chaos.settle()


@contextmanager
def _no_space(chaos: Chaos) -> Iterator[None]:
    if chaos.place.media.is_mount():
        with disk.full(chaos.place.media):
            yield
    else:
        chaos.note("no tmpfs can be mounted here: ENOSPC is raised instead")
        chaos.trouble(save={"errno": "ENOSPC"})
        yield
        chaos.trouble()


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
    from workers.models import WarmJob

    with _no_permission(chaos):
        pictures = chaos.save_many(3)
        chaos.settle()
    chaos.verdict.injected += 1
    jobs = WarmJob.objects.filter(object_pk__in=[str(picture.pk) for picture in pictures])
    found = sorted(jobs.values_list("state", "kind", "attempts"))
    expected = [("failed", "denied", 1)] * len(pictures)
    chaos.expect(found == expected, f"permission denied fails at once: {found}")
    ledger.retry(jobs)
    chaos.settle()


@contextmanager
def _no_permission(chaos: Chaos) -> Iterator[None]:
    if disk.bound_by_modes() is not None:
        media = chaos.place.media
        with disk.forbidden(media / "__sized__", media / unfinished.FOLDER):
            yield
    else:
        chaos.note("modes bind no worker here: EACCES is raised instead")
        chaos.trouble(save={"errno": "EACCES"})
        yield
        chaos.trouble()


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
