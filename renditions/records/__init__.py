"""What is known of each rendition, and the only writer of it.

A record is a memory that may vanish at any moment: absent means unknown, never missing.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol, Self

from django.utils.module_loading import import_string

from renditions import conf
from renditions.errors import RenditionError, StoreUnavailable
from renditions.planning.plans import RenditionPlan

logger = logging.getLogger(__name__)

# Grows whenever the text of a record changes its meaning: old records are then unknown, not wrong.
RECORD_VERSION = 1


class RecordState(StrEnum):
    """What the last attempt at a rendition came to."""

    CREATED = "created"  # it lies whole at its path
    FAILED = "failed"  # it could not be made; `error` says why


@dataclass(frozen=True, slots=True)
class RenditionRecord:
    """What is known of the rendition at one path."""

    path: str  # on the field's storage
    state: RecordState
    fingerprint: str  # of the plan it was made from
    source_version: str  # of the original it was made from
    attempts: int  # failed ones in a row; 0 once created
    recorded_at: datetime  # aware, UTC
    kind: str = ""  # of the error: a stable slug
    error: str = ""  # why it failed, for people

    def is_current(self, plan: RenditionPlan, source_version: str) -> bool:
        """Whether the rendition is what `plan` would make of this very original."""
        return (
            self.state is RecordState.CREATED
            and self.fingerprint == plan.fingerprint
            and self.source_version == source_version
        )

    def to_text(self) -> str:
        """Return the record as JSON; a store never sees an object to pickle."""
        return json.dumps(
            {
                "v": RECORD_VERSION,
                "path": self.path,
                "state": self.state,
                "fingerprint": self.fingerprint,
                "source_version": self.source_version,
                "attempts": self.attempts,
                "recorded_at": self.recorded_at.isoformat(),
                "kind": self.kind,
                "error": self.error,
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_text(cls, text: object) -> Self | None:
        """Return the record that `text` holds, or None where it is none of ours."""
        try:
            values = json.loads(text)  # type: ignore[arg-type]
            if values.pop("v") != RECORD_VERSION:
                return None
            values["state"] = RecordState(values["state"])
            values["recorded_at"] = datetime.fromisoformat(values["recorded_at"])
            return cls(**values)
        except (TypeError, ValueError, KeyError, AttributeError):
            return None


class RecordStore(Protocol):
    """Where records are kept: text by key. Every method may raise `StoreUnavailable`.

    The stores contract in `renditions.testing` proves an implementation.
    """

    def get_many(self, keys: Iterable[str]) -> Mapping[str, str]:
        """Return what is there of `keys`."""

    def set_many(self, texts: Mapping[str, str]) -> None:
        """Keep `texts`, each in one step: a reader sees the old text or the new one."""

    def delete_many(self, keys: Iterable[str]) -> None:
        """Forget `keys`; an absent one is no error."""


def record_key(storage: str, path: str) -> str:
    """Return the key of a path's record: fit for any cache, whatever the path holds."""
    digest = hashlib.blake2b(f"{storage}\0{path}".encode("utf-8", "surrogatepass"), digest_size=20)
    return f"rendition:{digest.hexdigest()}"


def project_recorder() -> "Recorder":
    """Return the recorder over the store that the settings name."""
    store: RecordStore = import_string(conf.rendition_settings().store)()
    return Recorder(store)


class Recorder:
    """The only reader and writer of records.

    A store that does not answer is one that has forgotten: reading gives nothing, writing is
    logged. Pages, warming and the ledger go on.
    """

    def __init__(self, store: RecordStore) -> None:
        self._store = store

    def recall(self, plans: Iterable[RenditionPlan]) -> dict[str, RenditionRecord]:
        """Return the records that are there, by path, in one round trip."""
        keys = {record_key(plan.storage, plan.path): plan.path for plan in plans}
        if not keys:
            return {}
        try:
            texts = self._store.get_many(keys)
        except StoreUnavailable as error:
            logger.warning("Records cannot be read, so nothing is known: %s", error)
            return {}
        records = {keys[key]: RenditionRecord.from_text(text) for key, text in texts.items()}
        return {path: record for path, record in records.items() if record and record.path == path}

    def record_created(
        self, plans: Sequence[RenditionPlan], source_version: str
    ) -> dict[str, RenditionRecord]:
        """Note that each of `plans` lies whole at its path; return what was noted, by path."""
        records = {
            plan: RenditionRecord(
                path=plan.path,
                state=RecordState.CREATED,
                fingerprint=plan.fingerprint,
                source_version=source_version,
                attempts=0,
                recorded_at=datetime.now(UTC),
            )
            for plan in plans
        }
        self._write(records)
        return {plan.path: record for plan, record in records.items()}

    def record_failed(
        self, failures: Mapping[RenditionPlan, RenditionError], source_version: str
    ) -> None:
        """Note why each plan failed, and count the attempt."""
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
                    error=str(error),
                )
                for plan, error in failures.items()
            }
        )

    def forget(self, storage: str, paths: Iterable[str]) -> None:
        """Make what is known of `paths` unknown."""
        try:
            self._store.delete_many([record_key(storage, path) for path in paths])
        except StoreUnavailable as error:
            logger.warning("Records cannot be deleted: %s", error)

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
            logger.warning("Records cannot be written: %s", error)
