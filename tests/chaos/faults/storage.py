"""The disk fails, is slow, is full, and forbids writing; an original appears late.

A temporary failure is tried again when it is due, with backoff and jitter. A permanent one fails at
once with its reason. No half-written file is ever seen.

The full disk is a small tmpfs, and writing is forbidden by file modes. Where this machine allows
neither, the same error is raised instead, and a note says so.

Guards: `retry` (a temporary failure is not final), `finality` (a permanent one is),
`atomic-publish` (a file is complete or absent, also on a full disk).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from renditions.storage.disk import FOLDER
from tests.chaos import disk, witness
from tests.chaos.run import Chaos
from tests.chaos.service import Options

BACKOFF_S, SHORTEST = 1, 0.8
DISK_MB = 16  # a picture takes 40 KB, with all of its renditions


def options(*, short: bool, database: str) -> Options:
    """More attempts than the longest trouble takes."""
    return Options(
        workers=1 if short else 2,
        pause_s=0.2 if short else 0.005,
        settings={"MAX_ATTEMPTS": 12, "BACKOFF_S": BACKOFF_S, "BACKOFF_MAX_S": 2},
        disk_mb=DISK_MB,
        before_worker=disk.bound_by_modes() or (),
    )


def run(chaos: Chaos) -> None:
    """Make one trouble after the other; the service must recover by itself."""
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
    """Fill the disk for a while: jobs wait until there is space again."""
    from workers.models import WarmJob

    pictures = chaos.save_many(chaos.size(20, 5))
    chaos.settle()
    with _no_space(chaos):
        for picture in pictures:
            picture.image.ppoi = (0.25, 0.75)
            picture.save()
        missed = WarmJob.objects.filter(detail__contains="No space left on device")
        found = chaos.service.wait(missed.exists, 20, "a job finds the disk full")
        chaos.expect(found, "the reason is a full disk")
        chaos.service.pause(chaos.size(3, 1))
    chaos.verdict.injected += 1
    chaos.settle()


@contextmanager
def _no_space(chaos: Chaos) -> Iterator[None]:
    if chaos.environment.media.is_mount():
        with disk.full(chaos.environment.media):
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
    """Forbid writing: jobs fail at once, and succeed when it is allowed and they are retried."""
    from workers import ledger
    from workers.models import WarmJob

    with _no_permission(chaos):
        pictures = chaos.save_many(3)
        chaos.settle()
    chaos.verdict.injected += 1
    jobs = WarmJob.objects.filter(object_pk__in=[str(picture.pk) for picture in pictures])
    found = sorted(jobs.values_list("state", "kind", "attempts"))
    expected = [("failed", "denied", 1)] * len(pictures)
    chaos.expect(found == expected, f"a forbidden write fails at once: {found}")
    ledger.retry(jobs)
    chaos.settle()


@contextmanager
def _no_permission(chaos: Chaos) -> Iterator[None]:
    if disk.bound_by_modes() is not None:
        media = chaos.environment.media
        with disk.forbidden(media / "__sized__", media / FOLDER):
            yield
    else:
        chaos.note("modes bind no worker here: EACCES is raised instead")
        chaos.trouble(save={"errno": "EACCES"})
        yield
        chaos.trouble()


def _attempts_were_due(chaos: Chaos) -> None:
    """No attempt may come before it is due, and they may not all come at the same time."""
    ended: dict[tuple[int, int], list[dict]] = {}
    for event in witness.read(chaos.environment.witness):
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
