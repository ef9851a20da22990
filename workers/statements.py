"""SQL for many rows at once that the ORM cannot write, on PostgreSQL and SQLite."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from json import dumps
from typing import Any

from django.db import OperationalError, connections, models, transaction
from django.utils.timezone import is_naive, make_aware

from .models import WarmJob

# A chunk waits this long for a row that another transaction has locked. The transaction may wait
# for the chunk at the same time, and PostgreSQL ends one of the two after 1 s (deadlock): the chunk
# must give up before.
LOCK_TIMEOUT_MS = 30

# The first of the two numbers of our advisory locks; the second one stands for a name.
LOCK_CLASS = 0x52454E44

# PostgreSQL: lock_not_available, deadlock_detected, serialization_failure.
_CONFLICTS = {"55P03", "40P01", "40001"}

# Rows from a list that is one parameter.
_LISTS = {
    "postgresql": "unnest(%s::text[]) AS listed(value)",
    "sqlite": "json_each(%s) AS listed",
}


class Conflict(Exception):
    """Another transaction has locked or changed a row that this one needs."""


def takes_chunks(using: str) -> bool:
    """Whether `insert_absent` works on the database."""
    return connections[using].vendor in _LISTS


@contextmanager
def atomic_without_waiting(using: str) -> Iterator[None]:
    """Run the block in a transaction that waits for no other one.

    SQLite has one writer at a time, so nothing in the block waits after its first write.

    Raises:
        Conflict: a row is locked. The transaction is rolled back.
    """
    connection = connections[using]
    try:
        with transaction.atomic(using=using):
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            yield
    except OperationalError as error:
        if _sqlstate(error) in _CONFLICTS:
            raise Conflict from error
        raise


def insert_absent(
    using: str,
    model: type[models.Model],
    values: Mapping[str, Any],
    column: str,
    texts: Collection[str],
) -> int:
    """Insert a row for each of `texts`, unless a unique constraint forbids it; return how many.

    Args:
        values: By attribute name, the same in every row; the other fields get their defaults.
        column: Name of the field that has another one of `texts` in every row.
    """
    connection = connections[using]
    quote = connection.ops.quote_name
    columns: list[str] = []
    expressions: list[str] = []
    params: list[Any] = []
    for field in model._meta.concrete_fields:
        if field.primary_key:
            continue
        sql, more = "listed.value", list[Any]()
        if field.name != column:
            value = values[field.attname] if field.attname in values else field.get_default()
            sql, more = _compiled(value, field, model, connection)
        columns.append(quote(str(field.column)))
        expressions.append(sql)
        params += more
    listed = list(texts) if connection.vendor == "postgresql" else dumps(list(texts))
    # Without WHERE, SQLite takes ON CONFLICT for a part of a join.
    # Only names of our own table and placeholders are in the text.
    statement = (
        f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(columns)}) "  # noqa: S608
        f"SELECT {', '.join(expressions)} FROM {_LISTS[connection.vendor]} "
        "WHERE TRUE ON CONFLICT DO NOTHING"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, listed])
        return int(cursor.rowcount)


def _compiled(
    value: Any, field: Any, model: type[models.Model], connection: Any
) -> tuple[str, list[Any]]:
    """Return `value` as SQL with its parameters."""
    if not hasattr(value, "resolve_expression"):
        return "%s", [field.get_db_prep_save(value, connection)]
    query = model._base_manager.using(connection.alias).query
    compiler = query.get_compiler(connection=connection)
    sql, params = compiler.compile(value.resolve_expression(query, allow_joins=False))
    return sql, list(params)


def take_write_lock(using: str) -> None:
    """On SQLite, let this transaction be the one that writes, before it reads.

    A transaction that has read cannot write if another one has written meanwhile.
    """
    connection = connections[using]
    if connection.vendor == "sqlite":
        table = connection.ops.quote_name(WarmJob._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET attempts = attempts WHERE 0")  # noqa: S608


def aware(using: str, time: datetime) -> datetime:
    """Return a time of the clock of a database as an aware one; with USE_TZ off it is naive."""
    if not is_naive(time):
        return time
    # SQLite has no time zone: `Now()` is UTC there.
    return make_aware(time, UTC if connections[using].vendor == "sqlite" else None)


def read_committed(using: str) -> None:
    """Let this transaction see what others commit meanwhile. Call it before its first query.

    A project may have set REPEATABLE READ. A save that commits between the first query and the lock
    on its name would be invisible (stale read). Inside a transaction of the caller it does nothing.
    """
    connection = connections[using]
    # One entry is the block of the caller of this function.
    if connection.vendor == "postgresql" and len(connection.atomic_blocks) == 1:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")


def share_name(using: str, digest: str) -> None:
    """Share the lock on a name until the end of this transaction, which writes it to a row."""
    if connections[using].vendor == "postgresql":
        _advisory_lock(using, "SELECT pg_advisory_xact_lock_shared(%s, %s)", digest)


def try_name(using: str, digest: str) -> bool:
    """Take the lock on a name; False if an open transaction shares it.

    Other databases have no such lock. On SQLite, the caller has the lock of all writers.
    """
    if connections[using].vendor != "postgresql":
        return True
    return bool(_advisory_lock(using, "SELECT pg_try_advisory_xact_lock(%s, %s)", digest))


def _advisory_lock(using: str, statement: str, digest: str) -> Any:
    with connections[using].cursor() as cursor:
        cursor.execute(statement, [LOCK_CLASS, int(digest[:8], 16) - 2**31])
        return cursor.fetchone()[0]


def _sqlstate(error: OperationalError) -> str | None:
    # psycopg 3 and psycopg2 name it differently.
    cause = error.__cause__
    state: str | None = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return state
