"""Records: what the cache knows of each rendition, and the only code that reads and writes it.

A cache may drop a record at any moment. A missing record means that nothing is known, not that
the file is missing.
"""

import functools
import hashlib
import json
import logging
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol, Self

from django.utils.module_loading import import_string

from renditions import conf
from renditions.errors import RenditionError, StoreUnavailable
from renditions.imaging.geometry import Size
from renditions.outages import Outage
from renditions.planning.plans import RenditionPlan
from renditions.signals import records_recalled

logger = logging.getLogger(__name__)

# Increase it when the text of a record changes its meaning: old records are then ignored.
RECORD_VERSION = 1


# Made once: `json.dumps` and `json.loads` take twice as long.
_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().raw_decode


class RecordState(StrEnum):
    """The result of the last attempt to make a rendition."""

    CREATED = "created"  # the complete file is at its path
    FAILED = "failed"  # `kind`, `headline` and `detail` say why


_STATES = {state.value: state for state in RecordState}


@dataclass(frozen=True, slots=True)
class RenditionRecord:
    """The last attempt to make the rendition at one path."""

    path: str  # on the field's storage
    state: RecordState
    fingerprint: str  # of the plan
    source_version: str  # of the original
    attempts: int  # consecutive failures; 0 if created
    recorded_at: datetime  # aware, UTC
    width: int = 0  # of the file, px; 0: unknown
    height: int = 0
    kind: str = ""  # these three are those of the `RenditionError`; empty if created
    headline: str = ""
    detail: str = ""

    @property
    def size(self) -> Size | None:
        """Size of the file, px; None: it is unknown."""
        return Size(self.width, self.height) if self.width and self.height else None

    def is_made_by(self, plan: RenditionPlan) -> bool:
        """Whether the rendition was made by this plan, perhaps from an older original."""
        return self.state is RecordState.CREATED and self.fingerprint == plan.fingerprint

    def is_current(self, plan: RenditionPlan, source_version: str) -> bool:
        """Whether the rendition was made by this plan from this version of the original."""
        return self.source_version == source_version and self.is_made_by(plan)

    def to_text(self) -> str:
        """Return the record as JSON: a store must never have to pickle an object."""
        values = {
            "v": RECORD_VERSION,
            "path": self.path,
            "state": self.state,
            "fingerprint": self.fingerprint,
            "source_version": self.source_version,
            "attempts": self.attempts,
            "recorded_at": self.recorded_at.isoformat(),
        }
        if self.width and self.height:
            values |= {"width": self.width, "height": self.height}
        if self.kind or self.headline or self.detail:
            values |= {"kind": self.kind, "headline": self.headline, "detail": self.detail}
        return _encode(values)

    @classmethod
    def from_text(cls, text: object) -> Self | None:
        """Parse `text`; return None if it is not a record of this version."""
        try:
            values, end = _decode(text)  # type: ignore[arg-type]
            if end != len(text) or values.pop("v") != RECORD_VERSION:  # type: ignore[arg-type]
                return None
            values["state"] = _STATES[values["state"]]
            values["recorded_at"] = datetime.fromisoformat(values["recorded_at"])
            return cls(**values)
        except (TypeError, ValueError, KeyError, AttributeError):
            return None


def tells_created(text: str, fingerprint: str) -> bool:
    """Whether `text` is a record that a plan with `fingerprint` made its rendition.

    It looks for what `to_text` writes, because parsing takes ten times as long. No other value can
    look the same: JSON escapes each quote inside a value.
    """
    return f'"state":"{RecordState.CREATED}","fingerprint":"{fingerprint}",' in text


class RecordStore(Protocol):
    """Keeps texts by key. Every method may raise `StoreUnavailable`.

    `renditions.testing.RecordStoreContract` tests an implementation.
    """

    def get_many(self, keys: Iterable[str]) -> Mapping[str, str]:
        """Return the texts of those `keys` that exist."""

    def set_many(self, texts: Mapping[str, str]) -> None:
        """Write `texts`, each atomically: a reader sees the old text or the new one."""

    def delete_many(self, keys: Iterable[str]) -> None:
        """Delete `keys`; a key that does not exist is no error."""


def record_key(storage: str, path: str) -> str:
    """Return the key of the record for `path`: a digest, because caches restrict their keys.

    It is short, because Django looks at each of its characters at each use.
    """
    digest = hashlib.blake2b(f"{storage}\0{path}".encode("utf-8", "surrogatepass"), digest_size=15)
    return f"rendition:{urlsafe_b64encode(digest.digest()).decode()}"


def project_recorder() -> "Recorder":
    """Return a recorder with the store that the settings name."""
    store: RecordStore = import_string(conf.rendition_settings().store)()
    return Recorder(store)


