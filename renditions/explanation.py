"""What is known of one picture, and what an attempt to make its renditions would do. It only looks.

`engine.warming` acts; this module answers in advance. A test compares the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from renditions.errors import RenditionError
from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile
from renditions.planning.plans import RenditionPlan
from renditions.records import RecordState, RenditionRecord, project_recorder
from renditions.storage import source_version

from .engine.adoption import ExistingFiles, Verdict
from .engine.originals import OpenedOriginal
from .engine.warming import Reuse


class Turn(StrEnum):
    """What an attempt would do with one rendition."""

    KEEP = "keep"  # it is made and current
    ADOPT = "adopt"  # a good file exists, and only its record is missing
    RENDER = "render"
    FAIL = "fail"  # the original cannot be read, or the storage does not answer


@dataclass(frozen=True, slots=True)
class ExplainedRendition:
    """One declared rendition."""

    plan: RenditionPlan
    record: RenditionRecord | None  # None: nothing is known
    has_file: bool | None  # None: the storage did not answer
    turn: Turn
    reason: str  # why that turn, in English, as the end of a sentence

    def as_json(self) -> dict[str, Any]:
        record = self.record
        return {
            "key": str(self.plan.key),
            "path": self.plan.path,
            "storage": self.plan.storage,
            "has_file": self.has_file,
            "record": None
            if record is None
            else {
                "state": record.state.value,
                "recorded_at": record.recorded_at.isoformat(),
                "source_version": record.source_version,
                "attempts": record.attempts,
                "kind": record.kind,
                "reason": f"{record.headline} {record.detail}".strip(),
            },
            "would": self.turn.value,
            "because": self.reason,
        }


@dataclass(frozen=True, slots=True)
class ExplainedPicture:
    """The picture of one field of one instance."""

    field: VersatileImageField
    image: VersatileImageFieldFile
    original_version: str  # empty: it cannot be read
    original_trouble: str  # why; empty if it is there
    renditions: tuple[ExplainedRendition, ...]  # in the order of the declaration

    def of(self, turn: Turn) -> list[ExplainedRendition]:
        return [each for each in self.renditions if each.turn is turn]

    @property
    def effect(self) -> str:
        """What an attempt would do, and why: `render 3 of 12, because ...`."""
        parts = []
        for turn in (Turn.RENDER, Turn.ADOPT, Turn.FAIL):
            if found := self.of(turn):
                reasons = " or ".join(dict.fromkeys(each.reason for each in found))
                verb = "fail at" if turn is Turn.FAIL else turn.value
                parts.append(f"{verb} {len(found)} of {len(self.renditions)}, because {reasons}")
        if kept := self.of(Turn.KEEP):
            parts.append(f"keep {len(kept)}, because {kept[0].reason}")
        return "; ".join(parts) or "make nothing, because nothing is declared"


@dataclass(frozen=True, slots=True)
class Addition:
    """What another app knows of a picture, for the shell."""

    title: str  # a key in JSON
    facts: Mapping[str, Any]  # for JSON
    lines: tuple[str, ...]  # the same for people
    now: tuple[str, ...]  # what would happen now, and why: sentences


def explain(
    image: VersatileImageFieldFile, field: VersatileImageField, reuse: Reuse = Reuse.GOOD
) -> ExplainedPicture:
    """Return what is known of `image`, and what an attempt with `reuse` would do.

    Raises:
        ImproperlyConfigured, InvalidSizeKey, InvalidSizeKeySet: the declaration cannot be read.
    """
    if not image:
        return ExplainedPicture(field, image, "", "", ())
    # The worker plans with the size of the original, too, if the row does not have it yet.
    plans, version, trouble = image.plans(), "", ""
    try:
        version = source_version(image.storages.originals, str(image.name))
        if image.lacks_meta:
            with OpenedOriginal(image.storages.originals, str(image.name)) as original:
                plans = image.plans(size=original.size())
    except RenditionError as error:
        trouble = str(error)
    look = _Look(image, plans, version, trouble, reuse)
    return ExplainedPicture(field, image, version, trouble, tuple(map(look.explained, plans)))


class _Look:
    """What cache and storage know of the renditions of one picture."""

    def __init__(
        self,
        image: VersatileImageFieldFile,
        plans: Sequence[RenditionPlan],
        version: str,
        trouble: str,
        reuse: Reuse,
    ) -> None:
        self.version = version
        self.trouble = trouble
        self.reuse = reuse
        self.records: Mapping[str, RenditionRecord] = project_recorder().recall(plans)
        self.existing = ExistingFiles(image.storages, str(image.name))
        unknown = [plan for plan in plans if plan.path not in self.records]
        self.verdicts = self.existing.safe_verdicts(unknown, dry_run=True)
        self.answers = True
        try:
            self.existing.look(plans)
        # Clients of object stores raise errors of their own.
        except Exception:  # noqa: BLE001
            self.answers = False

    def explained(self, plan: RenditionPlan) -> ExplainedRendition:
        has_file = self.existing.has(plan.path) if self.answers else None
        turn, reason = self._turn(plan)
        if turn is Turn.RENDER and self.trouble:
            turn, reason = Turn.FAIL, f"the original cannot be read: {self.trouble}"
        return ExplainedRendition(plan, self.records.get(plan.path), has_file, turn, reason)

    def _turn(self, plan: RenditionPlan) -> tuple[Turn, str]:
        if not self.version:
            return Turn.RENDER, "the original is gone"
        if self.reuse is Reuse.NOTHING:
            return Turn.RENDER, "the job replaces files of an older original"
        if not self.answers:
            return Turn.FAIL, "the storage of the renditions does not answer"
        record = self.records.get(plan.path)
        if record is None:
            return self._turn_without_record(plan)
        return self._turn_with_record(plan, record)

    def _turn_without_record(self, plan: RenditionPlan) -> tuple[Turn, str]:
        if self.reuse is Reuse.RECORDED:
            return Turn.RENDER, "it is a new upload, and the record is missing"
        verdict = self.verdicts[plan]
        if verdict is Verdict.ADOPTED:
            return Turn.ADOPT, "the file is good, and only the record is missing"
        if verdict is Verdict.MISSING:
            return Turn.RENDER, "the record is missing and the file too"
        return Turn.RENDER, f"the record is missing, and the file is {verdict}"

    def _turn_with_record(self, plan: RenditionPlan, record: RenditionRecord) -> tuple[Turn, str]:
        if record.state is RecordState.FAILED:
            return (
                Turn.RENDER,
                f"the last attempt failed: {record.headline} {record.detail}".strip(),
            )
        if not record.is_made_by(plan):
            return Turn.RENDER, "the record is of another declaration, encoding or focal point"
        if record.source_version != self.version:
            return Turn.RENDER, "the original was replaced since"
        if not self.existing.has(plan.path):
            return Turn.RENDER, "the record says that it is made, and the file is gone"
        return Turn.KEEP, "record and file are there"
