"""One chunk of a bulk run: look at its instances, count each of them, enqueue what is outstanding.

The whole chunk is one transaction, with a handful of statements. It holds the rows that it has
inserted, so it must not wait for a row of another transaction, which may wait for one of the chunk
(deadlock). If it would wait, it is rolled back, and its instances are planned one by one: such a
transaction waits before it holds anything.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from time import monotonic
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import models, transaction
from django.db.models import F
from django.db.models.functions import Now

from renditions.engine.status import current_ones, recall
from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile
from renditions.planning.plans import RenditionPlan
from renditions.records import RenditionRecord
from renditions.storage import Storages

from . import dispatch, ledger, statements
from .conf import worker_settings
from .enqueue import can_be_retried
from .models import JobState, RunState, WarmRun
from .statements import Conflict
from .targets import JobTarget, declares_the_same, image_of, signature, target_of

# A step looks at no more instances after this share of its soft time limit, so that a slow storage
# does not cost it the counts of what it has looked at.
SHARE_OF_TIME = 0.5
# It plans no more of them after this share.
SHARE_TO_PLAN = 0.8
# Each part of a chunk that a storage is asked for has this many times the images of the last one.
GROWTH = 8
# Race: other processes may insert and delete the same job between our statements. This many times
# in a row does not happen.
TRIES = 5


class Turn(Enum):
    """What a run does with one instance."""

    BLANK = "blank"
    CURRENT = "current"
    ENQUEUE = "enqueue"
    REQUEUE = "requeue"  # its failed job is worth another attempt
    FAILED = "failed"  # it is not
    SUPERSEDED = "superseded"  # a job of a save makes everything
    RAISE = "raise"  # a job of a save makes only a part of what the run wants


# The count of a run that goes up. No entry: the new job is outstanding.
_COUNTED = {
    Turn.BLANK: "blank",
    Turn.CURRENT: "current",
    Turn.FAILED: "failed",
    Turn.SUPERSEDED: "superseded_counted",
    Turn.RAISE: "superseded_counted",
}

Atomic = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Seen:
    """One instance of the chunk, after the look at its renditions."""

    instance: models.Model
    image: VersatileImageFieldFile
    target: JobTarget
    is_current: bool

    @property
    def is_outstanding(self) -> bool:
        return bool(self.image) and not self.is_current


def plan_chunk(run: WarmRun, field: VersatileImageField, instances: Sequence[models.Model]) -> bool:
    """Count or enqueue each of `instances`; False if another step has moved the cursor.

    On a slow storage it stops before the last of them.
    """
    stop_at = _after(SHARE_TO_PLAN)
    seen = _look(run, field, instances)
    if statements.takes_chunks(run.using):
        try:
            turns = _decide(run, field, seen, stop_at)
            return _commit(run, field, turns, statements.atomic_without_waiting)
        except Conflict:
            # Another transaction has one of the rows: most likely a save in progress.
            pass
    for part in _parts(seen):
        if not _commit_patiently(run, field, part):
            return False
        if monotonic() > stop_at:
            break
    return True


def _parts(seen: Sequence[Seen]) -> Iterator[Sequence[Seen]]:
    """Yield consecutive parts of `seen`, each with one outstanding instance at most."""
    start = 0
    for end, each in enumerate(seen, 1):
        if each.is_outstanding or end == len(seen):
            yield seen[start:end]
            start = end


# ---- look --------------------------------------------------------------------------------------


def _look(
    run: WarmRun, field: VersatileImageField, instances: Sequence[models.Model]
) -> list[Seen]:
    """Return what of `instances` is current, as far as the time of the step allows."""
    images: list[VersatileImageFieldFile] = [getattr(each, field.name) for each in instances]
    are_current = [False] * len(images) if run.force else _are_current(field, images)
    return [
        Seen(
            instance,
            image,
            target_of(instance, field, run.using),
            bool(image) and is_current and not image.lacks_meta,
        )
        for instance, image, is_current in zip(instances, images, are_current, strict=False)
    ]


def _are_current(
    field: VersatileImageField, images: Sequence[VersatileImageFieldFile]
) -> list[bool]:
    """Whether each image has all renditions; shorter than `images` if the time is over.

    If the storage does not answer, an image counts as not current: a job then has attempts, and
    records the reason.
    """
    declared = field.declared_key_set()
    plans = [image.plans(declared) for image in images]
    records = recall(plan for of_image in plans for plan in of_image)
    current: list[bool] = []
    # The storage is asked for many at once, but first for one: it may be slow.
    started_at, number = monotonic(), 1
    while number > 0 and len(current) < len(images):
        part = slice(len(current), len(current) + number)
        try:
            current += _part_is_current(images[part], plans[part], records)
        except SoftTimeLimitExceeded:
            # Jobs look at this part: another step would end at the same image again.
            return current + [False] * len(images[part])
        number = min(number * GROWTH, _number_in_time(len(current), monotonic() - started_at))
    return current


def _number_in_time(looked_at: int, took_s: float) -> int:
    """Return how many more images the time of the step allows, if they take as long."""
    left_s = SHARE_OF_TIME * worker_settings().soft_time_limit_s - took_s
    return math.ceil(looked_at * left_s / max(took_s, 1e-6))


def _part_is_current(
    images: Sequence[VersatileImageFieldFile],
    plans: Sequence[Sequence[RenditionPlan]],
    records: Mapping[str, RenditionRecord],
) -> list[bool]:
    # A file object may have got another storage than its field.
    found = [False] * len(images)
    for storages, positions in _by_storages(images):
        of_these = [plans[position] for position in positions]
        for current in current_ones(storages, of_these, records, (SoftTimeLimitExceeded,)):
            found[positions[current]] = True
    return found


def _by_storages(
    images: Sequence[VersatileImageFieldFile],
) -> Iterable[tuple[Storages, list[int]]]:
    # By label: a function of the project may make another storage object for each image.
    groups: dict[tuple[str, str], tuple[Storages, list[int]]] = {}
    for position, image in enumerate(images):
        storages = image.storages
        groups.setdefault(storages.labels, (storages, []))[1].append(position)
    return groups.values()


def _after(share: float) -> float:
    return monotonic() + share * worker_settings().soft_time_limit_s


# ---- decide ------------------------------------------------------------------------------------


def _decide(
    run: WarmRun, field: VersatileImageField, seen: Sequence[Seen], stop_at: float = math.inf
) -> list[tuple[Seen, Turn]]:
    """Return the turn of each; of fewer if the time is over."""
    pks = [each.target.object_pk for each in seen if each.image]
    jobs = ledger.jobs_of(run.using, run.model_label, run.field_name, pks)
    _settle_made(run, seen, jobs)
    turns = []
    for each in seen:
        turns.append((each, turn_of(run, field, each, jobs.get(each.target.object_pk))))
        if monotonic() > stop_at:
            break
    return turns


def turn_of(run: WarmRun, field: VersatileImageField, seen: Seen, job: ledger.Job | None) -> Turn:
    """Return what `run` does with an instance that has `job` on the ledger."""
    if not seen.image:
        return Turn.BLANK
    if seen.is_current:
        return Turn.CURRENT
    if job is None:
        return Turn.ENQUEUE
    if job.state is JobState.FAILED:
        wanted = signature(field, seen.image.plans())
        is_other = run.force or job.tried.signature != wanted
        return Turn.REQUEUE if is_other or can_be_retried(job, seen.image) else Turn.FAILED
    if run.force or not declares_the_same(job.tried.signature, field):
        return Turn.RAISE
    return Turn.SUPERSEDED


def _settle_made(run: WarmRun, seen: Sequence[Seen], jobs: dict[str, ledger.Job]) -> None:
    """Delete the failed jobs of what something else has made since."""
    current = {each.target.object_pk for each in seen if each.is_current}
    made = [pk for pk, job in jobs.items() if job.state is JobState.FAILED and pk in current]
    if made:
        ledger.settle_failed(run.using, run.model_label, run.field_name, made)


# ---- commit ------------------------------------------------------------------------------------


def _commit_patiently(run: WarmRun, field: VersatileImageField, part: Sequence[Seen]) -> bool:
    """Commit `part`, after the transactions of others that have its rows."""
    for tries_left in reversed(range(TRIES)):
        try:
            return _commit(run, field, _decide(run, field, part), transaction.atomic)
        except Conflict:
            # By now the job is there, or gone again.
            if not tries_left:
                raise
    raise AssertionError("unreachable")


def _commit(
    run: WarmRun, field: VersatileImageField, turns: Sequence[tuple[Seen, Turn]], atomic: Atomic
) -> bool:
    """Count and enqueue in one transaction; False if another step has moved the cursor.

    Raises:
        Conflict: another transaction has changed a job since it was read; nothing has happened.
    """
    counts = Counter(_COUNTED[turn] for _, turn in turns if turn in _COUNTED)
    with atomic(run.using):
        # The jobs before the run: this waits for no job while it has the row of the run.
        _enqueue(run, field, turns)
        is_moved = _move_cursor(run, turns[-1][0].instance, planned=len(turns), **counts)
        if not is_moved:
            transaction.set_rollback(True, using=run.using)
    return is_moved


def _enqueue(run: WarmRun, field: VersatileImageField, turns: Sequence[tuple[Seen, Turn]]) -> None:
    targets: dict[Turn, list[JobTarget]] = {turn: [] for turn in Turn}
    for seen, turn in turns:
        targets[turn].append(seen.target)
    if new := targets[Turn.ENQUEUE]:
        _expect(ledger.enqueue_for_run(run, signature(field), new) == len(new))
    if again := targets[Turn.REQUEUE]:
        _expect(ledger.requeue_for_run(run, signature(field), again) == len(again))
    for target in targets[Turn.RAISE]:
        committed = image_of(target)
        wanted = signature(field, committed.plans() if committed else ())
        dispatch.send_after_commit(ledger.enqueue(target, wanted, force=run.force))


def _expect(is_unchanged: bool) -> None:
    if not is_unchanged:
        raise Conflict


def _move_cursor(run: WarmRun, last: models.Model, **counts: int) -> bool:
    unmoved = WarmRun.objects.using(run.using).filter(
        pk=run.pk, cursor=run.cursor, state=RunState.RUNNING
    )
    numbers: dict[str, Any] = {name: F(name) + number for name, number in counts.items()}
    cursor = str(last.pk)
    if not unmoved.update(cursor=cursor, waits_for_release=False, changed_at=Now(), **numbers):
        return False
    run.cursor = cursor
    return True
