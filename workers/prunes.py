"""The steps of a prune: the files of a field are judged, and deleted if nothing needs them.

A step deletes some files and then moves the cursor of its run. If it is killed in between, the next
one finds the files gone and the counts are lower than the number of deleted files.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from time import monotonic

from celery.exceptions import SoftTimeLimitExceeded
from django.db.models import F
from django.db.models.functions import Now

from renditions import conf as library
from renditions.errors import PermanentError, RenditionError
from renditions.fields import VersatileImageField
from renditions.inventory.pruning import Step, Tally, prune
from renditions.inventory.rows import file_columns
from renditions.inventory.scopes import scopes
from renditions.inventory.surveys import Survey
from renditions.planning.plans import plan_key_set

from .conf import worker_settings
from .models import RunState, WarmRun
from .targets import SAMPLE_ORIGINAL, STARTED_AT, digest

logger = logging.getLogger(__name__)

FILES_AT_ONCE = 500
# A step begins no further batch after this share of its soft time limit.
SHARE_OF_TIME = 0.5
# Between the number of the storage and the path, in the cursor of a run.
SEPARATOR = ":"


class Ended(Enum):
    """Why a step has ended."""

    IN_TIME = "in time"  # there are more files
    WALKED = "walked"  # there are no more files
    STOPPED = "stopped"  # the run was paused or cancelled, or another step has moved its cursor
    FAILED = "failed"  # a storage does not answer; the sweep sends the step again


def declaration() -> str:
    """Return a digest of all key sets and file fields: they decide what is needed."""
    names = library.key_set_names()
    plans = plan_key_set(SAMPLE_ORIGINAL, library.declared_key_set(names), library.style)
    labels = sorted(column.label for column in file_columns())
    return digest([*(plan.path for plan in plans), *labels])


def is_outdated(run: WarmRun) -> bool:
    """Whether this process may not know of rows and keys that the starter of `run` knows of."""
    started_at = run.enqueuer_started_at
    return started_at is not None and started_at > STARTED_AT and run.declaration != declaration()


def step(run: WarmRun, field: VersatileImageField) -> Ended:
    """Prune the next files of `field`, as many as the time of a step allows."""
    stop_at = monotonic() + SHARE_OF_TIME * worker_settings().soft_time_limit_s
    found = scopes([field], orphans=run.orphans)
    number, _, after = run.cursor.partition(SEPARATOR)
    errors: list[str] = []
    for index in range(int(number or 0), len(found)):
        survey = Survey(found[index], timedelta(seconds=run.min_age_s))
        steps = prune(
            survey, _noted(run, errors), after=after, size=FILES_AT_ONCE,
            interrupts=(SoftTimeLimitExceeded,),
        )  # fmt: skip
        after = ""
        try:
            for done in steps:
                if not _move_cursor(run, f"{index}{SEPARATOR}{done.last}", done, errors):
                    return Ended.STOPPED
                if monotonic() > stop_at:
                    return Ended.IN_TIME
        except RenditionError as error:
            if not _leave_storage(run, index, error):
                return Ended.FAILED
    return Ended.WALKED


def _noted(run: WarmRun, errors: list[str]) -> Callable[[RenditionError], None]:
    def note(error: RenditionError) -> None:
        errors.append(str(error))
        logger.warning("%s: %s", run, error)

    return note


def _leave_storage(run: WarmRun, index: int, error: RenditionError) -> bool:
    """Go on with the next storage if this one will never answer; False if it may answer later."""
    logger.warning("%s: %s", run, error)
    if isinstance(error, PermanentError):
        tally = Tally(failed=1, not_walked=1)
        return _move_cursor(run, f"{index + 1}{SEPARATOR}", Step(tally, 0, ""), [str(error)])
    WarmRun.objects.using(run.using).filter(pk=run.pk).update(last_error=str(error))
    return False


def _move_cursor(run: WarmRun, cursor: str, done: Step, errors: list[str]) -> bool:
    """Count what was done; False if the run was stopped, or another step has moved its cursor."""
    # Whatever its state is now: the files are gone.
    runs = WarmRun.objects.using(run.using).filter(pk=run.pk)
    unmoved = runs.filter(cursor=run.cursor)
    tally = done.tally
    is_moved = unmoved.update(
        cursor=cursor,
        waits_for_release=False,
        changed_at=Now(),
        planned=F("planned") + tally.looked_at,
        kept=F("kept") + tally.kept,
        deleted=F("deleted") + tally.deleted,
        deleted_bytes=F("deleted_bytes") + tally.deleted_bytes,
        failed=F("failed") + tally.failed,
        **({"last_error": errors[-1]} if errors else {}),
    )
    run.cursor = cursor
    return bool(is_moved) and runs.filter(state=RunState.RUNNING).exists()
