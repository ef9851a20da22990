"""Adopt files: decide whether an existing file is a rendition that can stay as it is."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import cached_property
from typing import BinaryIO

from renditions import conf
from renditions.errors import PermanentError, RenditionError
from renditions.imaging.geometry import Size
from renditions.imaging.rendering import open_picture
from renditions.imaging.sources import SourceInfo, check_integrity, difference, probe
from renditions.planning.plans import RenditionPlan
from renditions.records import project_recorder
from renditions.signals import renditions_made
from renditions.storage import Storages, adapter_of, publish
from renditions.storage.any import FileInfo

# Mean difference per channel, 0-255. Two encoders stay below it for one picture; two different
# pictures differ by more than 20.
_MAX_DIFFERENCE = 6.0


class Verdict(StrEnum):
    """What exists at the path of a rendition."""

    ADOPTED = "adopted"
    MISSING = "missing"
    OLDER = "refused: older than the original"
    UNDATED = "refused: the storage has no dates"
    BROKEN = "refused: damaged or incomplete"
    WRONG_SIZE = "refused: not the size of the key"
    WRONG_FORMAT = "refused: not the format of the key"
    NO_ORIGINAL = "refused: the original cannot be read"
    UNANSWERED = "refused: the storage did not answer"

    @property
    def is_refusal(self) -> bool:
        """Whether a file exists that cannot be adopted."""
        return self not in (Verdict.ADOPTED, Verdict.MISSING)


def adopt(
    storages: Storages, plans: Sequence[RenditionPlan], *, dry_run: bool
) -> dict[RenditionPlan, Verdict]:
    """Adopt the existing files at the paths of `plans`. Nothing is rendered.

    A storage without dates cannot show that a file is newer than its original. There the caller
    is responsible that the files are current.

    Args:
        plans: Of one original.
        dry_run: Only return the verdicts.
    """
    if not plans:
        return {}
    existing = ExistingFiles(storages, plans[0].original.name, require_dates=False)
    verdicts = existing.safe_verdicts(plans, dry_run=dry_run)
    adopted = [plan for plan, verdict in verdicts.items() if verdict is Verdict.ADOPTED]
    if adopted and not dry_run:
        sizes = {plan: existing.size_of(plan) for plan in adopted}
        project_recorder().record_created(sizes, existing.source_version)
        renditions_made.send_robust(sender=None, original=plans[0].original)
    return verdicts


class ExistingFiles:
    """The files that may be renditions of one original. The original is read at most once."""

    def __init__(self, storages: Storages, original: str, *, require_dates: bool = True) -> None:
        """Take the name of the original.

        Args:
            require_dates: Adopt no file from a storage that has no modification dates.
        """
        self.storages = storages
        self.original = original
        self.require_dates = require_dates
        self._adapter = adapter_of(storages.renditions)
        self._sizes: dict[RenditionPlan, Size] = {}
        self._found: dict[str, FileInfo | None] = {}

    def look(self, plans: Iterable[RenditionPlan]) -> None:
        """Find out which files of `plans` exist, in as few calls as the storage allows.

        Raises:
            OSError: the storage did not answer.
        """
        paths = [path for plan in plans for path in _candidates(plan)]
        self._found |= self._adapter.find([paths])

    def has(self, path: str) -> bool:
        """Whether `look` has found a file at `path`."""
        return path in self._found

    def verdict(self, plan: RenditionPlan, path: str | None = None) -> Verdict:
        """Inspect the file at `path`, by default at the path of the plan. Nothing is changed.

        `look` comes first.

        Raises:
            OSError: the storage did not answer.
        """
        path = path or plan.path
        if not self.has(path):
            return Verdict.MISSING
        try:
            if self._info.modified is None and self.require_dates:
                return Verdict.UNDATED
            if self._is_older(path):
                return Verdict.OLDER
            original = self._original
        except (FileNotFoundError, RenditionError):
            return Verdict.NO_ORIGINAL
        limits = conf.limits()
        try:
            with self._adapter.open(path, limits.max_file_bytes) as file:
                # A rendition is never incomplete.
                found = check_integrity(file, replace(limits, incomplete="refuse"))
        except PermanentError:
            return Verdict.BROKEN
        self._sizes[plan] = found.size
        return _compare(found, plan, original)

    def size_of(self, plan: RenditionPlan) -> Size | None:
        """Return the size of the file that the last verdict was about, px; None: it is unknown."""
        return self._sizes.get(plan)

    def adopt(self, plan: RenditionPlan) -> Verdict:
        """Inspect the file at the path of the plan; copy it there first from its old path.

        django-versatileimagefield removed the spaces from paths. So a file at such a path may
        belong to another original, and is adopted only if it shows this one.
        """
        verdict = self.verdict(plan)
        _, *old_paths = _candidates(plan)
        if verdict is not Verdict.MISSING or not old_paths:
            return verdict
        verdict = self.verdict(plan, old_paths[0])
        if verdict is Verdict.ADOPTED:
            with self._adapter.open(old_paths[0], conf.limits().max_file_bytes) as file:
                data = file.read()
            if difference(data, self._rendered(plan), conf.limits()) > _MAX_DIFFERENCE:
                return Verdict.MISSING
            publish(self.storages.renditions, plan.path, data, conf.headers_for(data))
        return verdict

    def safe_verdicts(
        self, plans: Sequence[RenditionPlan], *, dry_run: bool
    ) -> dict[RenditionPlan, Verdict]:
        """Return what `adopt` does, or `verdict` if `dry_run`; UNANSWERED after an error.

        Clients of object stores raise errors of their own. One bad path must not stop the others.
        """
        try:
            self.look(plans)
        except Exception:  # noqa: BLE001
            return dict.fromkeys(plans, Verdict.UNANSWERED)
        return {plan: self._safe_verdict(plan, dry_run=dry_run) for plan in plans}

    def _safe_verdict(self, plan: RenditionPlan, *, dry_run: bool) -> Verdict:
        try:
            return self.verdict(plan) if dry_run else self.adopt(plan)
        except Exception:  # noqa: BLE001
            return Verdict.UNANSWERED

    @property
    def source_version(self) -> str:
        """The version of the original, as the verdicts have seen it."""
        return self._info.version

    def _is_older(self, path: str) -> bool:
        if self._info.modified is None:
            return False
        modified = (self._found[path] or self._adapter.info(path)).modified
        return modified is not None and modified < self._info.modified

    @cached_property
    def _info(self) -> FileInfo:
        return adapter_of(self.storages.originals).info(self.original)

    @cached_property
    def _original(self) -> SourceInfo:
        with self._opened() as file:
            return probe(file, conf.limits())

    def _rendered(self, plan: RenditionPlan) -> bytes:
        recipe = plan.recipe.on(self.storages.originals)
        with self._opened() as file, open_picture(file, [recipe], conf.limits()) as picture:
            return picture.render(recipe).data

    def _opened(self) -> BinaryIO:
        adapter = adapter_of(self.storages.originals)
        return adapter.open(self.original, conf.limits().max_file_bytes)


def _candidates(plan: RenditionPlan) -> list[str]:
    """Return the path of `plan`, and the one that the old package gave it if that is another."""
    return list(dict.fromkeys([plan.path, plan.path.replace(" ", "")]))


def _compare(found: SourceInfo, plan: RenditionPlan, original: SourceInfo) -> Verdict:
    if found.format != plan.format_for(original.format):
        return Verdict.WRONG_FORMAT
    wanted = plan.recipe.size_of(original.size)
    return Verdict.ADOPTED if wanted in (None, found.size) else Verdict.WRONG_SIZE
