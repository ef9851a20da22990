"""What holds the promises, each to be taken out: a fault that nobody would notice proves nothing.

A function here runs in every process of a run that is started with `--without NAME`, before the
first picture. It patches the product; the product has no switch for it.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def atomic_publish() -> None:
    """A rendition is written under its own name, piece by piece."""
    from renditions.storage import disk as unfinished

    def write_in_place(folder: Path, target: Path, data: bytes, mode: int | None) -> None:
        with target.open("wb") as file:
            for start in range(0, len(data), 512):
                file.write(data[start : start + 512])
                file.flush()
                time.sleep(0.002)

    unfinished._put_through = write_in_place


def unfinished_sweep() -> None:
    """Nobody removes what killed processes leave."""
    from renditions.storage import disk as unfinished

    unfinished.sweep = lambda storage, older_than_s: 0


def sweep() -> None:
    """Nothing but the first message asks for a job."""
    from workers import dispatch, recovery

    recovery.sweep = lambda: 0
    dispatch.send_sweep = lambda: None


def hand_over() -> None:
    """A worker that ends, or takes another's place, frees no lease."""
    from workers import recovery

    recovery.release_worker = recovery.release_killed_worker = lambda worker: 0
    recovery.release_task = lambda task_id, reason: None


def attempts() -> None:
    """An attempt is not counted before it is begun."""
    from workers import ledger

    claim = ledger.claim

    def uncounted(hint: Any, **more: Any) -> Any:
        return claim(hint, **{**more, "max_attempts": 1_000_000})

    ledger.claim = uncounted


def memory() -> None:
    """A job has no budget, and a MemoryError leaves the task."""
    from workers import worker

    def let_travel(claim: Any, kind: str, reason: str) -> None:
        raise MemoryError

    worker._cut_off = let_travel
    _let_memory_errors_out()


def _let_memory_errors_out() -> None:
    from renditions import errors
    from renditions.engine import warming

    class Travelling(MemoryError, errors.TransientError):
        kind = "memory"

    def interrupting(self: Any, plans: Any, error: Any) -> None:
        if isinstance(error, errors.OutOfMemory):
            raise MemoryError
        fail(self, plans, error)

    fail = warming._Warming._fail
    warming._Warming._fail = interrupting
    del Travelling


def short_timeouts() -> None:
    """A save waits for the broker as long as Celery does by default."""
    from tests.chaos.celery import app

    app.conf.broker_transport_options = {}
    app.conf.task_publish_retry_policy = {}
    from workers import dispatch

    dispatch.CIRCUIT_OPEN_S = 0


def json_only() -> None:
    """A worker takes pickles."""
    from tests.chaos.celery import app

    app.conf.accept_content = ["json", "pickle"]


def forgetful_records() -> None:
    """A cache that is away is an error and not a loss of memory."""
    from renditions import records

    def recall(self: Any, plans: Any) -> Any:
        keys = {records.record_key(plan.storage, plan.path): plan.path for plan in plans}
        texts = self._store.get_many(keys)
        found = {keys[key]: records.RenditionRecord.from_text(text) for key, text in texts.items()}
        return {path: record for path, record in found.items() if record}

    records.Recorder.recall = recall


def retry() -> None:
    """No failure is taken for one that may pass."""
    from workers import worker

    worker._is_final = lambda report: True


def finality() -> None:
    """Every failure is taken for one that may pass."""
    from workers import worker

    worker._is_final = lambda report: False


def one_commit() -> None:
    """A save outside of a transaction commits the row first and its debt afterwards."""
    from workers import enqueue

    enqueue._save_in_one_transaction = lambda: None


def after_commit() -> None:
    """A message is sent at once, while the transaction goes on."""
    from workers import dispatch

    dispatch.send_after_commit = dispatch.send


def generation() -> None:
    """A worker that was overtaken by a save may finish all the same."""
    from workers import ledger

    def held(claim: Any) -> Any:
        return ledger._jobs(claim.target.using).filter(pk=claim.job_id)

    ledger._held = held


def lease() -> None:
    """A job may be claimed while somebody is at it."""
    from django.db.models import Q
    from django.db.models.functions import Now

    from workers import ledger
    from workers.models import JobState

    states = [JobState.QUEUED, JobState.WARMING]
    ledger._claimable = lambda: Q(state__in=states, due_at__lte=Now())


def path_check() -> None:
    """A rendition is written wherever its name leads."""
    import posixpath

    from django.core.files.storage import FileSystemStorage

    from renditions import storage
    from renditions.storage import disk

    storage.validate_file_name = lambda name, allow_relative_path: name
    disk._refuse_way_out = lambda storage, target: None
    FileSystemStorage.path = lambda self, name: posixpath.join(str(self.location), name)


def database_clock() -> None:
    """Times are those of each worker's own clock."""
    from datetime import UTC, datetime

    from django.db.models import Value

    from workers import ledger

    ledger.Now = lambda: Value(datetime.fromtimestamp(time.time(), UTC))


def mended_times() -> None:
    """Nobody brings back what lies impossibly far ahead."""
    from workers import ledger

    ledger.clamp_times = lambda using, **more: 0


GUARDS: dict[str, Callable[[], None]] = {
    "atomic-publish": atomic_publish,
    "unfinished-sweep": unfinished_sweep,
    "sweep": sweep,
    "hand-over": hand_over,
    "attempts": attempts,
    "memory": memory,
    "short-timeouts": short_timeouts,
    "json-only": json_only,
    "forgetful-records": forgetful_records,
    "retry": retry,
    "finality": finality,
    "one-commit": one_commit,
    "after-commit": after_commit,
    "generation": generation,
    "lease": lease,
    "path-check": path_check,
    "database-clock": database_clock,
    "mended-times": mended_times,
}
