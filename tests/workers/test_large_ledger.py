"""The queries of the ledger with many rows: each reads by an index what it wants, and no more."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connections
from django.db.models.functions import Now

from tests.workers.broker import drain
from tests.workers.test_admin import LIST
from workers import ledger, recovery, runs, statements
from workers.admin.jobs import MOST_LISTED
from workers.conf import BULK_QUEUE, QUEUE
from workers.ledger import Hint
from workers.models import JobState, RunState, SupersededJob, WarmJob, WarmRun
from workers.targets import JobTarget

MANY = 20_000
TABLE = WarmJob._meta.db_table
# These indexes have no more rows than there are busy workers, or outstanding jobs of runs.
SMALL = ("rendition_warmjob_leased", "rendition_warmjob_run")

pytestmark = pytest.mark.django_db


def insert(using: str, pks: range, **values: Any) -> None:
    """Insert many jobs at once."""
    times = dict.fromkeys(("due_at", "queued_at", "changed_at"), Now() - timedelta(hours=1))
    row = {"model_label": "app.Person", "field_name": "headshot", **times, **values}
    statements.insert_absent(using, WarmJob, row, "object_pk", [str(pk) for pk in pks])


@pytest.fixture
def large_ledger(ledger_db) -> Iterator[str]:
    """Return the alias of a database with many queued and failed jobs, and two runs."""
    run, cancelled = (
        WarmRun.objects.using(ledger_db).create(
            model_label="app.Person", field_name="headshot", state=state, planned=200
        )
        for state in (RunState.RUNNING, RunState.CANCELLED)
    )
    insert(ledger_db, range(MANY), hinted_at=Now())
    insert(ledger_db, range(MANY, 2 * MANY), state=JobState.FAILED, kind="unreadable", due_at=None)
    insert(ledger_db, range(3 * MANY, 3 * MANY + MANY // 2), run_id=run.pk)
    insert(ledger_db, range(2 * MANY + 200, 2 * MANY + 210), run_id=cancelled.pk)
    lease = {"lease_until": Now() + timedelta(hours=1), "lease_token": "t", "lease_task": "t1"}
    lease |= {"state": JobState.WARMING, "lease_worker": "w1"}
    insert(ledger_db, range(2 * MANY + 300, 2 * MANY + 310), **lease)
    SupersededJob.objects.using(ledger_db).create(run=run)
    with connections[ledger_db].cursor() as cursor:
        cursor.execute("ANALYZE")
    yield ledger_db
    with connections[ledger_db].cursor() as cursor:
        # Other tests have a few rows only.
        WarmJob.objects.using(ledger_db).all()._raw_delete(ledger_db)
        cursor.execute("ANALYZE")


Statement = tuple[str, Any]


def recorded(using: str, function: Callable[[], Any]) -> list[Statement]:
    """Call `function`; return the statements about jobs, with their parameters.

    The plan may differ if values are in the text: SQLite uses a partial index only if it can
    prove that the query needs no other rows.
    """
    found: list[Statement] = []

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if f'"{TABLE}"' in sql and not sql.startswith("INSERT"):
            found.append((sql, params))
        return execute(sql, params, many, context)

    with connections[using].execute_wrapper(record):
        function()
    return found


def explained(using: str, statement: Statement) -> str:
    """Return how the database executes the statement."""
    sql, params = statement
    how = "EXPLAIN" if using == "postgres" else "EXPLAIN QUERY PLAN"
    with connections[using].cursor() as cursor:
        cursor.execute(f"{how} {sql}", params)
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def whole_reads(sql: str, plan: str) -> list[str]:
    """Return the lines of a plan that read every job."""
    names = {TABLE, *re.findall(rf'"{TABLE}" (?:AS )?([UT]\d+)', sql)}
    of_jobs = re.compile(rf"(Seq Scan on|^SCAN) ({'|'.join(names)})\b")
    lines = [line for line in plan.splitlines() if of_jobs.search(line)]
    return [line for line in lines if not any(index in line for index in SMALL)]


def hints(using: str, number: int, **values: Any) -> list[Hint]:
    jobs = WarmJob.objects.using(using).filter(**values).values_list("pk", "generation")
    return [Hint(using, *job) for job in jobs[:number]]


def claim(hint: Hint) -> None:
    assert ledger.claim(hint, task_id="t", worker="w", lease_s=90, max_attempts=4)


def sweep(using: str) -> None:
    recovery._sweep_ledger(using)
    for queue in (QUEUE, BULK_QUEUE):
        drain(queue)


# By name: returns the call whose statements are explained.
CALLS: dict[str, Callable[[str], Callable[[], Any]]] = {
    "sweep": lambda using: lambda: sweep(using),
    "due": lambda using: lambda: ledger.due(using, 500, ledger.Work.SAVES, resend_after_s=-1),
    "due of runs": lambda using: (
        lambda: ledger.due(using, 500, ledger.Work.RUNS, resend_after_s=-1)
    ),
    "due of removals": lambda using: (
        lambda: ledger.due(using, 500, ledger.Work.REMOVALS, resend_after_s=-1)
    ),
    "put_off_removals": lambda using: lambda: ledger.put_off_removals(using, "a.jpg", delay_s=9),
    "mark_hinted": lambda using: partial(ledger.mark_hinted, using, hints(using, 500)),
    "clamp_times": lambda using: lambda: ledger.clamp_times(using, lease_s=90, delay_s=900),
    "claim": lambda using: partial(claim, hints(using, 1, state=JobState.QUEUED, run=None)[0]),
    "delete_job": lambda using: lambda: ledger.delete_job(target(using, "1")),
    "jobs_of": lambda using: lambda: ledger.jobs_of(using, "app.Person", "headshot", PKS),
    "settle_failed": lambda using: (
        lambda: ledger.settle_failed(using, "app.Person", "headshot", PKS)
    ),
    "retry": lambda using: lambda: ledger.retry(WarmJob.objects.using(using)),
    "release_worker": lambda using: lambda: ledger.release_worker(using, "w1"),
    "release_task": lambda using: lambda: ledger.release_task(using, "t1", delay_s=0),
    "continue_all": lambda using: lambda: runs.continue_all(using),
    "resume": lambda using: (
        lambda: ledger.clear_hints(using, WarmRun.objects.using(using).earliest("pk").pk)
    ),
    "cancel": lambda using: lambda: runs.cancel(WarmRun.objects.using(using).earliest("pk")),
    "failed jobs in the admin": lambda using: (
        lambda: list(WarmJob.objects.using(using).filter(state="failed").order_by("-pk")[:50])
    ),
}
PKS = [str(pk) for pk in range(MANY - 100, MANY + 100)]


def target(using: str, pk: str) -> JobTarget:
    return JobTarget(using, "app.Person", pk, "headshot")


@pytest.mark.parametrize("name", CALLS)
def test_no_query_reads_the_whole_ledger(large_ledger, name):
    """The database reads a part of an index, however many jobs there are."""
    call = CALLS[name](large_ledger)

    statements_of_call = recorded(large_ledger, call)

    assert statements_of_call
    for statement in statements_of_call:
        plan = explained(large_ledger, statement)
        assert not whole_reads(statement[0], plan), f"{statement[0]}\n{plan}"


class OfLedger:
    """Sends the admin to the ledger of the test."""

    using = "default"

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return self.using if model._meta.app_label == "rendition_workers" else None


@pytest.mark.parametrize("query", ["", "state__exact=failed", "kind=unreadable", "p=7"])
def test_the_list_of_the_admin_does_not_read_the_whole_ledger(
    large_ledger, admin_client, settings, monkeypatch, query
):
    """Neither for its rows, nor for their number, nor for what its filters offer."""
    settings.DATABASE_ROUTERS = [f"{__name__}.OfLedger"]
    monkeypatch.setattr(OfLedger, "using", large_ledger)
    page: list[Any] = []

    found = recorded(large_ledger, lambda: page.append(admin_client.get(f"{LIST}?{query}")))

    assert page[0].context["cl"].result_count == MOST_LISTED
    assert "?kind=unreadable" in page[0].content.decode()
    for sql, params in found:
        # SQLite does not use the partial index of the kinds.
        is_of_kinds = large_ledger == "sqlite" and "MIN(" in sql
        # The first rows in the order of the primary key are not the whole.
        if "LIMIT" not in sql and not is_of_kinds:
            plan = explained(large_ledger, (sql, params))
            assert not whole_reads(sql, plan), f"{sql}\n{plan}"
