"""What each process counts for Prometheus. Without `prometheus-client`, nothing is counted.

A worker counts in its pool processes. With `PROMETHEUS_MULTIPROC_DIR` in the environment, each
process writes its counts to a file in that folder, and whoever answers a scrape adds them all.
`workers.scrape` does so, and tells what the ledger knows.
"""

import functools
import logging
import os
import re
import threading
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ParamSpec

from billiard.process import current_process
from celery.signals import worker_init

from renditions.signals import records_recalled

from .conf import BULK_QUEUE, QUEUE

if TYPE_CHECKING:
    # The project imports this module where it makes its Celery app: Django has no apps there yet.
    from renditions.engine.warming import StageSeconds

try:
    import prometheus_client
    from prometheus_client import Counter, Histogram, values
except ImportError:
    prometheus_client = None  # type: ignore[assignment]

P = ParamSpec("P")

logger = logging.getLogger(__name__)

INSTALL = "pip install 'django-renditions[metrics]'"
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

STAGE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
WAIT_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400)
READY_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)


class JobResult(StrEnum):
    """How one attempt at a job has ended."""

    MADE = "made"  # everything exists now
    RETRIED = "retried"  # it failed, and is tried again
    FAILED = "failed"  # it is given up
    SUPERSEDED = "superseded"  # a newer save or a deletion has overtaken it
    BLANK = "blank"  # the picture was gone
    REMOVED = "removed"  # the files of a former picture were taken away
    KEPT = "kept"  # a row shows the former picture again
    PUT_OFF = "put_off"  # a transaction or a worker still has the former picture


class _Metrics:
    """The metrics of this process. The first use registers them."""

    def __init__(self) -> None:
        self._make()
        # All or none: a folder that cannot be written may be mended later.
        for metric in vars(self).values():
            prometheus_client.REGISTRY.register(metric)

    def _make(self) -> None:
        self.jobs = Counter(
            "renditions_jobs",
            "Attempts at jobs that have ended, by result; `kind` says why one has failed.",
            ["model", "result", "kind"],
            registry=None,
        )
        self.stages = Histogram(
            "renditions_stage_seconds",
            "Seconds that each stage of a job took.",
            ["stage"],
            buckets=STAGE_BUCKETS,
            registry=None,
        )
        self.waits = Histogram(
            "renditions_queue_wait_seconds",
            "Seconds from the time when a job was due to its start.",
            ["queue"],
            buckets=WAIT_BUCKETS,
            registry=None,
        )
        self.ready = Histogram(
            "renditions_save_to_ready_seconds",
            "Seconds from a save until all renditions of the picture were made.",
            ["model"],
            buckets=READY_BUCKETS,
            registry=None,
        )
        self.published = Counter(
            "renditions_published_bytes", "Bytes of published renditions.", ["model"], registry=None
        )
        self.records = Counter(
            "renditions_records",
            "Records that were asked for, by result.",
            ["result"],
            registry=None,
        )
        self.sweeps = Counter("renditions_sweeps", "Sweeps that have ended.", registry=None)
        self.leases_lost = Counter(
            "renditions_leases_lost",
            "Leases that were released because the worker or its process was gone.",
            registry=None,
        )


_made: _Metrics | None = None
_making = threading.Lock()


def _metrics() -> _Metrics:
    # Not at the import: every management command would leave files in the folder.
    global _made
    with _making:
        if _made is None:
            _made = _Metrics()
        return _made


def has_client() -> bool:
    """Whether `prometheus-client` is installed."""
    return prometheus_client is not None


def _counting(count: Callable[P, None]) -> Callable[P, None]:
    """Let `count` do nothing without the client. A folder that cannot be written fails no job."""

    @functools.wraps(count)
    def counted(*args: P.args, **kwargs: P.kwargs) -> None:
        if not has_client():
            return
        try:
            count(*args, **kwargs)
        except OSError as error:
            _say_once(str(error))

    return counted


@functools.cache
def _say_once(error: str) -> None:
    logger.warning(
        "Metrics cannot be counted: %s. %s must be a folder that this process may write to.",
        error,
        FOLDER_VARIABLE,
    )


@_counting
def note_started(waited_s: float, *, is_bulk: bool) -> None:
    """Count a job that was claimed, `waited_s` after it was due."""
    _metrics().waits.labels(BULK_QUEUE if is_bulk else QUEUE).observe(max(0.0, waited_s))


@_counting
def note_ended(model_label: str, result: JobResult, kind: str = "") -> None:
    """Count an attempt that has ended; `kind` is that of its failure."""
    _metrics().jobs.labels(model_label, result.value, kind).inc()


@_counting
def note_ready(model_label: str, seconds: float) -> None:
    """Count a picture whose renditions were all made, `seconds` after its save."""
    _metrics().ready.labels(model_label).observe(max(0.0, seconds))


@_counting
def note_work(model_label: str, seconds: "StageSeconds", published_bytes: int) -> None:
    """Count what the stages of one attempt took. A stage that was not needed is not counted."""
    stages = _metrics().stages
    for stage, took in asdict(seconds).items():
        if took:
            stages.labels(stage).observe(took)
    if published_bytes:
        _metrics().published.labels(model_label).inc(published_bytes)


@_counting
def note_sweep() -> None:
    _metrics().sweeps.inc()


@_counting
def note_leases_lost(number: int) -> None:
    if number:
        _metrics().leases_lost.inc(number)


@_counting
def note_records(wanted: int, found: int | None, **kwargs: Any) -> None:
    """Count records that were asked for; `found` is None if the store did not answer."""
    records = _metrics().records
    if found is None:
        records.labels("unavailable").inc(wanted)
        return
    if found:
        records.labels("hit").inc(found)
    if found < wanted:
        records.labels("miss").inc(wanted - found)


def connect() -> None:
    """Listen to the records, if there is a client that counts."""
    if has_client():
        records_recalled.connect(note_records, dispatch_uid="renditions.metrics")


# ---- files -------------------------------------------------------------------------------------

_node = ""


def reuse_files() -> None:
    """Let a new pool process go on with the file of the one that it replaces.

    Call it where the Celery app is made. By default each process has files of its own, which stay:
    with `worker_max_tasks_per_child`, a busy worker would leave thousands of them, and each scrape
    reads them all. It concerns all metrics of the process, also those of the project.
    """
    if not has_client() or FOLDER_VARIABLE not in os.environ:
        return
    values.ValueClass = values.MultiProcessValue(_file_name)  # type: ignore[no-untyped-call]
    worker_init.connect(_remember_node, weak=False, dispatch_uid="renditions.metrics")


def _remember_node(sender: Any, **kwargs: Any) -> None:
    global _node
    _node = re.sub(r"[^\w.-]", "-", str(sender.hostname))


def _file_name() -> str:
    """Return what no other running process returns: the node and its place in the pool."""
    place = getattr(current_process(), "index", None)
    # A process that was spawned, and not forked, does not know the node.
    return f"{_node}-{place}" if _node and place is not None else str(os.getpid())
