"""The only reader of RENDITIONS["WORKERS"], and the names and settings that Celery needs.

Read `worker_settings().lease_s` wherever a value is needed: it follows `override_settings`.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from celery.schedules import crontab, schedule
from django.conf import settings
from django.core.signals import setting_changed

from renditions.settings_table import declare, from_dict, table_of

SHORTEST_JITTER, LONGEST_JITTER = 0.8, 1.2

QUEUE = "renditions"
# Workers drain it after QUEUE, so a re-warm of millions never delays a fresh upload.
BULK_QUEUE = "renditions.bulk"


class TaskName(StrEnum):
    """The Celery tasks. Their names do not depend on where the package is installed."""

    WARM = "renditions.warm"
    SWEEP = "renditions.sweep"
    REWARM_ALL = "renditions.rewarm_all"
    ADVANCE_RUN = "renditions.advance_run"
    TELL = "renditions.tell"


def _is_whole_from(lowest: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and value >= lowest


def _is_dotted_or_none(value: Any) -> bool:
    return value is None or (isinstance(value, str) and "." in value)


def _is_port_or_none(value: Any) -> bool:
    return value is None or (type(value) is int and 0 < value < 65536)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _seconds(default: int) -> Any:
    return declare(default, _is_whole_from(1), "a whole number of seconds, 1 or more")


def _count(default: int) -> Any:
    return declare(default, _is_whole_from(1), "a whole number, 1 or more")


def _megabytes(default: int) -> Any:
    return declare(default, _is_whole_from(0), "a whole number of MB, or 0")


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """The values of RENDITIONS["WORKERS"]; each key there is one of these names in upper case."""

    # Attempts at one job before it fails. An attempt whose worker dies counts.
    max_attempts: int = _count(4)
    # Wait before the second attempt. Each later wait is twice as long, +-20 %.
    backoff_s: int = _seconds(10)
    backoff_max_s: int = _seconds(900)
    # The job is told to stop; its process is killed; another worker may claim it. Each must be
    # longer than the one before.
    soft_time_limit_s: int = _seconds(60)
    hard_time_limit_s: int = _seconds(75)
    lease_s: int = _seconds(90)
    # How much a job may grow its process; it fails if it needs more. 0: no limit.
    job_memory_mb: int = _megabytes(1024)
    # Files of a replaced or deleted picture stay for this long: pages and transactions that began
    # before the change may still show or copy the picture. 0: none of it.
    removal_delay_s: int = declare(60, _is_whole_from(0), "a whole number of seconds, or 0")
    # Shortest time between two messages for the same job.
    resend_after_s: int = _seconds(60)
    # Most messages that the sweep keeps in each queue.
    max_queued: int = _count(1000)
    # Instances that one step of a bulk run looks at.
    chunk_size: int = _count(200)
    # Dotted path of the Celery app whose workers make the renditions, for a project with several.
    # None: the one that routes our tasks.
    celery_app: str | None = declare(None, _is_dotted_or_none, "None or a dotted path")
    # Dotted path of a function that gets lists of `workers.events.Published`, for a CDN purge.
    on_published: str | None = declare(None, _is_dotted_or_none, "None or a dotted path")
    # Port on which the main process of a worker serves what its pool counts. None: it serves none.
    metrics_port: int | None = declare(None, _is_port_or_none, "None or a port, 1 to 65535")
    # Its address. There is no password on it.
    metrics_address: str = declare("127.0.0.1", _is_text, "an address, such as '127.0.0.1'")
    # Who sends it may read the view of the metrics; without one, only clients on this machine.
    metrics_token: str = declare("", _is_text, "a text")


# For the system checks.
WORKER_SETTINGS = table_of(WorkerSettings)


@cache
def worker_settings() -> WorkerSettings:
    """Return the settings of the project, completed with the defaults."""
    own = given()
    return from_dict(WorkerSettings, own if isinstance(own, Mapping) else {})


def backoff_s(attempt: int) -> float:
    """Return the wait after the failed `attempt`: doubling, bounded, +-20 %.

    Without the jitter, jobs that failed together because a storage was away all come back at once.
    """
    settings = worker_settings()
    wait = min(settings.backoff_s * 2.0 ** (attempt - 1), settings.backoff_max_s)
    return wait * random.uniform(SHORTEST_JITTER, LONGEST_JITTER)  # noqa: S311


def given() -> Any:
    """Return RENDITIONS["WORKERS"] as the project wrote it; the system checks report mistakes."""
    own: Any = getattr(settings, "RENDITIONS", None)
    return own.get("WORKERS") or {} if isinstance(own, Mapping) else {}


def _clear_cache(*, setting: str, **kwargs: Any) -> None:
    if setting == "RENDITIONS":
        worker_settings.cache_clear()


setting_changed.connect(_clear_cache, dispatch_uid="renditions.worker_settings")


# ---- Celery ------------------------------------------------------------------------------------


def _expiring(seconds: int) -> dict[str, Any]:
    # django-celery-beat reads `expire_seconds` and drops `expires`; beat itself reads `expires`.
    return {"expires": seconds, "expire_seconds": seconds}


# For `app.config_from_object` or `app.conf.update(CELERY)`; each value has its reason beside it.
CELERY: dict[str, Any] = {
    # Unpickling a message from a broker runs any code that is in it.
    "accept_content": ["json"],
    "task_serializer": "json",
    # A request that saves an image must not wait for a broker that is away: one short try. The
    # sweep sends what was not sent.
    "task_publish_retry": False,
    "task_publish_retry_policy": {
        "max_retries": 0,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
    },
    "broker_transport_options": {
        "max_retries": 0,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
        "socket_connect_timeout": 0.5,
        "socket_timeout": 0.7,
        "socket_keepalive": True,
        # Redis redelivers a message that a dead worker had reserved after this; the sweep is
        # faster.
        "visibility_timeout": 300,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        # Queues strictly in the order of `-Q`: uploads before bulk runs.
        "queue_order_strategy": "priority",
    },
    "broker_connection_retry_on_startup": True,
    # Workers reconnect to a broker however long it was away.
    "broker_connection_max_retries": None,
    # Each pool process reserves one message; other workers can take the rest.
    "worker_prefetch_multiplier": 1,
    # SIGTERM lets running jobs end. SIGQUIT gives them this long, then cuts them off. In both cases
    # messages that were not started go back to the queue.
    "worker_soft_shutdown_timeout": 10,
    # Against slow memory leaks in codecs.
    "worker_max_tasks_per_child": 1000,
    "worker_max_memory_per_child": 600_000,  # KiB
    "task_routes": {
        TaskName.ADVANCE_RUN: {"queue": BULK_QUEUE},
        "renditions.*": {"queue": QUEUE},
    },
    "beat_schedule": {
        TaskName.SWEEP: {
            "task": TaskName.SWEEP,
            "schedule": schedule(30),
            # While no worker runs, sweeps pile up in the queue; one of them is enough.
            "options": _expiring(600),
        },
        TaskName.REWARM_ALL: {
            "task": TaskName.REWARM_ALL,
            "schedule": crontab(hour=3, minute=17),
            "options": _expiring(3600),
        },
    },
}
