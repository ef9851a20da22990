"""The one executor: makes what plans say, and keeps account of it.

Everything that makes renditions ends here: the task after a save, a retry, a bulk run, the
synchronous warmer, and a page that asks for a rendition on demand.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, BinaryIO, cast

from django.core.files.storage import Storage

from renditions import conf
from renditions.errors import (
    OutOfMemory,
    RenderFailed,
    RenditionError,
    SourceMissing,
    StorageFailed,
)
from renditions.imaging.rendering import Picture, Recipe, open_picture
from renditions.planning.plans import RenditionPlan
from renditions.records import Recorder, RenditionRecord
from renditions.storage import publish, storage_error
from renditions.storage.originals import source_version

from .adoption import Examination, Verdict

logger = logging.getLogger(__name__)


class Result(StrEnum):
    """What became of one plan."""

    CREATED = "created"  # rendered and published now
    CURRENT = "current"  # made before, from this very original
    ADOPTED = "adopted"  # a good file lay there that nobody knew of
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

    def of(self, *results: Result) -> tuple[RenditionPlan, ...]:
        """Return the plans that came to one of `results`."""
        return tuple(outcome.plan for outcome in self.outcomes if outcome.result in results)

    @property
    def made(self) -> tuple[RenditionPlan, ...]:
        """The plans whose rendition is there now, whoever made it."""
        return self.of(Result.CREATED, Result.CURRENT, Result.ADOPTED)

    @property
    def failures(self) -> dict[RenditionPlan, RenditionError]:
        """Why each failed plan failed."""
        return {outcome.plan: outcome.error for outcome in self.outcomes if outcome.error}

    def __add__(self, other: "WarmReport") -> "WarmReport":
        return WarmReport(self.outcomes + other.outcomes)


def warm(
    storage: Storage,
    plans: Sequence[RenditionPlan],
    *,
    force: bool = False,
    wanted: Callable[[RenditionPlan], bool] | None = None,
    interrupts: tuple[type[Exception], ...] = (),
) -> WarmReport:
    """Make every rendition of one original that is not there, and record what became of each.

    The original is opened and decoded once for all of them, or not at all where nothing is
    outstanding. One that fails is recorded and the others go on.

    Args:
        storage: Where original and renditions lie.
        plans: Of one and the same original.
        force: Make those again that are there.
        wanted: Asked right before each rendition is published; False ends the work. Whoever gives
            none is not told of a save that comes between: then it is begun anew for an original
            that was replaced meanwhile.
        interrupts: Exceptions that mean "stop now" and not "this rendition failed".

    Raises:
        one of `interrupts`; whatever was published by then is whole and recorded.
    """
    if not plans:
        return WarmReport()
    return _Warming(storage, plans, wanted, interrupts).run(force)


class _Warming:
    """One call of `warm`: what its steps share."""

    def __init__(
        self,
        storage: Storage,
        plans: Sequence[RenditionPlan],
        wanted: Callable[[RenditionPlan], bool] | None,
        interrupts: tuple[type[Exception], ...],
    ) -> None:
        self.storage = storage
        self.plans = plans
        self.wanted = wanted
        self.interrupts = interrupts
        self.recorder = Recorder(conf.store())
        self.source_version = ""
        self.outcomes: dict[RenditionPlan, Outcome] = {}
        self.recipes = dict(zip(plans, recipes_of(storage, plans), strict=True))

    def run(self, force: bool) -> WarmReport:
        with self._failing(self.plans, StorageFailed):
            self.source_version = source_version(self.storage, self.plans[0].original.name)
            if not force:
                self._take_what_is_there()
        outstanding = [plan for plan in self.plans if plan not in self.outcomes]
        if outstanding:
            self._render(outstanding)
            if self._was_replaced():
                # What was published may lie over what somebody has made of the new one. Once:
                # there are storages whose dates never hold still.
                anew = _Warming(self.storage, self.plans, lambda plan: True, self.interrupts)
                return anew.run(force=True)
        failures = self._failures()
        for plan, error in failures.items():
            logger.warning("%s could not be made: %s", plan.path, error)
        self.recorder.record_failed(failures, self.source_version)
        return WarmReport(tuple(self.outcomes[plan] for plan in self.plans))

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
        # An object store's client has errors of its own, which nobody here may import.
        except Exception as error:
            reason = f"The original {name!r} cannot be read: {type(error).__name__}: {error}"
            raise StorageFailed(reason) from error
        with file:
            yield cast("BinaryIO", file)

    def _make(self, plan: RenditionPlan, picture: Picture) -> None:
        rendered = picture.render(self.recipes[plan])
        if self.wanted and not self.wanted(plan):
            self._note(plan, Result.UNWANTED)
            return
        with self._failing([plan], StorageFailed):
            publish(self.storage, plan.path, rendered.data)
            self._note(plan, Result.CREATED)
            self.recorder.record_created([plan], self.source_version)

    def _was_replaced(self) -> bool:
        if self.wanted or not any(done.error is None for done in self.outcomes.values()):
            return False
        return _version_now(self.storage, self.plans) not in (None, self.source_version)

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
        # The one home of this: one bad picture, sizer or storage never stops another.
        except Exception as error:
            self._fail(plans, unforeseen(f"{type(error).__name__}: {error}"))

    def _fail(self, plans: Collection[RenditionPlan], error: RenditionError) -> None:
        for plan in plans:
            self.outcomes.setdefault(plan, Outcome(plan, Result.FAILED, error))

    def _note(self, plan: RenditionPlan, result: Result) -> None:
        self.outcomes[plan] = Outcome(plan, result)

    def _failures(self) -> dict[RenditionPlan, RenditionError]:
        return {plan: done.error for plan, done in self.outcomes.items() if done.error}


def put_if_missing(storage: Storage, path: str, read: Callable[[], bytes]) -> bool | RenditionError:
    """Make `path` hold what `read` returns, unless a file lies there already.

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


