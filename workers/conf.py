"""The only reader of the workers' settings, and the Celery settings that fit them.

All of it is `RENDITIONS["WORKERS"]`, read when it is used.
"""

from collections.abc import Mapping
from typing import Any

from celery.schedules import crontab, schedule
from django.conf import settings

from renditions.settings_table import Setting

QUEUE = "renditions"
# Drained after QUEUE, so that a re-warm of millions never makes a fresh upload wait.
BULK_QUEUE = "renditions.bulk"


def _seconds(default: int) -> Setting:
    return Setting(default, _at_least_one, "a whole number of seconds, 1 or more")


def _count(default: int) -> Setting:
    return Setting(default, _at_least_one, "a whole number, 1 or more")


def _megabytes(default: int) -> Setting:
    return Setting(default, lambda v: type(v) is int and v >= 0, "a whole number of MB, or 0")


def _at_least_one(value: Any) -> bool:
    return type(value) is int and value >= 1


WORKER_SETTINGS: Mapping[str, Setting] = {
    # How often a job is begun before it is given up; a worker that dies counts.
    "MAX_ATTEMPTS": _count(4),
    # The second attempt waits this long, each later one twice as long as the one before, +-20 %.
    "BACKOFF_S": _seconds(10),
    "BACKOFF_MAX_S": _seconds(900),
    # A job's time: told to stop, killed, taken over. Each must be longer than the one before.
    "SOFT_TIME_LIMIT_S": _seconds(60),
    "HARD_TIME_LIMIT_S": _seconds(75),
    "LEASE_S": _seconds(90),
    # By how much a job may make its process grow; it fails where it needs more. 0: no limit.
    "JOB_MEMORY_MB": _megabytes(1024),
    # A message for the same job is sent again after this long at the earliest.
    "RESEND_AFTER_S": _seconds(60),
    # Messages that one sweep keeps in each queue at most.
    "MAX_QUEUED": _count(1000),
    # Instances that one step of a bulk run looks at.
    "CHUNK_SIZE": _count(200),
}


def get(key: str) -> int:
    """Return a value of RENDITIONS["WORKERS"], or its default."""
    value: int = given().get(key, WORKER_SETTINGS[key].default)
    return value


def given() -> Mapping[str, Any]:
    """Return what the project has set."""
    own: Any = getattr(settings, "RENDITIONS", None)
    # Anything else is for the library's check to complain about.
    return own.get("WORKERS") or {} if isinstance(own, Mapping) else {}


# For `app.config_from_object` or `app.conf.update(CELERY)`; every value has a reason below.
CELERY: dict[str, Any] = {
    # Pickle from a broker runs code.
    "accept_content": ["json"],
    "task_serializer": "json",
    # A request that saves a picture must not wait for a broker that is away: one short try. The
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
        # A message that a dead worker had reserved comes back after this; the sweep is faster.
        "visibility_timeout": 300,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        # Strictly in the order of `-Q`: uploads before bulk.
        "queue_order_strategy": "priority",
    },
    "broker_connection_retry_on_startup": True,
    # A broker that comes back is to find its workers waiting, however long it was away.
    "broker_connection_max_retries": None,
    # One message in hand per child: what waits in the queue can be taken by somebody else.
    "worker_prefetch_multiplier": 1,
    # SIGTERM lets running jobs end; SIGQUIT gives them exactly this long and then cuts them off.
    # Either way what was not begun goes back to the queue.
    "worker_soft_shutdown_timeout": 10,
    # Against slow leaks in codecs.
    "worker_max_tasks_per_child": 1000,
    "worker_max_memory_per_child": 600_000,  # KiB
    "task_routes": {
        "renditions.advance_run": {"queue": BULK_QUEUE},
        "renditions.*": {"queue": QUEUE},
    },
    "beat_schedule": {
        "renditions.sweep": {
            "task": "renditions.sweep",
            "schedule": schedule(30),
            # Sweeps that pile up while no worker runs are worth one.
            "options": {"expires": 600},
        },
        "renditions.rewarm_all": {
            "task": "renditions.rewarm_all",
            "schedule": crontab(hour=3, minute=17),
            "options": {"expires": 3600},
        },
    },
}
