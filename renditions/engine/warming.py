"""The only executor of plans: it makes renditions and records the result of each.

The task after a save, a retry, a bulk run, the synchronous warmer and a page that creates a
rendition on demand all end here.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, cast

from django.core.files.storage import Storage

from renditions import conf
from renditions.errors import (
    OutOfMemory,
    RenderFailed,
    RenditionError,
    SourceMissing,
    StorageFailed,
)
from renditions.imaging.rendering import OpenPicture, open_picture
from renditions.planning.plans import RenditionPlan
from renditions.records import RenditionRecord, project_recorder
from renditions.signals import renditions_made
from renditions.storage import publish
from renditions.storage.failures import storage_error
from renditions.storage.originals import source_version

from .adoption import ExistingFiles, Verdict
from .status import version_now

logger = logging.getLogger(__name__)

StillWanted = Callable[[RenditionPlan], bool]


class Result(StrEnum):
    """The result of one plan."""

    CREATED = "created"  # rendered and published now
    CURRENT = "current"  # made before, from this version of the original
    ADOPTED = "adopted"  # a good file without a record existed
    FAILED = "failed"
    UNWANTED = "unwanted"  # the job was superseded before the rendition was published


@dataclass(frozen=True, slots=True)
class Outcome:
    """One plan and its result."""

    plan: RenditionPlan
    result: Result
    error: RenditionError | None = None  # set if and only if `result` is FAILED


@dataclass(frozen=True, slots=True)
class WarmReport:
    """The outcome of each plan, in the order of the plans."""

    outcomes: tuple[Outcome, ...] = ()
    source_version: str = ""  # of the original that was used; empty: it was not found

    def of(self, *results: Result) -> tuple[RenditionPlan, ...]:
        """Return the plans with one of `results`."""
        return tuple(outcome.plan for outcome in self.outcomes if outcome.result in results)

    @property
    def existing(self) -> tuple[RenditionPlan, ...]:
        """The plans whose rendition exists now, made by this call or before."""
        return self.of(Result.CREATED, Result.CURRENT, Result.ADOPTED)

    @property
    def failures(self) -> dict[RenditionPlan, RenditionError]:
        """Why each failed plan failed."""
        return {outcome.plan: outcome.error for outcome in self.outcomes if outcome.error}


def warm(storage: Storage, plans: Sequence[RenditionPlan], *, force: bool = False) -> WarmReport:
    """Make every missing rendition of one original, and record the result of each.

    If the original is replaced meanwhile, all renditions are rendered once more: this call may
    have overwritten newer renditions of another process. This happens once at most,
    because the dates of some storages change at each look.

    Args:
        storage: Of the original and the renditions.
        plans: Of one original.
        force: Render existing renditions again.
    """
    report = warm_without_recheck(storage, plans, force=force)
    has_rendered = bool(report.of(Result.CREATED, Result.FAILED))
    if has_rendered and report.existing and _was_replaced(storage, plans, report):
        report = warm_without_recheck(storage, plans, force=True)
    if report.of(Result.CREATED, Result.ADOPTED):
        renditions_made.send_robust(sender=None, original=plans[0].original)
    return report


def warm_without_recheck(
    storage: Storage,
    plans: Sequence[RenditionPlan],
    *,
    force: bool = False,
    still_wanted: StillWanted | None = None,
    interrupts: tuple[type[Exception], ...] = (),
) -> WarmReport:
    """Like `warm`, but the original is not checked again at the end.

    The original is opened and decoded once for all renditions, and not at all if none is missing.
    If one rendition fails, the others are still made. A worker uses this function: for it, the
    ledger says whether a save has replaced the original meanwhile. All other callers use `warm`.

    Args:
        storage: Of the original and the renditions.
        plans: Of one original.
        force: Render existing renditions again.
        still_wanted: Called immediately before each rendition is published. False: skip it.
        interrupts: Exceptions that end the call. Any other one only fails a rendition.

    Raises:
        one of `interrupts`: the files published so far are complete and recorded.
    """
    if not plans:
        return WarmReport()
    return _Attempt(storage, plans, still_wanted, interrupts).run(force)


def _was_replaced(storage: Storage, plans: Sequence[RenditionPlan], report: WarmReport) -> bool:
    return version_now(storage, plans[0].original.name) not in (None, report.source_version)


class _Attempt:
    """The state of one call of `warm_without_recheck`."""

    def __init__(
        self,
        storage: Storage,
        plans: Sequence[RenditionPlan],
        still_wanted: StillWanted | None,
        interrupts: tuple[type[Exception], ...],
    ) -> None:
        self.storage = storage
        self.plans = plans
        self.still_wanted = still_wanted
        self.interrupts = interrupts
        self.recorder = project_recorder()
        self.source_version = ""
        self.outcomes: dict[RenditionPlan, Outcome] = {}
        self.recipes = {plan: plan.recipe.on(storage) for plan in plans}

    def run(self, force: bool) -> WarmReport:
        with self._failing(self.plans, StorageFailed):
            self.source_version = source_version(self.storage, self.plans[0].original.name)
            if not force:
                self._reuse_existing()
        outstanding = [plan for plan in self.plans if plan not in self.outcomes]
        if outstanding:
            self._render(outstanding)
        failures = {done.plan: done.error for done in self.outcomes.values() if done.error}
        for plan, error in failures.items():
            logger.warning("%s could not be made: %s", plan.path, error)
        self.recorder.record_failed(failures, self.source_version)
        return WarmReport(tuple(self.outcomes[plan] for plan in self.plans), self.source_version)

    def _reuse_existing(self) -> None:
        records = self.recorder.recall(self.plans)
        existing = ExistingFiles(self.storage, self.plans[0].original.name)
        for plan in self.plans:
            with self._failing([plan], StorageFailed):
                self._reuse(plan, records.get(plan.path), existing)
        reused = [done.plan for done in self.outcomes.values() if done.error is None]
        self.recorder.record_created(reused, self.source_version)

    def _reuse(
        self, plan: RenditionPlan, record: RenditionRecord | None, existing: ExistingFiles
    ) -> None:
        if record and record.is_current(plan, self.source_version):
            if self.storage.exists(plan.path):
                self._set_outcome(plan, Result.CURRENT)
        elif record is None and existing.adopt(plan) is Verdict.ADOPTED:
            self._set_outcome(plan, Result.ADOPTED)

    def _render(self, plans: Collection[RenditionPlan]) -> None:
        recipes = [self.recipes[plan] for plan in plans]
        with (
            self._failing(plans, RenderFailed),
            self._opened() as file,
            open_picture(file, recipes, conf.limits()) as picture,
        ):
            for plan in plans:
                with self._failing([plan], RenderFailed):
                    self._make(plan, picture)

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        name = self.plans[0].original.name
        try:
            file = self.storage.open(name, "rb")
            # Some storages fetch the file only when it is used.
            file.seek(0)
        except FileNotFoundError as error:
            raise SourceMissing(name) from error
        except OSError as error:
            raise storage_error(name, error) from error
        except self.interrupts:
            raise
        except MemoryError:
            raise
        # Clients of object stores raise errors of their own, and this module cannot import them.
        except Exception as error:
            raise StorageFailed(f"{name}: {type(error).__name__}: {error}") from error
        with file:
            yield cast("BinaryIO", file)

    def _make(self, plan: RenditionPlan, picture: OpenPicture) -> None:
        rendered = picture.render(self.recipes[plan])
        if self.still_wanted and not self.still_wanted(plan):
            self._set_outcome(plan, Result.UNWANTED)
            return
        with self._failing([plan], StorageFailed):
            publish(self.storage, plan.path, rendered.data)
            self._set_outcome(plan, Result.CREATED)
            self.recorder.record_created([plan], self.source_version)

    @contextmanager
    def _failing(
        self, plans: Collection[RenditionPlan], unforeseen: type[RenditionError]
    ) -> Iterator[None]:
        """Turn an exception into a failure of those `plans` that have no outcome yet.

        Args:
            unforeseen: The error for an exception that is not a RenditionError.
        """
        try:
            yield
        except self.interrupts:
            raise
        except RenditionError as error:
            self._fail(plans, error)
        except MemoryError as error:
            self._fail(plans, OutOfMemory(*error.args))
        # Only here: a broken picture, sizer or storage must not stop another one.
        except Exception as error:
            self._fail(plans, unforeseen(f"{type(error).__name__}: {error}"))

    def _fail(self, plans: Collection[RenditionPlan], error: RenditionError) -> None:
        for plan in plans:
            self.outcomes.setdefault(plan, Outcome(plan, Result.FAILED, error))

    def _set_outcome(self, plan: RenditionPlan, result: Result) -> None:
        self.outcomes[plan] = Outcome(plan, result)


def publish_if_missing(storage: Storage, path: str, read: Callable[[], bytes]) -> bool:
    """Write the bytes that `read` returns to `path`, unless a file is there.

    Returns:
        Whether the file was written now.

    Raises:
        RenditionError: it could not be written.
    """
    try:
        if storage.exists(path):
            return False
        publish(storage, path, read())
    except RenditionError:
        raise
    except Exception as error:
        raise StorageFailed(f"{path}: {type(error).__name__}: {error}") from error
    return True