def recipes_of(storage: Storage, plans: Sequence[RenditionPlan]) -> list[Recipe]:
    """Return the recipes of `plans`, in which old sizers and filters know their picture."""
    known: dict[int, Any] = {}

    def knowing(old: Any, plan: RenditionPlan) -> Any:
        if not hasattr(old, "with_picture"):
            return old
        if id(old) not in known:
            known[id(old)] = old.with_picture(plan.original.name, storage)
        return known[id(old)]

    return [
        replace(
            plan.recipe,
            sizer=knowing(plan.recipe.sizer, plan),
            filter=knowing(plan.recipe.filter, plan),
        )
        for plan in plans
    ]


def is_known_current(plans: Sequence[RenditionPlan], storage: Storage | None = None) -> bool:
    """Whether the records say that each of `plans` is made.

    Args:
        storage: Asked whether the original is still the one that they were made from; None: it is.
    """
    records = Recorder(conf.store()).recall(plans)
    if storage is None or not _are_current(plans, records):
        return _are_current(plans, records)
    version = _version_now(storage, plans)
    return version is not None and _are_current(plans, records, version)


def is_current(
    storage: Storage,
    plans: Sequence[RenditionPlan],
    records: Mapping[str, RenditionRecord] | None = None,
) -> bool:
    """Whether each of `plans` is made from the original as it is now, and lies on `storage`.

    Not where the storage does not say: whoever makes them finds the reason.

    Args:
        records: What `Recorder.recall` gave for these and other plans; by default it is asked.
    """
    if records is None:
        records = Recorder(conf.store()).recall(plans)
    # Before the storage is asked anything.
    if not plans or not _are_current(plans, records):
        return not plans
    version = _version_now(storage, plans)
    if version is None or not _are_current(plans, records, version):
        return False
    try:
        return all(storage.exists(plan.path) for plan in plans)
    except Exception:
        return False


def _version_now(storage: Storage, plans: Sequence[RenditionPlan]) -> str | None:
    """Return the version of the original that lies there now; None: the storage does not say."""
    try:
        return source_version(storage, plans[0].original.name)
    # An object store's client has errors of its own. Whoever makes renditions finds the reason.
    except Exception:
        return None


def _are_current(
    plans: Sequence[RenditionPlan],
    records: Mapping[str, RenditionRecord],
    version: str | None = None,
) -> bool:
    """Whether `records` say that `plans` are made, and from `version` where that is given."""
    known = [(plan, records.get(plan.path)) for plan in plans]
    return all(
        record and record.is_current(plan, version or record.source_version)
        for plan, record in known
    )


def survey(
    storage: Storage, plans: Sequence[RenditionPlan]
) -> list[tuple[RenditionPlan, RenditionRecord | None]]:
    """Return what is known of each rendition, making none; None: it is not there yet.

    One read of the records answers for all. Only where nothing is known does it look at the
    storage, and what it finds there is recorded for the next time.
    """
    recorder = Recorder(conf.store())
    records = recorder.recall(plans)
    unknown = [plan for plan in plans if plan.path not in records]
    if unknown:
        examination = Examination(storage, unknown[0].original.name)
        found = [p for p in unknown if examination.settled(p, dry_run=True) is Verdict.ADOPTED]
        if found:
            version = examination.source_version
            records |= recorder.record_created(found, version)
    return [(plan, records.get(plan.path)) for plan in plans]
