"""Is a rendition made, is it current, and if not, why? This module makes no rendition.

Pages, saves, bulk runs and the API all ask here. They differ in how far they look, and each step
costs more calls to the storage.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from django.core.files.storage import Storage
from django.utils.translation import gettext

from renditions.planning.plans import RenditionPlan
from renditions.records import RecordState, RenditionRecord, project_recorder
from renditions.signals import renditions_made
from renditions.storage import Storages, find_files, source_version, source_versions

from .adoption import ExistingFiles, Verdict

# A page must not render a broken picture again for every visitor. It waits this long after the
# first failure, and twice as long after each further one.
RETRY_AFTER_S = 60
RETRY_AFTER_MAX_S = 86_400


class Look(IntEnum):
    """How far to look. Each value includes the ones before it."""

    RECORDS = 0  # the records: one call to the cache
    ORIGINAL = 1  # whether the original was replaced since: one or two calls to the storage
    FILES = 2  # whether each file exists: one more call for each


@dataclass(frozen=True, slots=True)
class RenditionStatus:
    """The status of one rendition."""

    plan: RenditionPlan
    record: RenditionRecord | None  # None: neither a file nor a failure is known

    @property
    def is_made(self) -> bool:
        """Whether a complete file is at the path, perhaps from an older original."""
        return self.record is not None and self.record.state is RecordState.CREATED

    @property
    def reason(self) -> str:
        """Why the last attempt failed, in the language of the reader; empty if it did not fail."""
        return gettext(self.record.headline) if self.record and self.record.headline else ""


def survey(
    storages: Storages,
    plans: Sequence[RenditionPlan],
    records: Mapping[str, RenditionRecord] | None = None,
) -> list[RenditionStatus]:
    """Return the status of each plan, in their order.

    A rendition without a record is looked up on the storage. This writes: a good file is recorded
    as created, so that the next call needs no storage, and `renditions_made` is sent. Then the
    failed job of a picture whose renditions are all made is deleted.

    A file of django-versatileimagefield at a path without its spaces counts as missing: only
    `adopt` and `warm` compare its pixels with the original and copy it.

    Args:
        plans: Of one original.
        records: The result of `recall` for these plans and perhaps others; None: recall them now.
    """
    known = dict(recall(plans) if records is None else records)
    unknown = [plan for plan in plans if plan.path not in known]
    if unknown:
        existing = ExistingFiles(storages, unknown[0].original.name)
        verdicts = existing.safe_verdicts(unknown, dry_run=True)
        found = [plan for plan in unknown if verdicts[plan] is Verdict.ADOPTED]
        if found:
            sizes = {plan: existing.size_of(plan) for plan in found}
            known |= project_recorder().record_created(sizes, existing.source_version)
            renditions_made.send_robust(sender=None, original=found[0].original)
    return [RenditionStatus(plan, known.get(plan.path)) for plan in plans]


@dataclass(frozen=True, slots=True)
class Recalled:
    """The plans of one original, and what `recall_each` has returned for them."""

    storages: Storages
    plans: Sequence[RenditionPlan]
    records: Mapping[str, RenditionRecord]
    is_looked_up: bool = True  # False: a rendition without a record counts as not made

    @property
    def unknown(self) -> list[str]:
        """Paths that the storage is asked about."""
        paths = [plan.path for plan in self.plans if plan.path not in self.records]
        return paths if self.is_looked_up else []

    @property
    def recorded(self) -> list[RenditionStatus]:
        """The status of each plan as the records have it."""
        return [RenditionStatus(plan, self.records.get(plan.path)) for plan in self.plans]


def survey_each(pictures: Sequence[Recalled]) -> list[list[RenditionStatus]]:
    """Return what `survey` returns, for several originals.

    A storage is asked once about all renditions without a record, in as few calls as it allows.
    Only an original that has such a file is surveyed alone.
    """
    surveyed = _with_files(pictures)
    return [
        survey(picture.storages, picture.plans, picture.records)
        if number in surveyed
        else picture.recorded
        for number, picture in enumerate(pictures)
    ]


def _with_files(pictures: Sequence[Recalled]) -> set[int]:
    """Return the positions of the pictures that may have a file without a record."""
    asked = {number: picture.unknown for number, picture in enumerate(pictures)}
    asked = {number: paths for number, paths in asked.items() if paths}
    if len(asked) < 2:
        return set(asked)
    # By id: a storage of a project may not be hashable.
    storages = {id(pictures[n].storages.renditions): pictures[n].storages.renditions for n in asked}
    found: set[int] = set()
    for key, storage in storages.items():
        groups = {n: asked[n] for n in asked if id(pictures[n].storages.renditions) == key}
        found |= _groups_with_files(storage, groups)
    return found


def _groups_with_files(storage: Storage, groups: Mapping[int, Sequence[str]]) -> set[int]:
    """Return the groups of which a file exists; all of them if the storage did not answer."""
    try:
        existing = find_files(storage, groups.values())
    # As in `version_now`. One bad path may be the reason, and must not hide the others.
    except Exception:  # noqa: BLE001
        return set(groups)
    return {number for number, paths in groups.items() if any(path in existing for path in paths)}


def are_current(
    storages: Storages,
    plans: Sequence[RenditionPlan],
    look: Look,
    records: Mapping[str, RenditionRecord] | None = None,
) -> bool:
    """Whether all `plans` are made and current.

    False if the storage does not answer: the attempt to make them then records the reason.

    Args:
        plans: Of one original.
        look: How far to look.
        records: The result of `recall` for these plans and perhaps others; None: recall them now.
    """
    if not plans:
        return True
    records = recall(plans) if records is None else records
    # This check needs no call to the storage, so it comes first.
    if not _are_recorded(plans, records):
        return False
    if look >= Look.ORIGINAL:
        version = version_now(storages.originals, plans[0].original.name)
        if any(records[plan.path].source_version != version for plan in plans):
            return False
    return look < Look.FILES or _exist(storages.renditions, plans)


def current_ones(
    storages: Storages,
    plans_of_each: Sequence[Sequence[RenditionPlan]],
    records: Mapping[str, RenditionRecord],
    interrupts: tuple[type[Exception], ...] = (),
) -> set[int]:
    """Return the positions of the originals whose renditions are all made and current.

    It looks as far as `Look.FILES`, in as few calls as the storages allow. An original without
    plans is current. One for which the storage does not answer is not: the attempt to make its
    renditions records the reason.

    Args:
        plans_of_each: The plans of each original.
        records: The result of `recall` for all plans.
        interrupts: Errors that end the look, such as that of a time limit.
    """
    recorded = {
        position: plans
        for position, plans in enumerate(plans_of_each)
        if _are_recorded(plans, records)
    }
    looked_at = [plans for plans in recorded.values() if plans]
    try:
        names = [plans[0].original.name for plans in looked_at]
        versions = source_versions(storages.originals, names)
        groups = ([plan.path for plan in plans] for plans in looked_at)
        existing = find_files(storages.renditions, groups)
    except interrupts:
        raise
    # One file may be the reason, and must not hide the others.
    except Exception:  # noqa: BLE001
        return {
            position
            for position, plans in recorded.items()
            if are_current(storages, plans, Look.FILES, records)
        }

    def is_current(plan: RenditionPlan) -> bool:
        version = versions.get(plan.original.name)
        return records[plan.path].source_version == version and plan.path in existing

    return {position for position, plans in recorded.items() if all(map(is_current, plans))}


def recall(plans: Iterable[RenditionPlan]) -> dict[str, RenditionRecord]:
    """Return the existing records of `plans` by path. The plans may be of several originals."""
    return project_recorder().recall(plans)


def recall_each(groups: Iterable[Iterable[RenditionPlan]]) -> list[dict[str, RenditionRecord]]:
    """Return the existing records of each group by path, in one round trip for all groups.

    Args:
        groups: The plans of one group are on one storage.
    """
    return project_recorder().recall_each(groups)


def may_try_now(plan: RenditionPlan) -> bool:
    """Whether a page should make the rendition: it is not made, and did not fail just now."""
    return may_try_after(plan, recall([plan]).get(plan.path))


def may_try_after(plan: RenditionPlan, record: RenditionRecord | None) -> bool:
    """Like `may_try_now`, with the present record of the rendition."""
    if record is None or record.fingerprint != plan.fingerprint:
        return True
    if record.state is not RecordState.FAILED:
        return False
    return datetime.now(UTC) > next_attempt_at(record)


def next_attempt_at(record: RenditionRecord) -> datetime:
    """Return when a request may make the rendition again that failed as `record` says."""
    wait_s = min(RETRY_AFTER_S * 2 ** min(record.attempts - 1, 20), RETRY_AFTER_MAX_S)
    return record.recorded_at + timedelta(seconds=wait_s)


def version_now(storage: Storage, name: str) -> str | None:
    """Return the current version of the original at `name`; None: the storage did not answer."""
    try:
        return source_version(storage, name)
    # Clients of object stores raise errors of their own, and this module cannot import them.
    except Exception:  # noqa: BLE001
        return None


def _are_recorded(plans: Sequence[RenditionPlan], records: Mapping[str, RenditionRecord]) -> bool:
    """Whether each of `plans` has a record that it was made, from any version of the original."""
    known = [(plan, records.get(plan.path)) for plan in plans]
    return all(record and record.is_current(plan, record.source_version) for plan, record in known)


def _exist(storage: Storage, plans: Sequence[RenditionPlan]) -> bool:
    paths = [plan.path for plan in plans]
    try:
        return len(find_files(storage, [paths])) == len(paths)
    # As in `version_now`. The attempt to make the renditions records the reason.
    except Exception:  # noqa: BLE001
        return False
