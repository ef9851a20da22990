"""Files that exist already: is this one a rendition that can be taken over as it is?"""

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

# Mean difference of two renditions of one picture by two encoders; unlike ones are beyond 20.
_SAME_PICTURE = 6.0


class Verdict(StrEnum):
    """What was found where a rendition should lie."""

    ADOPTED = "adopted"
    MISSING = "missing"
    OLDER = "refused: older than its original"
    UNDATED = "refused: its storage does not say when it was made"
    BROKEN = "refused: not a whole picture"
    WRONG_SIZE = "refused: not the size that the key asks for"
    WRONG_FORMAT = "refused: not the format that the key asks for"
    NO_ORIGINAL = "refused: its original cannot be read"
    UNANSWERED = "refused: the storage did not answer"

    @property
    def is_refusal(self) -> bool:
        """Whether something lies there that is not taken over."""
        return self not in (Verdict.ADOPTED, Verdict.MISSING)


def adopt(
    storage: Storage, plans: Sequence[RenditionPlan], *, dry_run: bool
) -> dict[RenditionPlan, Verdict]:
    """Take over the files that are at the paths of `plans`, all of one original; render nothing.

    The caller vouches for files on a storage that tells no dates: there the name is all the proof.

    Args:
        dry_run: Change nothing.
    """
    if not plans:
        return {}
    examination = Examination(storage, plans[0].original.name, needs_dates=False)
    verdicts = {plan: examination.settled(plan, dry_run=dry_run) for plan in plans}
    adopted = [plan for plan, verdict in verdicts.items() if verdict is Verdict.ADOPTED]
    if adopted and not dry_run:
        project_recorder().record_created(adopted, examination.source_version)
        renditions_made.send_robust(sender=None, original=plans[0].original)
    return verdicts


class Examination:
    """Of the files that may be renditions of one original, which is looked at once at most."""

    def __init__(self, storage: Storage, original: str, *, needs_dates: bool = True) -> None:
        """Examine for the original of that name.

        Args:
            needs_dates: Take nothing over from a storage that does not say which file is older.
        """
        self.storage = storage
        self.original = original
        self.needs_dates = needs_dates

    def verdict(self, plan: RenditionPlan, path: str | None = None) -> Verdict:
        """Return what lies at `path`, by default that of the plan; nothing is changed.

        Raises:
            OSError: the storage did not answer.
        """
        path = path or plan.path
        if not self.storage.exists(path):
            return Verdict.MISSING
        try:
            if self._modified is None and self.needs_dates:
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
        """Return what lies at the plan's path, after it was put there from where it used to lie.

        The inherited package took the spaces out of names. What lies at such a path may be a
        rendition of another original; it is taken over if it shows this one.
        """
        verdict = self.verdict(plan)
        if verdict is not Verdict.MISSING or " " not in plan.path:
            return verdict
        old_path = plan.path.replace(" ", "")
        verdict = self.verdict(plan, old_path)
        if verdict is Verdict.ADOPTED:
            with self.storage.open(old_path, "rb") as file:
                data: bytes = file.read()
            if difference(data, self._rendered(plan), conf.limits()) > _SAME_PICTURE:
                return Verdict.MISSING
            publish(self.storage, plan.path, data)
        return verdict

    def settled(self, plan: RenditionPlan, *, dry_run: bool) -> Verdict:
        """Return what `adopt` does, or `verdict` where nothing may be changed; raises nothing."""
        try:
            return self.verdict(plan) if dry_run else self.adopt(plan)
        # An object store's client has errors of its own, and one name stops no other.
        except Exception:  # noqa: BLE001
            return Verdict.UNANSWERED

    @property
    def source_version(self) -> str:
        """What changes whenever the original is replaced."""
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
        with (
            self.storage.open(self.original, "rb") as file,
            open_picture(cast("BinaryIO", file), [plan.recipe], conf.limits()) as picture,
        ):
            return picture.render(plan.recipe).data


def _compare(found: SourceInfo, plan: RenditionPlan, original: SourceInfo) -> Verdict:
    if found.format != (plan.recipe.format or original.format):
        return Verdict.WRONG_FORMAT
    wanted = plan.recipe.size_of(original.size)
    return Verdict.ADOPTED if wanted in (None, found.size) else Verdict.WRONG_SIZE
