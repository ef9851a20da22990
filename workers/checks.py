"""System checks: mistakes in the Celery and database configuration, found before the first save."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

from celery import Celery
from celery.schedules import crontab, maybe_schedule
from django.apps import AppConfig, apps
from django.core.cache import BaseCache
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Caution
from django.db import Error as DatabaseError
from django.db import connections, models, router
from django.db.models import Q
from django.utils.module_loading import import_string

from renditions.checks import check_settings as check_library_settings
from renditions.checks import check_table
from renditions.conf import cache, limits

from . import conf
from .conf import QUEUE, TaskName, worker_settings
from .dispatch import celery_app, routes_our_tasks
from .metrics import INSTALL, has_client
from .models import OBJECT_PK_LENGTH, WarmJob
from .targets import all_watched_fields

WORKERS_DICT = "RENDITIONS['WORKERS']"
DAY_S = 86_400
# Celery accepts the name of a serializer and its content type.
PICKLE = {"pickle", "application/x-python-serialize"}
DATABASE_BEAT = "django_celery_beat"


def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check each setting alone, then the times and sizes against each other."""
    return _check_each_setting() or [
        *_check_times(),
        *_check_memory(),
        *_check_published(),
        *_check_metrics(),
    ]


def _check_each_setting() -> list[CheckMessage]:
    table = conf.WORKER_SETTINGS
    return list(check_table(WORKERS_DICT, table, "rendition_workers.E01", conf.given()))


def _check_times() -> Iterator[CheckMessage]:
    settings = worker_settings()
    rising = {
        "SOFT_TIME_LIMIT_S": settings.soft_time_limit_s,
        "HARD_TIME_LIMIT_S": settings.hard_time_limit_s,
        "LEASE_S": settings.lease_s,
    }
    for (shorter, shorter_s), (longer, longer_s) in pairwise(rising.items()):
        if shorter_s >= longer_s:
            yield Error(
                f"{WORKERS_DICT}[{longer!r}] is {longer_s} s. It must be longer than {shorter}, "
                f"which is {shorter_s} s.",
                hint="A job is first told to stop, then killed, and then claimed by another "
                "worker.",
                id="rendition_workers.E020",
            )
    if settings.backoff_s > settings.backoff_max_s:
        yield Error(
            f"{WORKERS_DICT}['BACKOFF_MAX_S'] is {settings.backoff_max_s} s. It must not be "
            f"shorter than BACKOFF_S, which is {settings.backoff_s} s.",
            id="rendition_workers.E021",
        )


def _check_memory() -> Iterator[CheckMessage]:
    if check_library_settings(None):
        # The limits may be of the wrong type. The library's own check reports that.
        return
    budget_mb, needed_mb = worker_settings().job_memory_mb, limits().max_decode_bytes // 1024**2
    if 0 < budget_mb < needed_mb:
        yield Error(
            f"{WORKERS_DICT}['JOB_MEMORY_MB'] is {budget_mb} MB, but an accepted image may need "
            f"{needed_mb} MB to decode.",
            hint=f"Set JOB_MEMORY_MB to {2 * needed_mb} or more, or to 0 for no limit.",
            id="rendition_workers.E022",
        )


def _check_published() -> Iterator[CheckMessage]:
    path = worker_settings().on_published
    if path is None:
        return
    try:
        is_callable = callable(import_string(path))
        trouble = "is not a function"
    except ImportError as error:
        is_callable, trouble = False, f"cannot be imported: {error}"
    if not is_callable:
        yield Error(
            f"{WORKERS_DICT}['ON_PUBLISHED'] is {path!r}, which {trouble}.",
            hint="Write the dotted path of a function that takes a list of "
            "workers.events.Published: 'shop.cdn.purge'.",
            id="rendition_workers.E024",
        )


def _check_metrics() -> Iterator[CheckMessage]:
    if worker_settings().metrics_port and not has_client():
        yield Error(
            f"{WORKERS_DICT}['METRICS_PORT'] is set, and there is no Prometheus client.",
            hint=f"Install it: {INSTALL}",
            id="rendition_workers.E025",
        )


