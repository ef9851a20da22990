"""Take out one of the parts that keep a promise, to prove that a fault notices it.

A run with `--without NAME` calls a function of this module in each of its processes, before the
first picture. The product has no switch for it.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .patches import replace


def atomic_publish() -> None:
    """A rendition is written under its final name, piece by piece."""
    from renditions.storage import disk

    def write_in_place(folder: Path, target: Path, data: bytes, mode: int | None) -> None:
        with target.open("wb") as file:
            for start in range(0, len(data), 512):
                file.write(data[start : start + 512])
                file.flush()
                time.sleep(0.002)

    replace(disk, "_write_and_rename", write_in_place)


def failed_writes() -> None:
    """A write that fails in another thread is taken for a rendition that is made."""
    from renditions import storage

    def write_or_forget(*args: Any) -> None:
        with contextlib.suppress(Exception):
            write(*args)

    write = storage.write
    replace(storage, "write", write_or_forget)


def unfinished_sweep() -> None:
    """The unfinished files of killed processes stay."""
    from renditions.storage import disk

    replace(disk, "sweep", lambda storage, older_than_s: 0)


def sweep() -> None:
    """Only the first message announces a job."""
    from workers import dispatch, recovery

    replace(recovery, "sweep", lambda: 0)
    replace(dispatch, "send_sweep", lambda: None)


def hand_over() -> None:
    """A worker that ends, and its successor, release no lease."""
    from workers import recovery

    replace(recovery, "release_worker", lambda worker: 0)
    replace(recovery, "release_killed_worker", lambda worker: 0)
    replace(recovery, "release_task", lambda task_id, detail: None)


def attempts() -> None:
    """The number of attempts is not limited."""
    from workers import ledger

    claim = ledger.claim

    def uncounted(hint: Any, **more: Any) -> Any:
        return claim(hint, **{**more, "max_attempts": 1_000_000})

    replace(ledger, "claim", uncounted)


def memory() -> None:
    """A MemoryError leaves the task."""
    from renditions.engine.warming import _Attempt
    from renditions.errors import OutOfMemory
    from workers import worker

    def raise_memory_error(claim: Any, error: Any) -> None:
        raise MemoryError

    def fail_or_raise(self: Any, plans: Any, error: Any) -> None:
        if isinstance(error, OutOfMemory):
            raise MemoryError
        fail(self, plans, error)

    fail = _Attempt._fail
    replace(worker, "_fail_interrupted", raise_memory_error)
    replace(_Attempt, "_fail", fail_or_raise)


def short_timeouts() -> None:
    """A save waits for the broker with the time-outs and retries of Celery's defaults."""
    from tests.chaos.celery import app
    from workers import dispatch

    replace(app.conf, "broker_transport_options", {})
    replace(app.conf, "task_publish_retry_policy", {})
    replace(dispatch, "CIRCUIT_OPEN_S", 0)


def json_only() -> None:
    """A worker accepts pickles."""
    from tests.chaos.celery import app

    replace(app.conf, "accept_content", ["json", "pickle"])


def forgetful_records() -> None:
    """A cache that does not answer is an error, and not the same as an empty cache."""
    from renditions import records

    def recall(self: Any, plans: Any) -> Any:
        keys = {records.record_key(plan.storage, plan.path): plan.path for plan in plans}
        texts = self._store.get_many(keys)
        found = {keys[key]: records.RenditionRecord.from_text(text) for key, text in texts.items()}
        return {path: record for path, record in found.items() if record}

    replace(records.Recorder, "recall", recall)


def retry() -> None:
    """Every failure is final."""
    from workers import worker

    replace(worker, "_is_final", lambda report: True)


def finality() -> None:
    """No failure is final."""
    from workers import worker

    replace(worker, "_is_final", lambda report: False)


def one_commit() -> None:
    """A save outside of a transaction commits the picture, and `post_save` writes the job."""
    from workers import dispatch, enqueue
    from workers.targets import warmed_fields

    def enqueue_in_post_save(
        sender: Any, instance: Any, created: bool, using: str, update_fields: Any, **_: Any
    ) -> None:
        for field in warmed_fields(sender):
            hint = enqueue._was_saved(field, update_fields) and enqueue.enqueue_saved(
                instance, field, using, is_new=created, written=update_fields
            )
            if hint:
                dispatch.send_after_commit(hint)

    replace(enqueue, "_save_table_and_enqueue", lambda save_table: save_table)
    replace(enqueue, "send_hints", enqueue_in_post_save)


