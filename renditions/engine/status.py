"""Is a rendition made, is it current, and if not, why? Everything that asks this asks here.

Nothing is made by asking. Pages, saves, bulk runs and the API differ only in how far they look:
each step further costs a call to the storage that the step before does not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from django.core.files.storage import Storage

from renditions.planning.plans import RenditionPlan
from renditions.records import RecordState, RenditionRecord, project_recorder
from renditions.signals import renditions_made
from renditions.storage.originals import source_version

from .adoption import Examination, Verdict

# A page does not try a broken picture again for every visitor. It waits this long after a failure,
# and twice as long after each further one.
RETRY_AFTER_S = 60
RETRY_AFTER_MAX_S = 86_400


class Look(IntEnum):
    """How far to look."""

    RECORDS = 0  # the records alone: one call to the cache
    ORIGINAL = 1  # and whether the original is still the one that the renditions were made from
    FILES = 2  # and whether each file is there


@dataclass(frozen=True, slots=True)
class RenditionStatus:
    """What is known of one rendition."""

    plan: RenditionPlan
    record: RenditionRecord | None  # None: no file is known, and no failure

    @property
    def is_made(self) -> bool:
        """Whether a whole file is at the plan's path. It may be of an older original."""
        return self.record is not None and self.record.state is RecordState.CREATED

    @property
    def reason(self) -> str:
        """Why the last attempt failed; empty if it did not, or if there was none."""
        return self.record.error if self.record else ""


def survey(
    storage: Storage,
    plans: Sequence[RenditionPlan],
    records: Mapping[str, RenditionRecord] | None = None,
) -> list[RenditionStatus]:
    """Return the status of each of `plans`, which are of one original.

    Where nothing is known of a rendition, its file is looked for; a good one is recorded, so that
    the next question needs no look at the storage.

    Args:
        records: What `recall` returned for these plans and perhaps others; by default it is asked.
    """
    known = dict(recall(plans) if records is None else records)
    unknown = [plan for plan in plans if plan.path not in known]
    if unknown:
        examination = Examination(storage, unknown[0].original.name)
        found = [p for p in unknown if examination.settled(p, dry_run=True) is Verdict.ADOPTED]
        if found:
            recorder = project_recorder()
            known |= recorder.record_created(found, examination.source_version)
            renditions_made.send_robust(sender=None, original=found[0].original)
    return [RenditionStatus(plan, known.get(plan.path)) for plan in plans]


def are_made(
    storage: Storage,
    plans: Sequence[RenditionPlan],
    look: Look,
    records: Mapping[str, RenditionRecord] | None = None,
) -> bool:
    """Whether each of `plans`, which are of one original, is made and current.

    If the storage does not answer, the answer is no: whoever then makes them finds the reason.

    Args:
        look: How far to look.
        records: What `recall` returned for these plans and perhaps others; by default it is asked.
    """
    if not plans:
        return True
    records = recall(plans) if records is None else records
    # Before the storage is asked anything.
    if not _are_recorded(plans, records):
        return False
    if look >= Look.ORIGINAL:
        version = version_now(storage, plans[0].original.name)
        if version is None or not _are_recorded(plans, records, version):
            return False
    return look < Look.FILES or _are_there(storage, plans)


def recall(plans: Iterable[RenditionPlan]) -> dict[str, RenditionRecord]:
    """Return the records that there are of `plans`, of any originals, by path."""
    return project_recorder().recall(plans)


def may_try_now(plan: RenditionPlan) -> bool:
    """Whether a page that needs the rendition makes it: it is not made, or failed a while ago."""
    record = recall([plan]).get(plan.path)
    if record is None or record.fingerprint != plan.fingerprint:
        return True
    if record.state is not RecordState.FAILED:
        return False
    wait_s = min(RETRY_AFTER_S * 2 ** min(record.attempts - 1, 20), RETRY_AFTER_MAX_S)
    return datetime.now(UTC) - record.recorded_at > timedelta(seconds=wait_s)


def version_now(storage: Storage, name: str) -> str | None:
    """Return the version of the original that is at `name` now; None: the storage does not say."""
    try:
        return source_version(storage, name)
    # The client of an object store has errors of its own, which cannot be imported here.
    except Exception:  # noqa: BLE001
        return None


def _are_recorded(
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


def _are_there(storage: Storage, plans: Sequence[RenditionPlan]) -> bool:
    try:
        return all(storage.exists(plan.path) for plan in plans)
    except Exception:  # noqa: BLE001
        return False
