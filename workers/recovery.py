"""What happens when a worker dies or a message is lost: the sweep, and Celery's signals.

The sweep sends again what is due. The signals release the leases of a worker that is gone, so its
jobs do not wait for their leases to expire. Only the loss of a whole machine needs the expiry.
"""

import logging
import time
from collections.abc import Collection
from typing import Any

from celery.exceptions import TimeLimitExceeded, WorkerLostError
from celery.signals import (
    beat_embedded_init,
    beat_init,
    before_task_publish,
    task_failure,
    worker_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from django.db import Error as DatabaseError
from django.db import connections
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from renditions.storage import disk

from . import (
    dispatch,
    events,
    incomplete,
    job_log,
    ledger,
    metrics,
    nodes,
    runs,
    scrape,
    throughput,
)
from .alarms import SWEEP_MISSING_S
from .conf import BULK_QUEUE, LONGEST_JITTER, QUEUE, TaskName, worker_settings
from .models import Heartbeat
from .targets import all_watched_fields, in_each_ledger

logger = logging.getLogger(__name__)

# ---- sweep -------------------------------------------------------------------------------------


def sweep() -> int:
    """Send hints for the jobs that are due, as far as the queues have room; return how many.

    Raises:
        kombu.exceptions.OperationalError: the broker is away; the next sweep tries again.
    """
    sent = sum(in_each_ledger(_sweep_ledger))
    _sweep_storages()
    metrics.note_sweep()
    return sent


def _sweep_ledger(using: str) -> int:
    settings = worker_settings()
    longest_wait_s = max(
        settings.backoff_max_s * LONGEST_JITTER, settings.lease_s, settings.removal_delay_s
    )
    ledger.clamp_times(using, lease_s=settings.lease_s, delay_s=longest_wait_s)
    sent = sum(dispatch.send_due(using, work) for work in ledger.Work)
    runs.continue_all(using)
    if events.is_anything_due(using):
        dispatch.send_tell(using)
    throughput.forget(using)
    incomplete.forget(using)
    nodes.forget(using)
    return sent


def _sweep_storages() -> None:
    """Delete unfinished files older than a lease: no process can still be writing them."""
    storages = (field.storages.renditions for field in all_watched_fields())
    for storage in {id(storage): storage for storage in storages}.values():
        try:
            disk.sweep(storage, older_than_s=worker_settings().lease_s)
        except OSError as error:
            logger.warning("Unfinished files could not be deleted from a storage: %s", error)


# ---- silence is a fault ------------------------------------------------------------------------


def note_scheduled_sweep() -> None:
    """Note in each ledger that a sweep of beat has run now."""
    _note(Heartbeat.SWEEP)


def _note(name: str) -> None:
    def note_in(using: str) -> None:
        beats = Heartbeat.objects.using(using)
        beats.update_or_create(name=name, defaults={"beaten_at": Now()})

    in_each_ledger(note_in)


def seconds_since_sweep() -> float | None:
    """Return the age of the last scheduled sweep of any ledger; None: there was none."""
    ages = [age for age in in_each_ledger(_sweep_age) if age is not None]
    return min(ages, default=None)


def _sweep_age(using: str) -> float | None:
    age = ExpressionWrapper(Now() - F("beaten_at"), output_field=DurationField())
    beats = Heartbeat.objects.using(using).filter(name=Heartbeat.SWEEP).annotate(age=age)
    found = beats.values_list("age", flat=True).first()
    return found.total_seconds() if found is not None else None


def warn_of_missing_sweep(started_at: float) -> None:
    """Log a warning if no scheduled sweep was seen for long.

    Args:
        started_at: When this worker was ready, by `time.monotonic`.
    """
    try:
        age_s, running_s = seconds_since_sweep(), time.monotonic() - started_at
    finally:
        # This is the main process of a worker, and it forks the pool processes: they must not share
        # its connections.
        connections.close_all()
    silent_s = running_s if age_s is None else min(age_s, running_s)
    if silent_s > SWEEP_MISSING_S:
        logger.warning(
            "No scheduled sweep was seen for %d minutes: lost messages are not sent again, and "
            "failed jobs are not retried. Start `celery -A YOUR_PROJECT beat` with the "
            "beat_schedule of workers.conf.CELERY.",
            silent_s / 60,
        )


def warn_of_queues(consumed: Collection[str]) -> None:
    """Log a warning if a worker does not consume both of our queues."""
    missing = [queue for queue in (QUEUE, BULK_QUEUE) if queue not in consumed]
    if not missing or not any(all_watched_fields()):
        return
    what = {
        (QUEUE, BULK_QUEUE): "It makes no renditions",
        (QUEUE,): "It makes no renditions of fresh uploads",
        (BULK_QUEUE,): "It takes no part in bulk runs",
    }[tuple(missing)]
    logger.warning(
        "This worker consumes %s, and not %s. %s. Start it with `-Q %s`, unless another worker "
        "consumes the rest.",
        ", ".join(sorted(consumed)) or "no queue",
        " and ".join(missing),
        what,
        ",".join([*sorted(set(consumed) - {QUEUE, BULK_QUEUE}), QUEUE, BULK_QUEUE]),
    )


# ---- workers that are gone ---------------------------------------------------------------------


def release_worker(worker: str) -> int:
    """Release the leases of the worker with this node name; return how many."""
    freed = sum(in_each_ledger(lambda using: ledger.release_worker(using, worker)))
    metrics.note_leases_lost(freed)
    return freed


def release_killed_worker(worker: str) -> int:
    """Release the leases of a worker that was killed, and spread the next attempts over time.

    One of its jobs may have killed it: the others should not run beside that job again.
    """
    spread_s = 2 * worker_settings().backoff_s
    freed = sum(
        in_each_ledger(lambda using: ledger.release_worker(using, worker, spread_s=spread_s))
    )
    metrics.note_leases_lost(freed)
    return freed


def release_task(task_id: str, detail: str) -> list[ledger.CutOff]:
    """Release the lease of a task that is gone; its next attempt waits for the first backoff.

    Returns:
        The job that it had, if any.
    """
    delay_s = worker_settings().backoff_s

    def release_in(using: str) -> list[ledger.CutOff]:
        held = ledger.held_by_task(using, task_id)
        freed = ledger.release_task(using, task_id, delay_s=delay_s, detail=detail)
        metrics.note_leases_lost(freed)
        return held if freed else []

    return [job for found in in_each_ledger(release_in) for job in found]


# ---- Celery's signals --------------------------------------------------------------------------


def connect() -> None:
    """Listen to Celery's signals; they are sent in worker processes only."""
    worker_init.connect(on_worker_init, weak=False)
    worker_ready.connect(on_worker_ready, weak=False)
    worker_shutdown.connect(on_worker_shutdown, weak=False)
    worker_shutting_down.connect(on_worker_shutting_down, weak=False)
    task_failure.connect(on_task_failure, weak=False)
    beat_init.connect(on_beat_init, weak=False)
    beat_embedded_init.connect(on_beat_init, weak=False)


def on_worker_init(sender: Any, **kwargs: Any) -> None:
    """Release the leases of a killed worker that had the node name of this one.

    Node names are unique among running workers, so a lease under this name has no owner.
    """
    from .request import lower_time_limits

    lower_time_limits()
    freed = release_killed_worker(str(sender.hostname))
    if freed:
        logger.warning(
            "%s was killed before, and %d of its jobs are tried again.", str(sender.hostname), freed
        )
    # The pool is forked after this, and forked processes must not share a connection.
    connections.close_all()


def on_worker_ready(sender: Any, **kwargs: Any) -> None:
    """Send what became due while no worker was running, and say what is missing."""
    dispatch.send_sweep()
    queues = tuple(sender.app.amqp.queues.consume_from)
    warn_of_queues(queues)
    sender.timer.call_repeatedly(SWEEP_MISSING_S, warn_of_missing_sweep, (time.monotonic(),))
    say_it_runs(sender)
    scrape.serve(sender)
    sender.timer.call_repeatedly(nodes.BEAT_S, say_it_runs, (sender,))


def say_it_runs(consumer: Any) -> None:
    """Note that this worker runs; called in its main process."""
    processes = int(getattr(consumer.pool, "num_processes", 1) or 1)
    try:
        nodes.beat(str(consumer.hostname), tuple(consumer.app.amqp.queues.consume_from), processes)
    finally:
        # It forks the pool processes: they must not share its connections.
        connections.close_all()


def on_worker_shutdown(sender: Any, **kwargs: Any) -> None:
    """Release what the shutdown cut off."""
    _release_own(str(sender.hostname))


def on_worker_shutting_down(sender: str, how: str, **kwargs: Any) -> None:
    """Release what a cold or soft shutdown cut off: Celery sends no `worker_shutdown` after it.

    At a warm shutdown the jobs go on to their end.
    """
    if how == "Cold":
        _release_own(sender)


def _release_own(worker: str) -> None:
    nodes.leave(worker)
    freed = release_worker(worker)
    connections.close_all()
    if freed:
        dispatch.send_sweep()


def on_beat_init(sender: Any, **kwargs: Any) -> None:
    """Note each sweep that this process, which is beat, sends from now on."""
    before_task_publish.connect(
        on_beat_sends_sweep, sender=TaskName.SWEEP.value, weak=False, dispatch_uid="renditions.beat"
    )


def on_beat_sends_sweep(**kwargs: Any) -> None:
    """Note in each ledger that beat runs, whether or not the broker takes its message."""
    _note(Heartbeat.BEAT)


def on_task_failure(sender: Any, task_id: str, exception: BaseException, **kwargs: Any) -> None:
    """Release the lease of a task whose process was killed, timed out, or raised an error."""
    # Compare names: each Celery app of a project has a task object of its own.
    if sender.name != TaskName.WARM:
        return
    is_gone = isinstance(exception, WorkerLostError | TimeLimitExceeded)
    # Only a mistake in the code needs its traceback.
    has_traceback = not is_gone and not isinstance(exception, DatabaseError)
    for job in release_task(task_id, f"{type(exception).__name__}: {exception}"):
        job_log.cut_off(job.target, job.attempt, exception, has_traceback=has_traceback)
    if is_gone:
        # These two are reported in the main process, and it forks pool processes: they must not
        # share its connections.
        connections.close_all()