def narrow_transaction() -> None:
    """The whole save of a warmed model is one transaction, with the receivers of the project."""
    from django.db import models, router, transaction

    from workers.targets import warmed_fields

    save_base = models.Model.save_base

    def save_base_in_atomic(self: Any, *args: Any, using: str | None = None, **more: Any) -> None:
        using = using or router.db_for_write(type(self), instance=self)
        if not warmed_fields(type(self)):
            save_base(self, *args, using=using, **more)
            return
        with transaction.atomic(using=using, savepoint=False):
            save_base(self, *args, using=using, **more)

    replace(models.Model, "save_base", save_base_in_atomic)


def after_commit() -> None:
    """A message is sent before the transaction commits."""
    from workers import dispatch

    replace(dispatch, "send_after_commit", dispatch.send)


def generation() -> None:
    """A worker may finish a job although the picture was saved again."""
    from workers import ledger

    def held(using: str, job_id: Any, **_: Any) -> Any:
        return ledger._jobs(using).filter(pk=job_id)

    replace(ledger, "_held", held)


def lease() -> None:
    """A job may be claimed while another process works on it."""
    from django.db.models import Q
    from django.db.models.functions import Now

    from workers import ledger
    from workers.models import JobState

    states = [JobState.QUEUED, JobState.WARMING]
    replace(ledger, "_claimable", lambda: Q(state__in=states, due_at__lte=Now()))


def path_check() -> None:
    """A rendition is written wherever its name points."""
    import posixpath

    from django.core.files.storage import FileSystemStorage

    from renditions import storage
    from renditions.storage import disk

    def path(self: Any, name: str) -> str:
        return posixpath.join(str(self.location), name)

    replace(storage, "validate_file_name", lambda name, allow_relative_path: name)
    replace(disk, "_refuse_symlink_out", lambda storage, target: None)
    replace(FileSystemStorage, "path", path)


def database_clock() -> None:
    """Times in the ledger are those of each worker's own clock."""
    from datetime import UTC, datetime

    from django.db.models import Value

    from workers import ledger

    replace(ledger, "Now", lambda: Value(datetime.fromtimestamp(time.time(), UTC)))
    # Built for each execution: a value does not change.
    for query in ("_putting_job", "_taking_lease"):
        replace(ledger, query, getattr(ledger, query).__wrapped__)


def mended_times() -> None:
    """Times that are impossibly far ahead stay in the ledger."""
    from workers import ledger

    replace(ledger, "clamp_times", lambda using, **more: 0)


def still_shown() -> None:
    """A removal does not ask whether a row shows the picture."""
    from renditions.inventory.rows import Rows

    replace(Rows, "is_shown", lambda rows, name: False)


def put_off() -> None:
    """An upload asks no removal for its name."""
    from workers import removals

    replace(removals, "put_off", lambda sender, name, **_: False)


def owed_with_change() -> None:
    """A removal is owed after the commit; until then only the process knows of it."""
    from django.db import transaction

    from workers import dispatch, removals

    owe = removals.owe

    def owe_later(target: Any, field: Any, former: Any) -> None:
        def owe_now() -> None:
            hint = owe(target, field, former)
            if hint:
                dispatch.send(hint)

        transaction.on_commit(owe_now, using=target.using)

    replace(removals, "owe", owe_later)


def in_progress() -> None:
    """A removal does not wait for the worker that makes renditions of the picture."""
    from workers import ledger

    replace(ledger, "is_in_progress", lambda target: False)


def shared_name() -> None:
    """A save does not let the removals of its name wait for its commit."""
    from workers import statements

    replace(statements, "share_name", lambda using, digest: None)


GUARDS: dict[str, Callable[[], None]] = {
    "atomic-publish": atomic_publish,
    "failed-writes": failed_writes,
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
    "narrow-transaction": narrow_transaction,
    "after-commit": after_commit,
    "generation": generation,
    "lease": lease,
    "path-check": path_check,
    "database-clock": database_clock,
    "mended-times": mended_times,
    "still-shown": still_shown,
    "put-off": put_off,
    "owed-with-change": owed_with_change,
    "in-progress": in_progress,
    "shared-name": shared_name,
}