def probe_store(value: str) -> None:
    """Write `value` to the store of the project, read it again, and delete it.

    Raises:
        StoreUnavailable: the store does not answer, or has lost the value.
    """
    store: RecordStore = import_string(conf.rendition_settings().store)()
    key = f"rendition:probe:{value}"
    store.set_many({key: value})
    found = store.get_many([key])
    store.delete_many([key])
    if found.get(key) != value:
        raise StoreUnavailable("It does not keep what is written to it.")


@functools.cache
def _outages_of(store: type[RecordStore]) -> tuple[Outage, Outage]:
    """Return the outages of the stores of a class: no answer to a read, and none to a write."""
    reads = Outage(logger, "records")
    return reads, Outage(logger, "records", part_of=reads)


class Recorder:
    """Reads and writes records.

    A store that does not answer is treated like an empty one, and the fault is logged once. So a
    failed cache breaks no page, no warming and no save.
    """

    def __init__(self, store: RecordStore) -> None:
        self._store = store
        self._reads, self._writes = _outages_of(type(store))

    def recall(self, plans: Iterable[RenditionPlan]) -> dict[str, RenditionRecord]:
        """Return the existing records of `plans`, by path, in one round trip."""
        return self.recall_each([plans])[0]

    def recall_each(
        self, groups: Iterable[Iterable[RenditionPlan]]
    ) -> list[dict[str, RenditionRecord]]:
        """Return the existing records of each group, by path, in one round trip for all.

        A path names a rendition of one storage. The plans of a group must share a storage.
        """
        keys = [{record_key(plan.storage, plan.path): plan.path for plan in g} for g in groups]
        texts = self.texts({key for paths in keys for key in paths})
        return [_parsed(texts, paths) for paths in keys]

    def texts(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return the texts of the existing records with one of `keys`, in one round trip."""
        if not keys:
            return {}
        found: Mapping[str, str] | None = None
        try:
            found = self._store.get_many(keys)
        except StoreUnavailable as error:
            self._reads.began(
                "The cache does not answer. Records cannot be read and count as missing: %s", error
            )
        else:
            self._reads.ended("The cache answers again, after %.0f s.")
        if records_recalled.receivers:
            number = None if found is None else len(found)
            records_recalled.send_robust(sender=None, wanted=len(keys), found=number)
        return found or {}

    def record_created(
        self, sizes: Mapping[RenditionPlan, Size | None], source_version: str
    ) -> dict[str, RenditionRecord]:
        """Record that the file of each plan exists; return the records by path.

        Args:
            sizes: Of the files, px; None: it is unknown.
        """
        records = {
            plan: RenditionRecord(
                path=plan.path,
                state=RecordState.CREATED,
                fingerprint=plan.fingerprint,
                source_version=source_version,
                attempts=0,
                recorded_at=datetime.now(UTC),
                width=size.width if size else 0,
                height=size.height if size else 0,
            )
            for plan, size in sizes.items()
        }
        self._write(records)
        return {plan.path: record for plan, record in records.items()}

    def record_failed(
        self, failures: Mapping[RenditionPlan, RenditionError], source_version: str
    ) -> None:
        """Record why each plan failed, and count the attempt."""
        known = self.recall(failures)
        self._write(
            {
                plan: RenditionRecord(
                    path=plan.path,
                    state=RecordState.FAILED,
                    fingerprint=plan.fingerprint,
                    source_version=source_version,
                    attempts=1 + (known[plan.path].attempts if plan.path in known else 0),
                    recorded_at=datetime.now(UTC),
                    kind=error.kind,
                    headline=error.headline,
                    detail=error.detail,
                )
                for plan, error in failures.items()
            }
        )

    def delete(self, storage: str, paths: Iterable[str]) -> None:
        try:
            self._store.delete_many([record_key(storage, path) for path in paths])
        except StoreUnavailable as error:
            self._writes.began("Records cannot be deleted: %s", error)

    def _write(self, records: Mapping[RenditionPlan, RenditionRecord]) -> None:
        texts = {
            record_key(plan.storage, plan.path): record.to_text()
            for plan, record in records.items()
        }
        if not texts:
            return
        try:
            self._store.set_many(texts)
        except StoreUnavailable as error:
            self._writes.began("Records cannot be written: %s", error)
        else:
            self._writes.ended("Records can be written again, after %.0f s.")


def _parsed(texts: Mapping[str, str], paths: Mapping[str, str]) -> dict[str, RenditionRecord]:
    """Return the records among `texts` that are of `paths`, by path.

    Args:
        paths: The path of each key.
    """
    known = ((path, texts[key]) for key, path in paths.items() if key in texts)
    records = {path: RenditionRecord.from_text(text) for path, text in known}
    return {path: record for path, record in records.items() if record and record.path == path}
