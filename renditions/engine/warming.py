"""The only executor of plans: it makes renditions and records the result of each.

The task after a save, a retry, a bulk run, the synchronous warmer and a page that creates a
rendition on demand all end here.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from typing import BinaryIO

from django.core.files.storage import Storage

from renditions import conf
from renditions.errors import (
    OutOfMemory,
    RenderFailed,
    RenditionError,
    StorageFailed,
)
from renditions.imaging.facts import SAMPLE, PictureFacts
from renditions.imaging.geometry import Size
from renditions.imaging.recipes import Recipe
from renditions.imaging.rendering import OpenPicture, open_picture
from renditions.planning.plans import RenditionPlan
from renditions.records import RenditionRecord, project_recorder
from renditions.signals import renditions_made
from renditions.storage import (
    Storages,
    adapter_of,
    publish,
    source_version,
    start_write,
)

from .adoption import ExistingFiles, Verdict
from .originals import OpenedOriginal
from .status import version_now

logger = logging.getLogger(__name__)

# Renditions are recorded together, but not later than this after they are made: a process that is
# killed then has not worked for nothing.
RECORD_AFTER_S = 1.0

StillWanted = Callable[[RenditionPlan], bool]


class Result(StrEnum):
    """The result of one plan."""

    CREATED = "created"  # rendered and published now
    CURRENT = "current"  # made before, from this version of the original
    ADOPTED = "adopted"  # a good file without a record existed
    FAILED = "failed"
    UNWANTED = "unwanted"  # the job was superseded before the rendition was published


class Reuse(Enum):
    """Which existing files may stay as they are."""

    GOOD = auto()  # those that are recorded, and others that are good renditions
    RECORDED = auto()  # those that are recorded: the original is new, so any other file is stale
    NOTHING = auto()  # none


@dataclass(frozen=True, slots=True)
class Outcome:
    """One plan and its result."""

    plan: RenditionPlan
    result: Result
    error: RenditionError | None = None  # set if and only if `result` is FAILED


@dataclass(frozen=True, slots=True)
class StageSeconds:
    """How long each stage of a call took, in seconds; 0: it was not needed."""

    fetch: float = 0.0  # look at what exists, and open the original; a disk reads it in `decode`
    decode: float = 0.0
    render: float = 0.0  # of all renditions, with their encoding
    # The sum over all files. An object store takes several at the same time, so it may be more
    # than the whole call took.
    publish: float = 0.0

    def __add__(self, other: "StageSeconds") -> "StageSeconds":
        return StageSeconds(
            self.fetch + other.fetch,
            self.decode + other.decode,
            self.render + other.render,
            self.publish + other.publish,
        )


@dataclass(frozen=True, slots=True)
class WarmReport:
    """The outcome of each plan, in the order of the plans."""

    outcomes: tuple[Outcome, ...] = ()
    source_version: str = ""  # of the original that was used; empty: it was not found
    facts: PictureFacts | None = None  # set if they were wanted and the original can be read
    # Of the original. Below 1: its file lacks the end. None: it was not decoded.
    share_of_rows: float | None = None
    seconds: StageSeconds = StageSeconds()
    published_bytes: int = 0  # of the files that were written

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


def warm(
    storages: Storages,
    plans: Sequence[RenditionPlan],
    *,
    force: bool = False,
    original: OpenedOriginal | None = None,
    wants_facts: bool = False,
) -> WarmReport:
    """Make every missing rendition of one original, and record the result of each.

    If the original is replaced meanwhile, all renditions are rendered once more: this call may
    have overwritten newer renditions of another process. This happens once at most,
    because the dates of some storages change at each look.

    Args:
        storages: Of the original and the renditions.
        plans: Of one original.
        force: Render existing renditions again.
        original: The original, if the caller has looked into it.
        wants_facts: Return the facts of the original, too.
    """
    report = warm_without_recheck(
        storages,
        plans,
        reuse=Reuse.NOTHING if force else Reuse.GOOD,
        original=original,
        wants_facts=wants_facts,
    )
    has_rendered = bool(report.of(Result.CREATED, Result.FAILED))
    if has_rendered and report.existing and _was_replaced(storages, plans, report):
        again = warm_without_recheck(storages, plans, reuse=Reuse.NOTHING, wants_facts=wants_facts)
        report = replace(
            again,
            seconds=report.seconds + again.seconds,
            published_bytes=report.published_bytes + again.published_bytes,
        )
    # A worker has a line for its job.
    for plan, error in report.failures.items():
        logger.warning(
            "%s could not be made: %s",
            plan.path,
            error,
            extra={"rendition_path": plan.path, "rendition_kind": error.kind},
        )
    if report.of(Result.CREATED, Result.ADOPTED):
        renditions_made.send_robust(
            sender=None, original=plans[0].original, share_of_rows=report.share_of_rows
        )
    return report


def warm_without_recheck(
    storages: Storages,
    plans: Sequence[RenditionPlan],
    *,
    reuse: Reuse = Reuse.GOOD,
    still_wanted: StillWanted | None = None,
    interrupts: tuple[type[Exception], ...] = (),
    original: OpenedOriginal | None = None,
    wants_facts: bool = False,
) -> WarmReport:
    """Like `warm`, but the original is not checked again at the end.

    The original is opened and decoded once for all renditions, and not at all if none is missing.
    If one rendition fails, the others are still made. A worker uses this function: for it, the
    ledger says whether a save has replaced the original meanwhile. All other callers use `warm`.

    Args:
        storages: Of the original and the renditions.
        plans: Of one original.
        reuse: Which existing files may stay as they are.
        still_wanted: Called immediately before each rendition is published. False: skip it.
        interrupts: Exceptions that end the call. Any other one only fails a rendition.
        original: The original, if the caller has looked into it.
        wants_facts: Return the facts of the original, too. It is opened for them, if need be.

    Raises:
        one of `interrupts`: the files published so far are complete and recorded, and no file is
            still being written.
    """
    if not plans:
        return WarmReport()
    name = plans[0].original.name
    with original or OpenedOriginal(storages.originals, name) as opened:
        attempt = _Attempt(storages, plans, opened, still_wanted, interrupts)
        return attempt.run(reuse, wants_facts=wants_facts)


def _was_replaced(storages: Storages, plans: Sequence[RenditionPlan], report: WarmReport) -> bool:
    version = version_now(storages.originals, plans[0].original.name)
    return version not in (None, report.source_version)


class _Attempt:
    """The state of one call of `warm_without_recheck`."""

    def __init__(
        self,
        storages: Storages,
        plans: Sequence[RenditionPlan],
        opened: OpenedOriginal,
        still_wanted: StillWanted | None,
        interrupts: tuple[type[Exception], ...],
    ) -> None:
        self.storages = storages
        self.plans = plans
        self.opened = opened
        self.still_wanted = still_wanted
        self.interrupts = interrupts
        self.recorder = project_recorder()
        self.target = adapter_of(storages.renditions)
        self.source_version = ""
        self.facts: PictureFacts | None = None
        self.share_of_rows: float | None = None
        self.outcomes: dict[RenditionPlan, Outcome] = {}
        self.recipes = {plan: plan.recipe.on(storages.originals) for plan in plans}
        # With the size of the rendition, px, and its bytes.
        self.writes: dict[Future[None], tuple[RenditionPlan, Size, int]] = {}
        self.published_bytes = 0
        self.fetch_s = self.decode_s = self.render_s = 0.0
        # One for each write. Threads append to it, which is atomic; `+=` would not be.
        self.write_seconds: list[float] = []
        self.unrecorded: dict[RenditionPlan, Size | None] = {}  # with the sizes of their files, px
        self.recorded_at = time.monotonic()

    def run(self, reuse: Reuse, *, wants_facts: bool) -> WarmReport:
        try:
            if reuse is not Reuse.NOTHING:
                began = time.perf_counter()
                with self._failing(self.plans, StorageFailed):
                    self._reuse_existing(reuse)
                self.fetch_s += time.perf_counter() - began
            outstanding = [plan for plan in self.plans if plan not in self.outcomes]
            if outstanding:
                self._render(outstanding, wants_facts=wants_facts)
            elif wants_facts:
                self._look_for_facts()
        finally:
            self._record_made()
        failures = {done.plan: done.error for done in self.outcomes.values() if done.error}
        self.recorder.record_failed(failures, self.source_version)
        outcomes = tuple(self.outcomes[plan] for plan in self.plans)
        return WarmReport(
            outcomes,
            self.source_version,
            self.facts,
            self.share_of_rows,
            self._seconds(),
            self.published_bytes,
        )

    def _seconds(self) -> StageSeconds:
        return StageSeconds(
            fetch=self.fetch_s + self.opened.opening_s,
            decode=self.decode_s,
            render=self.render_s,
            publish=sum(self.write_seconds),
        )

    # ---- existing files ----

    def _reuse_existing(self, reuse: Reuse) -> None:
        records = self.recorder.recall(self.plans)
        candidates = [
            plan
            for plan in self.plans
            if (
                reuse is Reuse.GOOD
                if plan.path not in records
                else records[plan.path].is_made_by(plan)
            )
        ]
        if not candidates:
            return
        self.source_version = source_version(self.storages.originals, self._original)
        existing = ExistingFiles(self.storages, self._original)
        existing.look(candidates)
        for plan in candidates:
            with self._failing([plan], StorageFailed):
                self._reuse(plan, records.get(plan.path), existing)

    def _reuse(
        self, plan: RenditionPlan, record: RenditionRecord | None, existing: ExistingFiles
    ) -> None:
        if record is None:
            if existing.adopt(plan) is Verdict.ADOPTED:
                self._set_made(plan, Result.ADOPTED, existing.size_of(plan))
        elif record.is_current(plan, self.source_version) and existing.has(plan.path):
            self._set_made(plan, Result.CURRENT, record.size)

    # ---- new files ----

    def _render(self, plans: Collection[RenditionPlan], *, wants_facts: bool) -> None:
        recipes = [self.recipes[plan] for plan in plans]
        if wants_facts and not any(recipe.shares_decode for recipe in recipes):
            recipes.append(SAMPLE)
        with (
            self._failing(plans, RenderFailed),
            self._decoded(recipes) as picture,
            self._all_written(),
        ):
            for plan in plans:
                with self._failing([plan], RenderFailed):
                    self._make(plan, picture)
            if wants_facts:
                # The last: what is made counts more. Without facts, a page shows less.
                with self._failing((), RenderFailed), self._rendering():
                    self.facts = picture.facts()

    def _look_for_facts(self) -> None:
        with (
            self._failing((), RenderFailed),
            self._decoded([SAMPLE]) as picture,
            self._rendering(),
        ):
            self.facts = picture.facts()

    @contextmanager
    def _decoded(self, recipes: Sequence[Recipe]) -> Iterator[OpenPicture]:
        file = self._open()
        began = time.perf_counter()
        with ExitStack() as stack:
            try:
                picture = stack.enter_context(open_picture(file, recipes, conf.limits()))
            finally:
                self.decode_s += time.perf_counter() - began
            yield picture
            self.share_of_rows = picture.share_of_rows

    @contextmanager
    def _rendering(self) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.render_s += time.perf_counter() - began

    def _open(self) -> BinaryIO:
        try:
            file, info = self.opened.open()
        except self.interrupts:
            raise
        except (RenditionError, MemoryError):
            raise
        # Clients of object stores raise errors of their own, and this module cannot import them.
        except Exception as error:
            raise StorageFailed(f"{self._original}: {type(error).__name__}: {error}") from error
        self.source_version = info.version
        return file

    def _make(self, plan: RenditionPlan, picture: OpenPicture) -> None:
        with self._rendering():
            rendered = picture.render(self.recipes[plan])
        if self.still_wanted and not self.still_wanted(plan):
            self.outcomes[plan] = Outcome(plan, Result.UNWANTED)
            return
        # The bytes of this many renditions are in memory, and no more.
        self._collect_writes(self.target.writes_at_once - 1)
        headers = conf.headers(rendered.mime)
        write = start_write(
            self.target, plan.path, rendered.data, headers, took=self.write_seconds.append
        )
        self.writes[write] = plan, rendered.size, len(rendered.data)

    @contextmanager
    def _all_written(self) -> Iterator[None]:
        """Wait for the writes in progress at the end of the block, however it ends.

        A write that ended after this call could overwrite the file of a newer original.
        """
        try:
            yield
            self._collect_writes()
        except BaseException:
            for future in self.writes:
                future.cancel()
            self._collect_writes()
            raise

    def _collect_writes(self, leave: int = 0) -> None:
        """Wait until at most `leave` writes are in progress, and note the results of the others."""
        while len(self.writes) > leave:
            for future in wait(self.writes, return_when=FIRST_COMPLETED).done:
                plan, size, length = self.writes.pop(future)
                if future.cancelled():
                    continue
                with self._failing([plan], StorageFailed):
                    future.result()
                    self.published_bytes += length
                    self._set_made(plan, Result.CREATED, size)

    # ---- results ----

    @property
    def _original(self) -> str:
        return self.plans[0].original.name

    def _set_made(self, plan: RenditionPlan, result: Result, size: Size | None) -> None:
        self.outcomes[plan] = Outcome(plan, result)
        self.unrecorded[plan] = size
        if time.monotonic() - self.recorded_at > RECORD_AFTER_S:
            self._record_made()

    def _record_made(self) -> None:
        made, self.unrecorded = self.unrecorded, {}
        self.recorder.record_created(made, self.source_version)
        self.recorded_at = time.monotonic()

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
        data = read()
        publish(storage, path, data, conf.headers_for(data))
    except RenditionError:
        raise
    except Exception as error:
        raise StorageFailed(f"{path}: {type(error).__name__}: {error}") from error
    return True
