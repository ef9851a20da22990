"""What Prometheus reads: the counts of all processes, and what the ledger and the broker know."""

import hmac
import ipaddress
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from celery.concurrency.prefork import TaskPool
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from . import snapshot
from .alarms import AlarmId, alarms
from .conf import BULK_QUEUE, QUEUE, worker_settings
from .metrics import FOLDER_VARIABLE, INSTALL
from .models import JobState
from .snapshot import Snapshot

try:
    import prometheus_client
    from prometheus_client import CollectorRegistry, multiprocess
    from prometheus_client.core import GaugeMetricFamily, Metric
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.registry import Collector
except ImportError:
    prometheus_client = None  # type: ignore[assignment]
    Collector = object  # type: ignore[assignment,misc]

logger = logging.getLogger(__name__)

# A proxy on this machine adds one of these, so the client is not on this machine.
PROXY_HEADERS = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")


# ---- what is served ----------------------------------------------------------------------------


@never_cache
@require_safe
def view(request: HttpRequest) -> HttpResponse:
    """Answer a scrape of Prometheus: what all processes count, and the state of the service.

    With `METRICS_TOKEN`, whoever sends it as a bearer token may read it. Without it, clients on
    this machine may.
    """
    if not _may_read(request):
        text = (
            "Only clients on this machine may read the metrics. To let others read them, set "
            "METRICS_TOKEN in RENDITIONS['WORKERS'], and send it as a bearer token.\n"
        )
        return HttpResponse(text, status=403, content_type="text/plain")
    if prometheus_client is None:
        text = f"There is no Prometheus client: {INSTALL}\n"
        return HttpResponse(text, status=501, content_type="text/plain")
    registry = CollectorRegistry()
    registry.register(_Counts())
    registry.register(ServiceCollector())
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(registry), content_type=content_type)


def _may_read(request: HttpRequest) -> bool:
    if token := worker_settings().metrics_token:
        kind, _, sent = request.headers.get("Authorization", "").partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(sent.encode(), token.encode())
    if any(name in request.headers for name in PROXY_HEADERS):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        # A unix socket: a proxy is on the other side.
        return False


class _Counts(Collector):
    """What the processes of this machine, or this one alone, have counted."""

    def collect(self) -> Iterator["Metric"]:
        folder = os.environ.get(FOLDER_VARIABLE)
        if folder is None:
            yield from prometheus_client.REGISTRY.collect()
        elif Path(folder).is_dir():
            yield from multiprocess.MultiProcessCollector(None, folder).collect()  # type: ignore[no-untyped-call]
        else:
            logger.warning(
                "%s names no folder, so no counts are served: %s", FOLDER_VARIABLE, folder
            )


def serve(consumer: Any) -> None:
    """Serve what the pool of a worker counts, on METRICS_PORT; call it in the main process.

    What the ledger knows is not served here: each worker would answer the same.
    """
    settings = worker_settings()
    port, address = settings.metrics_port, settings.metrics_address
    if port is None or prometheus_client is None:
        return
    if isinstance(consumer.pool, TaskPool) and FOLDER_VARIABLE not in os.environ:
        logger.warning(
            "The metrics on port %s have no counts of jobs, because pool processes make them: set "
            "%s to the path of an empty folder.",
            port,
            FOLDER_VARIABLE,
        )
    registry = CollectorRegistry()
    registry.register(_Counts())
    try:
        server, _ = prometheus_client.start_http_server(port, address, registry)
    except OSError as error:
        logger.error("The metrics cannot be served on %s:%s: %s", address, port, error)
        return
    # Pool processes that are forked later must not keep the port when this process ends.
    os.register_at_fork(after_in_child=server.socket.close)


# ---- the state of the service ------------------------------------------------------------------


class ServiceCollector(Collector):
    """The state of the service, looked at anew for each scrape.

    For a registry of the project: `REGISTRY.register(ServiceCollector())`. One process is enough:
    each one answers the same.
    """

    def describe(self) -> Iterable["Metric"]:
        """Return nothing: to register it needs no database."""
        return []

    def collect(self) -> Iterator["Metric"]:
        taken = snapshot.take()
        yield from _of_jobs(taken)
        yield from _of_queues(taken)
        yield from _of_parts(taken)
        yield from _of_runs(taken)


def _gauge(
    name: str, text: str, samples: Iterable[tuple[tuple[str, ...], float]], *labels: str
) -> "Metric":
    family = GaugeMetricFamily(f"renditions_{name}", text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _of_jobs(taken: Snapshot) -> Iterator["Metric"]:
    models = sorted({label.rpartition(".")[0] for label in taken.watched})
    jobs = {(model, state.value): 0 for model in models for state in JobState}
    jobs |= {(model, state.value): number.number for model, state, number in taken.by_model}
    yield _gauge("owed_jobs", "Jobs on the ledger.", jobs.items(), "model", "state")
    failed = [((failure.kind,), failure.count.number) for failure in taken.failures]
    yield _gauge("failed_jobs", "Jobs that were given up, by kind of failure.", failed, "kind")
    text = "Pictures whose files are going to be taken away."
    yield _gauge("owed_removals", text, [((), taken.removals.number)])
    ages = [((QUEUE,), taken.oldest_due_s or 0), ((BULK_QUEUE,), taken.oldest_bulk_due_s or 0)]
    text = "Seconds for which the oldest job has been due that no worker has; 0: none is due."
    yield _gauge("oldest_due_seconds", text, ages, "queue")


def _of_queues(taken: Snapshot) -> Iterator["Metric"]:
    waiting = [((queue,), number) for queue, number in taken.queues]
    yield _gauge("queue_messages", "Messages that wait in the broker.", waiting, "queue")
    consumers = [((queue,), taken.consumers(queue)) for queue in (QUEUE, BULK_QUEUE)]
    yield _gauge("queue_consumers", "Workers that consume a queue.", consumers, "queue")


def _of_parts(taken: Snapshot) -> Iterator["Metric"]:
    yield _gauge("workers_alive", "Workers that run.", [((), len(taken.living))])
    processes = sum(worker.processes for worker in taken.living)
    yield _gauge("worker_processes", "Pool processes of all workers.", [((), processes)])
    for name, age_s in (("sweep", taken.last_sweep_s), ("beat", taken.last_beat_s)):
        ages = [] if age_s is None else [((), age_s)]
        yield _gauge(f"last_{name}_age_seconds", f"Seconds since the last {name}.", ages)
    ringing = {alarm.id for alarm in alarms(taken)}
    alarm_ids = [((each.value,), int(each in ringing)) for each in AlarmId]
    yield _gauge("alarm", "1: something needs a hand. See the documentation.", alarm_ids, "id")


def _of_runs(taken: Snapshot) -> Iterator["Metric"]:
    labels = ("database", "field", "kind", "state")
    runs = {(run.using, run.name, run.kind.value, run.state.value): run for run in taken.runs}
    ended = [(each, run.ended) for each, run in runs.items()]
    yield _gauge("run_ended_pictures", "Pictures of a bulk run that are done.", ended, *labels)
    failed = [(each, run.failed) for each, run in runs.items()]
    yield _gauge("run_failed_pictures", "Pictures of a bulk run that failed.", failed, *labels)
    known = [(each, run.total) for each, run in runs.items() if run.total is not None]
    yield _gauge("run_known_pictures", "Pictures that a bulk run looks at.", known, *labels)
    left = [(each, run.remaining_s) for each, run in runs.items() if run.remaining_s is not None]
    text = "Estimated seconds until a bulk run ends."
    yield _gauge("run_remaining_seconds", text, left, *labels)
