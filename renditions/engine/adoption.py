"""Adopt files: decide whether an existing file is a rendition that can stay as it is."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import BinaryIO, cast

from django.core.files.storage import Storage

from renditions import conf
from renditions.errors import PermanentError, RenditionError
from renditions.imaging.rendering import open_picture
from renditions.imaging.sources import SourceInfo, check_integrity, difference, probe
from renditions.planning.plans import RenditionPlan
from renditions.records import project_recorder
from renditions.signals import renditions_made
from renditions.storage import publish
from renditions.storage.originals import source_version

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
    storage: Storage, plans: Sequence[RenditionPlan], *, dry_run: bool
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
    existing = ExistingFiles(storage, plans[0].original.name, require_dates=False)
    verdicts = {plan: existing.safe_verdict(plan, dry_run=dry_run) for plan in plans}
    adopted = [plan for plan, verdict in verdicts.items() if verdict is Verdict.ADOPTED]
    if adopted and not dry_run:
        project_recorder().record_created(adopted, existing.source_version)
        renditions_made.send_robust(sender=None, original=plans[0].original)
    return verdicts


class ExistingFiles:
    """The files that may be renditions of one original. The original is read at most once."""

    def __init__(self, storage: Storage, original: str, *, require_dates: bool = True) -> None:
        """Take the name of the original.

        Args:
            require_dates: Adopt no file from a storage that has no modification dates.
        """
        self.storage = storage
        self.original = original
        self.require_dates = require_dates

    def verdict(self, plan: RenditionPlan, path: str | None = None) -> Verdict:
        """Inspect the file at `path`, by default at the path of the plan. Nothing is changed.

        Raises:
            OSError: the storage did not answer.
        """
        path = path or plan.path
        if not self.storage.exists(path):
            return Verdict.MISSING
        try:
            if self._modified is None and self.require_dates:
                return Verdict.UNDATED
            if self._is_older(path):
                return Verdict.OLDER
            original = self._original
        except (FileNotFoundError, RenditionError):
            return Verdict.NO_ORIGINAL
        try:
            with self.storage.open(path, "rb") as file:
                found = check_integrity(cast("BinaryIO", file), conf.limits())
        except PermanentError:
            return Verdict.BROKEN
        return _compare(found, plan, original)

    def adopt(self, plan: RenditionPlan) -> Verdict:
        """Inspect the file at the path of the plan; copy it there first from its old path.

        django-versatileimagefield removed the spaces from paths. So a file at such a path may
        belong to another original, and is adopted only if it shows this one.
        """
        verdict = self.verdict(plan)
        if verdict is not Verdict.MISSING or " " not in plan.path:
            return verdict
        old_path = plan.path.replace(" ", "")
        verdict = self.verdict(plan, old_path)
        if verdict is Verdict.ADOPTED:
            with self.storage.open(old_path, "rb") as file:
                data: bytes = file.read()
            if difference(data, self._rendered(plan), conf.limits()) > _MAX_DIFFERENCE:
                return Verdict.MISSING
            publish(self.storage, plan.path, data)
        return verdict

    def safe_verdict(self, plan: RenditionPlan, *, dry_run: bool) -> Verdict:
        """Like `adopt`, or like `verdict` if `dry_run`; an error of the storage is UNANSWERED."""
        try:
            return self.verdict(plan) if dry_run else self.adopt(plan)
        # Clients of object stores raise errors of their own. One bad path must not stop the others.
        except Exception:  # noqa: BLE001
            return Verdict.UNANSWERED

    @property
    def source_version(self) -> str:
        return source_version(self.storage, self.original)

    def _is_older(self, path: str) -> bool:
        modified = self._modified
        return modified is not None and self.storage.get_modified_time(path) < modified

    @cached_property
    def _modified(self) -> datetime | None:
        try:
            return self.storage.get_modified_time(self.original)
        except NotImplementedError:
            return None

    @cached_property
    def _original(self) -> SourceInfo:
        with self.storage.open(self.original, "rb") as file:
            return probe(cast("BinaryIO", file), conf.limits())

    def _rendered(self, plan: RenditionPlan) -> bytes:
        recipe = plan.recipe.on(self.storage)
        with (
            self.storage.open(self.original, "rb") as file,
            open_picture(cast("BinaryIO", file), [recipe], conf.limits()) as picture,
        ):
            return picture.render(recipe).data


def _compare(found: SourceInfo, plan: RenditionPlan, original: SourceInfo) -> Verdict:
    if found.format != plan.format_for(original.format):
        return Verdict.WRONG_FORMAT
    wanted = plan.recipe.size_of(original.size)
    return Verdict.ADOPTED if wanted in (None, found.size) else Verdict.WRONG_SIZE
