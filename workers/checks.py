"""What is wrong with a project's Celery and database configuration, before a picture is lost."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from celery import current_app
from django.apps import AppConfig
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Caution
from django.db import models, router

from renditions.checks import check_settings as check_library_settings
from renditions.checks import check_table
from renditions.conf import limits

from . import conf
from .models import OBJECT_PK_LENGTH, WarmJob
from .targets import all_warmed_fields

WORKERS_DICT = "RENDITIONS['WORKERS']"
# Celery takes a serializer's name and its content type alike.
PICKLE = {"pickle", "application/x-python-serialize"}


def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check every setting by itself, then the times against each other."""
    return _check_each_setting() or [*_check_times(), *_check_memory()]


def _check_each_setting() -> list[CheckMessage]:
    table = conf.WORKER_SETTINGS
    return list(check_table(WORKERS_DICT, table, "rendition_workers.E01", conf.given()))


def _check_times() -> Iterator[CheckMessage]:
    order = ("SOFT_TIME_LIMIT_S", "HARD_TIME_LIMIT_S", "LEASE_S")
    for shorter, longer in pairwise(order):
        if conf.get(shorter) >= conf.get(longer):
            yield Error(
                f"{WORKERS_DICT}[{longer!r}] is {conf.get(longer)} s; it must be longer than "
                f"{shorter}, {conf.get(shorter)} s.",
                hint="A job is told to stop, then killed, and only then taken over.",
                id="rendition_workers.E020",
            )
    if conf.get("BACKOFF_S") > conf.get("BACKOFF_MAX_S"):
        yield Error(
            f"{WORKERS_DICT}['BACKOFF_MAX_S'] is {conf.get('BACKOFF_MAX_S')} s; it must not be "
            f"shorter than BACKOFF_S, {conf.get('BACKOFF_S')} s.",
            id="rendition_workers.E021",
        )


def _check_memory() -> Iterator[CheckMessage]:
    if check_library_settings(None):
        # Limits that are none cannot be compared.
        return
    budget, needed = conf.get("JOB_MEMORY_MB"), limits().max_decode_bytes // 1024**2
    if 0 < budget < needed:
        yield Error(
            f"{WORKERS_DICT}['JOB_MEMORY_MB'] is {budget} MB, but a picture that is accepted may "
            f"need {needed} MB to be decoded.",
            hint=f"Give a job {2 * needed} MB or more, or 0 for no limit.",
            id="rendition_workers.E022",
        )


def check_celery(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that Celery's settings fit the ledger's times, and that somebody sweeps."""
    # Times that are none cannot be compared; check_settings says so.
    of_broker = [] if _check_each_setting() else _check_broker()
    return [*of_broker, *_check_worker(), *_check_serializers(), *_check_beat()]


def _check_broker() -> Iterator[CheckMessage]:
    options = current_app.conf.broker_transport_options or {}
    visibility_s = options.get("visibility_timeout", 3600)
    if not isinstance(visibility_s, int | float) or visibility_s <= conf.get("LEASE_S"):
        yield Caution(
            f"The broker hands a message to a second worker after visibility_timeout, "
            f"{visibility_s!r} s, while the first may hold the job for LEASE_S, "
            f"{conf.get('LEASE_S')} s.",
            hint="Make visibility_timeout in broker_transport_options longer than LEASE_S.",
            id="rendition_workers.W030",
        )
    url = str(current_app.conf.broker_write_url or current_app.conf.broker_url or "")
    if url.startswith(("redis", "rediss", "sentinel")) and not options.get("socket_timeout"):
        yield Caution(
            "A broker that accepts connections and does not answer would hold up every save: "
            "broker_transport_options has no socket_timeout.",
            hint="Configure Celery with workers.conf.CELERY, or set socket_timeout and "
            "socket_connect_timeout.",
            id="rendition_workers.W031",
        )


def _check_worker() -> Iterator[CheckMessage]:
    prefetched = current_app.conf.worker_prefetch_multiplier
    if prefetched != 1:
        yield Caution(
            f"Each worker process reserves {prefetched or 'any number of'} messages "
            "(worker_prefetch_multiplier): jobs wait behind a slow one while others are idle, and "
            "those of a killed worker wait for the next sweep.",
            hint="Set worker_prefetch_multiplier to 1.",
            id="rendition_workers.W034",
        )


def _check_serializers() -> Iterator[CheckMessage]:
    if PICKLE & set(current_app.conf.accept_content or ()):
        yield Caution(
            "Celery accepts pickle: whoever can write to the broker can run code.",
            hint="Set accept_content = ['json'].",
            id="rendition_workers.W032",
        )


def _check_beat() -> Iterator[CheckMessage]:
    scheduled = {entry.get("task") for entry in (current_app.conf.beat_schedule or {}).values()}
    database_scheduler = "django_celery_beat" in str(current_app.conf.beat_scheduler)
    if "renditions.sweep" not in scheduled and not database_scheduler:
        yield Caution(
            "Nothing sweeps: a message that the broker loses is never sent again, and a job that "
            "is to be retried later is not.",
            hint="Add the beat_schedule of workers.conf.CELERY and run celery beat.",
            id="rendition_workers.W033",
        )


def check_databases(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that each warmed model's database has the ledger, or one save is two transactions."""
    return [
        Error(
            f"{field.label} is warmed, but its database {using!r} has no ledger.",
            hint="Let the router migrate the app 'rendition_workers' there.",
            obj=field,
            id="rendition_workers.E040",
        )
        for field in all_warmed_fields()
        for using in [router.db_for_write(field.model)]
        if not router.allow_migrate_model(using, WarmJob)
    ]


def check_keys(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that the primary key of each warmed model fits into the ledger."""
    return [
        Error(
            f"{field.label} is warmed, but the primary key of its model {reason}.",
            hint="Give the picture a model of its own, with a plain key.",
            obj=field,
            id="rendition_workers.E041",
        )
        for field in all_warmed_fields()
        if (reason := _unfit(field.model._meta.pk))
    ]


def _unfit(key: Any) -> str | None:
    if isinstance(key, models.CompositePrimaryKey):
        return "is made of several fields"
    if isinstance(key, models.CharField) and (key.max_length or math.inf) > OBJECT_PK_LENGTH:
        return f"may be longer than {OBJECT_PK_LENGTH} characters"
    return None
