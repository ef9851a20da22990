"""Whether the service is alive, and whether it is ready: for load balancers and orchestrators.

`live` asks the database alone: a restart of this process may help if it fails. `ready` asks for
everything that an upload needs to become renditions; a restart of a web process mends none of it.
Include `workers.health_urls`, or the two views. The answers are for anybody, so no reason in them
has the words of a driver, which may tell a host, a user or a password; `manage.py renditions
status` has those.
"""

import functools
import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from django.db import DEFAULT_DB_ALIAS, connections
from django.db import Error as DatabaseError
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from renditions.errors import StoreUnavailable
from renditions.outages import Outage
from renditions.records import probe_store

from . import snapshot
from .alarms import Alarm, AlarmId, alarms
from .conf import BULK_QUEUE, QUEUE
from .snapshot import Snapshot
from .targets import databases_with_ledger

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that the service needs."""

    name: str  # database, migrations, cache, broker, beat, sweep or worker:QUEUE
    reason: str = ""  # why it is not ready, in English; empty: it is

    @property
    def is_ready(self) -> bool:
        return not self.reason


def parts() -> list[Part]:
    """Ask for everything, and return the state of each part; the cache by a set and a get."""
    database = _database()
    if not database.is_ready:
        # Most of the others would only wait for it.
        return [database, _cache()]
    with override("en"):
        found = snapshot.take_signs()
        return [database, _migrations(), _cache(), *parts_of(found, alarms(found))]


def parts_of(found: Snapshot, raised: Iterable[Alarm]) -> list[Part]:
    """Return the parts that a snapshot tells of."""
    by_id = {alarm.id: alarm for alarm in raised}

    def part(name: str, *ids: AlarmId) -> Part:
        reasons = (by_id[each].headline for each in ids if each in by_id)
        return Part(name, next(reasons, ""))

    told = [
        part("ledger", AlarmId.LEDGER),
        part("broker", AlarmId.BROKER),
        part("beat", AlarmId.BEAT),
        part("sweep", AlarmId.BEAT, AlarmId.SWEEP),
    ]
    is_needed = bool(found.watched)
    if is_needed and AlarmId.BEAT not in by_id and found.last_beat_s is None:
        # It is no alarm while a service starts for the first time, and not ready either.
        told[2:] = [Part(name, "Beat has sent no sweep yet.") for name in ("beat", "sweep")]
    for queue in (QUEUE, BULK_QUEUE):
        reason = f"No worker consumes the queue {queue}."
        told.append(
            Part(f"worker:{queue}", reason if is_needed and not found.consumers(queue) else "")
        )
    return told


# ---- probes --------------------------------------------------------------------------------------


def _database() -> Part:
    for using in {DEFAULT_DB_ALIAS: None, **dict.fromkeys(databases_with_ledger())}:
        if not answers(using):
            return Part("database", f"The database {using!r} does not answer.")
    return Part("database")


def answers(using: str) -> bool:
    """Whether a database returns a row of a table that every project has."""
    outage = _outage(f"database {using}")
    try:
        # SELECT 1 would do without the file of SQLite, and an open connection without the server.
        MigrationRecorder(connections[using]).migration_qs.exists()
    except DatabaseError as error:
        outage.began("The database %r does not answer: %s", using, error)
        return False
    outage.ended(f"The database {using!r} answers again, after %.0f s.")
    return True


def _migrations() -> Part:
    for using in databases_with_ledger():
        executor = MigrationExecutor(connections[using])
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            names = ", ".join(f"{each.app_label}.{each.name}" for each, _ in plan[:3])
            more = f" and {len(plan) - 3} more" if len(plan) > 3 else ""
            return Part("migrations", f"Not applied to {using!r}: {names}{more}.")
    return Part("migrations")


def _cache() -> Part:
    try:
        probe_store(secrets.token_hex(8))
    except StoreUnavailable as error:
        _outage("records").began("The cache of the records does not answer: %s", error)
        return Part("cache", "The cache of the records does not answer.")
    _outage("records").ended("The cache of the records answers again, after %.0f s.")
    return Part("cache")


@functools.cache
def _outage(name: str) -> Outage:
    return Outage(logger, name)


# ---- views ---------------------------------------------------------------------------------------


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """Answer 200 if the default database answers, else 503. It asks neither broker nor cache."""
    is_alive = answers(DEFAULT_DB_ALIAS)
    text = "ok\n" if is_alive else "The database does not answer.\n"
    return _answer(HttpResponse(text, content_type="text/plain"), is_alive)


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 if every part is ready, else 503; in JSON, with the reason of each."""
    found = parts()
    is_ready = all(part.is_ready for part in found)
    document = {
        "ready": is_ready,
        "parts": {
            part.name: {"ready": part.is_ready, "reason": part.reason or None} for part in found
        },
    }
    return _answer(JsonResponse(document), is_ready)


def _answer(response: HttpResponse, is_good: bool) -> HttpResponse:
    if not is_good:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        # Django would log an ERROR for each probe, and an error tracker would make an event of it.
        response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
    return response
