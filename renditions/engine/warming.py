"""The one executor: carries plans out, and records what became of each.

The task after a save, a retry, a bulk run, the synchronous warmer, and a page that asks for a
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
from renditions.imaging.rendering import Picture, open_picture
from renditions.planning.plans import RenditionPlan
from renditions.records import RenditionRecord, project_recorder
from renditions.signals import renditions_made
from renditions.storage import publish
from renditions.storage.failures import storage_error
from renditions.storage.originals import source_version

from .adoption import Examination, Verdict
from .status import version_now

logger = logging.getLogger(__name__)

StillWanted = Callable[[RenditionPlan], bool]


class Result(StrEnum):
    """What became of one plan."""

    CREATED = "created"  # rendered and published now
    CURRENT = "current"  # made before, from this very original
    ADOPTED = "adopted"  # a good file without a record was there
    FAILED = "failed"
    UNWANTED = "unwanted"  # the work was withdrawn while it was being done


@dataclass(frozen=True, slots=True)
class Outcome:
    """One plan and what became of it."""

    plan: RenditionPlan
    result: Result
    error: RenditionError | None = None  # exactly where `result` is FAILED


@dataclass(frozen=True, slots=True)
class WarmReport:
    """What became of each plan, in the order of the plans."""

    outcomes: tuple[Outcome, ...] = ()
    source_version: str = ""  # of the original that was used; empty: it was not found

    def of(self, *results: Result) -> tuple[RenditionPlan, ...]:
        """Return the plans that came to one of `results`."""
        return tuple(outcome.plan for outcome in self.outcomes if outcome.result in results)

    @property
    def made(self) -> tuple[RenditionPlan, ...]:
        """The plans whose rendition is there now, made by this call or before."""
        return self.of(Result.CREATED, Result.CURRENT, Result.ADOPTED)

    @property
    def failures(self) -> dict[RenditionPlan, RenditionError]:
        """Why each failed plan failed."""
        return {outcome.plan: outcome.error for outcome in self.outcomes if outcome.error}


def warm(storage: Storage, plans: Sequence[RenditionPlan], *, force: bool = False) -> WarmReport:
    """Make every rendition of one original that is not there, and record what became of each.

    If the original is replaced meanwhile, all are made again from the new one: what was published
    may be over renditions that another process has made of it. This happens once, because there
    are storages whose dates change at each look.

    Args:
        storage: Where original and renditions are.
        plans: Of one and the same original.
        force: Make those again that are there.
    """
    report = warm_once(storage, plans, force=force)
    has_worked = bool(report.of(Result.CREATED, Result.FAILED))
    if has_worked and report.made and _was_replaced(storage, plans, report):
        report = warm_once(storage, plans, force=True)
    if report.made:
        renditions_made.send_robust(sender=None, original=plans[0].original)
    return report


def warm_once(
    storage: Storage,
    plans: Sequence[RenditionPlan],
    *,
    force: bool = False,
    still_wanted: StillWanted | None = None,
    interrupts: tuple[type[Exception], ...] = (),
) -> WarmReport:
    """Make what is outstanding, without a second look at the original.

    The original is opened and decoded once for all renditions, or not at all if nothing is
    outstanding. A rendition that fails is recorded, and the others go on. This is for a caller who
    is told of a save that comes between, as the ledger tells a worker; all others call `warm`.

    Args:
        storage: Where original and renditions are.
        plans: Of one and the same original.
        force: Make those again that are there.
        still_wanted: Asked right before each rendition is published; False leaves it out.
        interrupts: Exceptions that mean "stop now" and not "this rendition failed".

    Raises:
        one of `interrupts`; whatever was published by then is whole and recorded.
    """
    if not plans:
        return WarmReport()
    return _Attempt(storage, plans, still_wanted, interrupts).run(force)


def _was_replaced(storage: Storage, plans: Sequence[RenditionPlan], report: WarmReport) -> bool:
    return version_now(storage, plans[0].original.name) not in (None, report.source_version)


class _Attempt:
    """One call of `warm_once`: what its steps share."""

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
        name = plans[0].original.name
        self.recipes = {plan: plan.recipe.bind(name, storage) for plan in plans}

    def run(self, force: bool) -> WarmReport:
        with self._failing(self.plans, StorageFailed):
            self.source_version = source_version(self.storage, self.plans[0].original.name)
            if not force:
                self._take_what_is_there()
        outstanding = [plan for plan in self.plans if plan not in self.outcomes]
        if outstanding:
            self._render(outstanding)
        failures = {done.plan: done.error for done in self.outcomes.values() if done.error}
        for plan, error in failures.items():
            logger.warning("%s could not be made: %s", plan.path, error)
        self.recorder.record_failed(failures, self.source_version)
        return WarmReport(tuple(self.outcomes[plan] for plan in self.plans), self.source_version)

    def _take_what_is_there(self) -> None:
        records = self.recorder.recall(self.plans)
        examination = Examination(self.storage, self.plans[0].original.name)
        for plan in self.plans:
            with self._failing([plan], StorageFailed):
                self._take(plan, records.get(plan.path), examination)
        there = [done.plan for done in self.outcomes.values() if done.error is None]
        self.recorder.record_created(there, self.source_version)

    def _take(
        self, plan: RenditionPlan, record: RenditionRecord | None, examination: Examination
    ) -> None:
        if record and record.is_current(plan, self.source_version):
            if self.storage.exists(plan.path):
                self._note(plan, Result.CURRENT)
        elif record is None and examination.adopt(plan) is Verdict.ADOPTED:
            self._note(plan, Result.ADOPTED)

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
            # Some storages ask for the file only now.
            file.seek(0)
        except FileNotFoundError as error:
            raise SourceMissing(f"The original {name!r} is not on its storage.") from error
        except OSError as error:
            raise storage_error(name, error) from error
        except self.interrupts:
            raise
        except MemoryError:
            raise
        # The client of an object store has errors of its own, which cannot be imported here.
        except Exception as error:
            reason = f"The original {name!r} cannot be read: {type(error).__name__}: {error}"
            raise StorageFailed(reason) from error
        with file:
            yield cast("BinaryIO", file)

    def _make(self, plan: RenditionPlan, picture: Picture) -> None:
        rendered = picture.render(self.recipes[plan])
        if self.still_wanted and not self.still_wanted(plan):
            self._note(plan, Result.UNWANTED)
            return
        with self._failing([plan], StorageFailed):
            publish(self.storage, plan.path, rendered.data)
            self._note(plan, Result.CREATED)
            self.recorder.record_created([plan], self.source_version)

    @contextmanager
    def _failing(
        self, plans: Collection[RenditionPlan], unforeseen: type[RenditionError]
    ) -> Iterator[None]:
        """Turn whatever is raised inside into failures of those `plans` that have no outcome."""
        try:
            yield
        except self.interrupts:
            raise
        except RenditionError as error:
            self._fail(plans, error)
        except MemoryError as error:
            self._fail(plans, OutOfMemory(f"The process ran out of memory. {error}".strip()))
        # The one home of this: a bad picture, sizer or storage never stops another one.
        except Exception as error:
            self._fail(plans, unforeseen(f"{type(error).__name__}: {error}"))

    def _fail(self, plans: Collection[RenditionPlan], error: RenditionError) -> None:
        for plan in plans:
            self.outcomes.setdefault(plan, Outcome(plan, Result.FAILED, error))

    def _note(self, plan: RenditionPlan, result: Result) -> None:
        self.outcomes[plan] = Outcome(plan, result)


def put_if_missing(storage: Storage, path: str, read: Callable[[], bytes]) -> bool | RenditionError:
    """Put what `read` returns at `path`, unless a file is there already.

    Returns:
        Whether it was put there now, or why it could not be.
    """
    try:
        if storage.exists(path):
            return False
        publish(storage, path, read())
    except RenditionError as error:
        return error
    except Exception as error:
        return StorageFailed(f"{path}: {type(error).__name__}: {error}")
    return True