def check_celery(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that Celery's settings fit the times of the ledger, and that a sweep is scheduled."""
    # Times of the wrong type cannot be compared; check_settings reports them.
    if _check_each_setting():
        return [*_check_worker(), *_check_serializers()]
    fault = list(_check_app())
    return fault or [
        *_check_broker(),
        *_check_worker(),
        *_check_serializers(),
        *_check_routes(),
        *_check_beat(),
    ]


def _check_app() -> Iterator[CheckMessage]:
    path = worker_settings().celery_app
    try:
        found = celery_app()
    except ImportError as error:
        yield Error(
            f"{WORKERS_DICT}['CELERY_APP'] cannot be imported: {error}.",
            hint="Write the dotted path of the project's Celery app: 'shop.celery.app'.",
            id="rendition_workers.E023",
        )
        return
    if not isinstance(found, Celery):
        yield Error(
            f"{WORKERS_DICT}['CELERY_APP'] is {path!r}, which is not a Celery app.",
            hint="Write the dotted path of the project's Celery app: 'shop.celery.app'.",
            id="rendition_workers.E023",
        )


def _check_routes() -> Iterator[CheckMessage]:
    if not routes_our_tasks(celery_app()):
        yield Caution(
            f"task_routes does not send the tasks of the renditions to the queue {QUEUE!r}: a "
            "sweep of beat goes to another queue than the jobs.",
            hint="Add the task_routes of workers.conf.CELERY to those of the project. If the "
            f"project has several Celery apps, name one in {WORKERS_DICT}['CELERY_APP'].",
            id="rendition_workers.W035",
        )


def _check_broker() -> Iterator[CheckMessage]:
    options = celery_app().conf.broker_transport_options or {}
    visibility_s = options.get("visibility_timeout", 3600)
    lease_s = worker_settings().lease_s
    if not isinstance(visibility_s, int | float) or visibility_s <= lease_s:
        yield Caution(
            f"The broker redelivers a message after visibility_timeout, which is {visibility_s!r} "
            f"s, but a worker may hold its job for LEASE_S, which is {lease_s} s.",
            hint="Set visibility_timeout in broker_transport_options to more than LEASE_S.",
            id="rendition_workers.W030",
        )
    url = str(celery_app().conf.broker_write_url or celery_app().conf.broker_url or "")
    if url.startswith(("redis", "rediss", "sentinel")) and not options.get("socket_timeout"):
        yield Caution(
            "broker_transport_options has no socket_timeout: every save waits if the broker "
            "accepts a connection and does not answer.",
            hint="Configure Celery with workers.conf.CELERY, or set socket_timeout and "
            "socket_connect_timeout.",
            id="rendition_workers.W031",
        )


def _check_worker() -> Iterator[CheckMessage]:
    prefetched = celery_app().conf.worker_prefetch_multiplier
    if prefetched != 1:
        yield Caution(
            f"Each worker process reserves {prefetched or 'any number of'} messages "
            "(worker_prefetch_multiplier). Jobs wait for a slow one while other processes are "
            "idle, and the jobs of a killed worker wait for the next sweep.",
            hint="Set worker_prefetch_multiplier to 1.",
            id="rendition_workers.W034",
        )


def _check_serializers() -> Iterator[CheckMessage]:
    if PICKLE & set(celery_app().conf.accept_content or ()):
        yield Caution(
            "Celery accepts pickle: anyone with write access to the broker can run code.",
            hint="Set accept_content = ['json'].",
            id="rendition_workers.W032",
        )


def _check_beat() -> Iterator[CheckMessage]:
    entries = (celery_app().conf.beat_schedule or {}).values()
    schedules = [entry.get("schedule") for entry in entries if entry.get("task") == TaskName.SWEEP]
    # django-celery-beat may have the sweep in the database: `check_beat_rows` looks there.
    if not schedules and not apps.is_installed(DATABASE_BEAT):
        yield _no_sweep("Add the beat_schedule of workers.conf.CELERY and run celery beat.")
    yield from _check_periods(schedules)


def check_beat_rows(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check, with `--deploy`, that django-celery-beat has a sweep that is enabled."""
    if not apps.is_installed(DATABASE_BEAT) or _check_each_setting() or list(_check_app()):
        return []
    entries: Mapping[str, Any] = celery_app().conf.beat_schedule or {}
    # Beat writes the entries of the settings into its table at each start.
    written = {name for name, entry in entries.items() if entry.get("task") == TaskName.SWEEP}
    tasks: Any = apps.get_model(DATABASE_BEAT, "PeriodicTask")._default_manager
    try:
        rows = list(tasks.filter(Q(task=TaskName.SWEEP) | Q(name__in=written)))
    except DatabaseError as error:
        return [
            Caution(
                f"The schedule of django-celery-beat cannot be looked at: {error}.",
                hint="Run `manage.py migrate`, and start the database.",
                id="rendition_workers.W038",
            )
        ]
    enabled = [row for row in rows if row.enabled]
    if not enabled and not written - {row.name for row in rows}:
        add = "Add the beat_schedule of workers.conf.CELERY, or a periodic task in the admin."
        return [_no_sweep("Enable its periodic task in the admin." if rows else add)]
    return list(_check_periods([row.schedule for row in enabled if row.name not in written]))


def _no_sweep(hint: str) -> CheckMessage:
    return Caution(
        "No sweep is scheduled: lost messages are never sent again, and failed jobs are never "
        "retried.",
        hint=hint,
        id="rendition_workers.W033",
    )


def _check_periods(schedules: Iterable[Any]) -> Iterator[CheckMessage]:
    lease_s = worker_settings().lease_s
    for schedule in schedules:
        every_s = _period_s(schedule)
        if every_s > lease_s:
            yield Caution(
                f"The sweep is scheduled each {every_s:.0f} s, which is rarer than LEASE_S, "
                f"{lease_s} s: a job whose worker died waits for it.",
                hint="Schedule it each 15 to 60 s.",
                id="rendition_workers.W036",
            )


def _period_s(written: Any) -> float:
    """Return the longest time between two runs."""
    schedule: Any = maybe_schedule(written)
    if isinstance(schedule, crontab):
        return _longest_gap_s(vars(schedule))
    run_every = getattr(schedule, "run_every", None)
    return float(run_every.total_seconds()) if run_every else 0.0


def _longest_gap_s(units: Mapping[str, set[int]]) -> float:
    """Return the longest time between two runs of a crontab, to the next day at most."""
    complete = {"day_of_week": 7, "day_of_month": 31, "month_of_year": 12}
    if any(len(units[unit]) < number for unit, number in complete.items()):
        return DAY_S
    runs = sorted(60 * (60 * hour + minute) for hour in units["hour"] for minute in units["minute"])
    return max(after - run for run, after in pairwise([*runs, runs[0] + DAY_S]))


def check_redis(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that no `clear()` of the cache deletes the messages of the broker."""
    if _check_each_setting() or list(_check_app()):
        return []
    broker = _redis_database(str(celery_app().conf.broker_write_url or ""))
    if broker is None or broker not in _redis_databases_of(cache()):
        return []
    return [
        Caution(
            "The broker and the cache of the records are in one Redis database: clearing the "
            "cache deletes all messages, and its eviction may delete some.",
            hint="Give the broker a database of its own, better a server of its own with "
            "maxmemory-policy noeviction.",
            id="rendition_workers.W037",
        )
    ]


def _redis_databases_of(backend: BaseCache) -> list[tuple[str, str, str] | None]:
    place = getattr(backend, "_servers", None) or getattr(backend, "_server", None)
    places = [place] if isinstance(place, str) else list(place or [])
    number = str((getattr(backend, "_options", None) or {}).get("db", 0))
    return [_redis_database(str(each), number) for each in places]


def _redis_database(url: str, default: str = "0") -> tuple[str, str, str] | None:
    """Return what tells one Redis database from another; None: not Redis.

    Args:
        default: Number of the database if `url` has none.
    """
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if parts.scheme in ("redis+socket", "unix"):
        number = (query.get("virtual_host") or query.get("db") or [default])[0]
        return "socket", parts.path, number
    if parts.scheme in ("redis", "rediss"):
        number = parts.path.strip("/") or (query.get("db") or [default])[0]
        host = (parts.hostname or "localhost").replace("127.0.0.1", "localhost")
        return host, str(parts.port or 6379), number
    return None


def check_tables(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check, with `--deploy`, that the ledger's tables exist: a save needs them."""
    aliases = {router.db_for_write(field.model) for field in all_watched_fields()}
    return [message for using in sorted(aliases) for message in _check_tables_in(using)]


def _check_tables_in(using: str) -> Iterator[CheckMessage]:
    try:
        there = set(connections[using].introspection.table_names())
    except DatabaseError as error:
        yield Caution(
            f"The ledger in database {using!r} cannot be looked at: {error}.",
            hint="Start the database, or correct DATABASES.",
            id="rendition_workers.W043",
        )
        return
    ledger = apps.get_app_config("rendition_workers").get_models()
    tables = {model._meta.db_table for model in ledger}
    if router.allow_migrate_model(using, WarmJob) and not tables <= there:
        yield Error(
            f"Database {using!r} lacks tables of the ledger: {', '.join(sorted(tables - there))}.",
            hint=f"Run `manage.py migrate --database {using}`.",
            id="rendition_workers.E042",
        )


def check_databases(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that the database of each watched model has a ledger; else a save is two commits."""
    return [
        Error(
            f"{field.label} declares `warm` or `cleanup`, but its database {using!r} has no "
            "ledger.",
            hint="Let the database router migrate the app 'rendition_workers' there.",
            obj=field,
            id="rendition_workers.E040",
        )
        for field in all_watched_fields()
        for using in [router.db_for_write(field.model)]
        if not router.allow_migrate_model(using, WarmJob)
    ]


def check_keys(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that the primary key of each watched model fits into the ledger."""
    return [
        Error(
            f"{field.label} declares `warm` or `cleanup`, but the primary key of its model "
            f"{reason}.",
            hint="Put the image on a model of its own with a single, short primary key.",
            obj=field,
            id="rendition_workers.E041",
        )
        for field in all_watched_fields()
        if (reason := _misfit(field.model._meta.pk))
    ]


def _misfit(key: Any) -> str | None:
    if isinstance(key, models.CompositePrimaryKey):
        return "has several fields"
    if isinstance(key, models.CharField) and (key.max_length or math.inf) > OBJECT_PK_LENGTH:
        return f"may be longer than {OBJECT_PK_LENGTH} characters"
    return None
