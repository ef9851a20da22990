"""The state of the service at one moment, as values: what the page, the shell and a probe show.

A number of queries that does not depend on the number of jobs: what would read a whole table is
counted up to `COUNTED`, and estimated beyond.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import Error as DatabaseError
from django.db import connections, models
from django.db.models import DurationField, ExpressionWrapper, F, Min
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from . import dispatch, throughput
from .conf import BULK_QUEUE, QUEUE
from .models import (
    UNFINISHED,
    Heartbeat,
    IncompletePicture,
    JobState,
    RunKind,
    RunState,
    WarmJob,
    WarmRun,
    WorkerNode,
)
from .nodes import GONE_AFTER_S
from .statements import aware
from .targets import JobTarget, all_watched_fields, in_each_ledger, ledger_trouble

# More rows than this are not counted one by one.
COUNTED = 10_000
# The same for what is less important, or one of many parts: a model in a state, a kind of failure.
PART_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Count:
    """A number of rows; if there are very many, an estimate."""

    number: int
    is_exact: bool = True

    def __add__(self, other: "Count") -> "Count":
        return Count(self.number + other.number, self.is_exact and other.is_exact)

    def __bool__(self) -> bool:
        return self.number > 0

    def __str__(self) -> str:
        return f"{self.number}" if self.is_exact else f"about {self.number}"


NONE = Count(0)


@dataclass(frozen=True, slots=True)
class FailureKind:
    """The failed jobs of one kind."""

    kind: str
    headline: str  # in English, of one of them
    count: Count


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """The failed jobs of one kind, one model and one reason."""

    kind: str
    model_label: str
    headline: str  # in English
    count: Count


@dataclass(frozen=True, slots=True)
class Busy:
    """What a worker works on."""

    target: JobTarget
    for_s: float


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that runs, or that has gone without a word."""

    name: str
    queues: tuple[str, ...]
    processes: int
    release: str
    started_at: datetime  # aware
    seen_s_ago: float
    jobs: tuple[Busy, ...] = ()

    @property
    def is_gone(self) -> bool:
        return self.seen_s_ago > GONE_AFTER_S


@dataclass(frozen=True, slots=True)
class Run:
    """A bulk run that is not finished."""

    using: str
    pk: int
    name: str  # app.Model.field
    kind: RunKind
    state: RunState
    planned: int
    ended: int
    failed: int
    total: int | None  # None: not known
    running_s: float  # since it was started or resumed
    ended_before: int
    waits_for_release: bool

    @property
    def share(self) -> float | None:
        """The part that is done, 0 to 1; None: nobody knows."""
        if self.total is None:
            return None
        return min(1.0, self.ended / self.total) if self.total else 1.0

    @property
    def per_s(self) -> float:
        """Instances that ended in a second, since the run was started or resumed."""
        return (self.ended - self.ended_before) / self.running_s if self.running_s > 0 else 0.0

    @property
    def remaining_s(self) -> float | None:
        """The estimated time to the end; None: there is nothing to estimate it by."""
        if self.total is None or self.state != RunState.RUNNING or self.per_s <= 0:
            return None
        return max(0, self.total - self.ended) / self.per_s


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known at one moment. All ages are in seconds, by the clock of the database."""

    queued: Count = NONE  # jobs that make renditions, due or waiting for another attempt
    warming: Count = NONE  # a worker has them
    failed: Count = NONE
    removals: Count = NONE  # pictures whose files are going to be taken away
    incomplete: Count = NONE  # pictures that were accepted although their files lack their ends
    # How long the job has waited that is due for the longest time; None: no job is due. Of fresh
    # uploads and of bulk runs.
    oldest_due_s: float | None = None
    oldest_bulk_due_s: float | None = None
    by_model: tuple[tuple[str, JobState, Count], ...] = ()
    failures: tuple[FailureKind, ...] = ()
    minutes: tuple[tuple[int, int], ...] = ()  # made and failed; the last one is the present minute
    workers: tuple[Worker, ...] = ()
    last_sweep_s: float | None = None  # None: there was none
    last_beat_s: float | None = None
    queues: tuple[tuple[str, int], ...] = ()  # and how many messages wait in it
    broker_trouble: str = ""  # empty: it answers
    runs: tuple[Run, ...] = ()
    ledger_troubles: tuple[str, ...] = ()  # databases that do not answer, and what to do
    watched: tuple[str, ...] = ()  # the fields with jobs, as app.Model.field

    @property
    def living(self) -> tuple[Worker, ...]:
        return tuple(worker for worker in self.workers if not worker.is_gone)

    def consumers(self, queue: str) -> int:
        """Return how many living workers consume `queue`."""
        return sum(queue in worker.queues for worker in self.living)


def take() -> Snapshot:
    """Ask all ledgers and the broker."""
    troubles: list[str] = []

    def note(using: str, error: DatabaseError) -> None:
        troubles.append(ledger_trouble(using, error))

    ledgers = in_each_ledger(_of_ledger, on_error=note)
    queues, broker_trouble = _queues()
    return Snapshot(
        queued=_sum(each.queued for each in ledgers),
        warming=_sum(each.warming for each in ledgers),
        failed=_sum(each.failed for each in ledgers),
        removals=_sum(each.removals for each in ledgers),
        incomplete=_sum(each.incomplete for each in ledgers),
        oldest_due_s=_oldest(each.oldest_due_s for each in ledgers),
        oldest_bulk_due_s=_oldest(each.oldest_bulk_due_s for each in ledgers),
        by_model=_merged_models(ledgers),
        failures=_merged_failures(ledgers),
        minutes=_merged_minutes(ledgers),
        workers=_merged_workers(ledgers),
        last_sweep_s=_newest(each.last_sweep_s for each in ledgers),
        last_beat_s=_newest(each.last_beat_s for each in ledgers),
        queues=queues,
        broker_trouble=broker_trouble,
        runs=tuple(run for each in ledgers for run in each.runs),
        ledger_troubles=tuple(troubles),
        watched=tuple(sorted(field.label for field in all_watched_fields())),
    )


def take_signs() -> Snapshot:
    """Ask only whether the parts run: beat, sweep, workers and broker. The counts are empty.

    It costs two queries of each ledger, and two questions to the broker.
    """
    troubles: list[str] = []

    def note(using: str, error: DatabaseError) -> None:
        troubles.append(ledger_trouble(using, error))

    ledgers = in_each_ledger(_signs_of_ledger, on_error=note)
    queues, broker_trouble = _queues()
    return Snapshot(
        workers=_merged_workers(ledgers),
        last_sweep_s=_newest(each.last_sweep_s for each in ledgers),
        last_beat_s=_newest(each.last_beat_s for each in ledgers),
        queues=queues,
        broker_trouble=broker_trouble,
        ledger_troubles=tuple(troubles),
        watched=tuple(sorted(field.label for field in all_watched_fields())),
    )


# ---- one ledger --------------------------------------------------------------------------------


def _of_ledger(using: str) -> Snapshot:
    jobs = WarmJob.objects.using(using)
    signs = _signs_of_ledger(using)
    busy = _busy(using)
    failed = _count_failed(jobs)
    return Snapshot(
        queued=_count_queued(jobs),
        warming=_count(_in_progress(jobs), "lease_until"),
        failed=failed,
        removals=_count_removals(jobs),
        incomplete=_count(IncompletePicture.objects.using(using).all(), "pk"),
        oldest_due_s=_waiting_s(jobs.filter(run__isnull=True, takes__isnull=True)),
        oldest_bulk_due_s=_oldest(
            _waiting_s(jobs.filter(run=run))
            for run in WarmRun.objects.using(using).filter(state=RunState.RUNNING)
        ),
        by_model=tuple(_by_model(jobs)),
        failures=tuple(_failures(jobs, failed)),
        minutes=tuple(throughput.last_minutes(using)),
        workers=tuple(replace(each, jobs=busy.get(each.name, ())) for each in signs.workers),
        last_sweep_s=signs.last_sweep_s,
        last_beat_s=signs.last_beat_s,
        runs=tuple(_runs(using)),
    )


def _signs_of_ledger(using: str) -> Snapshot:
    beats = _ages(Heartbeat.objects.using(using), "beaten_at")
    last = dict(beats.values_list("name", "age"))
    return Snapshot(
        workers=tuple(_workers(using)),
        last_sweep_s=_seconds(last.get(Heartbeat.SWEEP)),
        last_beat_s=_seconds(last.get(Heartbeat.BEAT)),
    )


def _count_queued(jobs: models.QuerySet[WarmJob]) -> Count:
    """Count the jobs that make renditions, and that no worker has."""
    owed = jobs.filter(due_at__isnull=False)
    # No index tells the state of those that no run has: it would change with each claim.
    of_saves = _bounded(owed.filter(run__isnull=True, takes__isnull=True), "due_at", "pk")
    of_runs = _bounded(owed.filter(run__isnull=False), "run_id", "due_at")
    if max(of_saves, of_runs) <= COUNTED:
        held = _bounded(_in_progress(jobs).filter(takes__isnull=True), "lease_until")
        # A worker may have taken one between the queries.
        return Count(max(0, of_saves + of_runs - held))
    return _estimated(jobs.filter(state=JobState.QUEUED, takes__isnull=True))


def _in_progress(jobs: models.QuerySet[WarmJob]) -> models.QuerySet[WarmJob]:
    return jobs.filter(state=JobState.WARMING, lease_until__isnull=False)


def _count_failed(jobs: models.QuerySet[WarmJob]) -> Count:
    return _count(jobs.filter(due_at__isnull=True), "kind", "model_label", "headline")


def _count_removals(jobs: models.QuerySet[WarmJob]) -> Count:
    removals = jobs.filter(takes__isnull=False)
    return _count(
        removals.filter(due_at__isnull=False), "due_at", "pk", most=PART_COUNTED, like=removals
    )


def _count(
    rows: models.QuerySet[Any],
    *index: str,
    most: int = COUNTED,
    like: models.QuerySet[Any] | None = None,
) -> Count:
    """Count `rows`, up to `most`; beyond it, return an estimate.

    Args:
        index: Of the columns of an index that has the rows, those in which they differ.
        like: About as many rows, by fewer conditions. A planner takes each condition to be
            independent of the others.
    """
    number = _bounded(rows, *index, most=most)
    if number <= most:
        return Count(number)
    return _estimated(rows if like is None else like, most)


def _bounded(rows: models.QuerySet[Any], *index: str, most: int = COUNTED) -> int:
    """Return the number of `rows`, or `most + 1` if there are more.

    They are counted in the order of the index: without an order, PostgreSQL may read the table from
    its beginning, and find millions of other rows there.
    """
    return rows.order_by(*index).values(*index)[: most + 1].count()


def only(column: str, value: str) -> dict[str, str]:
    """Return the condition that `column` is `value`, for rows in the order of `column`.

    It is a range: PostgreSQL would not order the rows by a column with one value, and then it would
    need no index that begins with it.
    """
    return {f"{column}__gte": value, f"{column}__lte": value}


def _estimated(rows: models.QuerySet[Any], least: int = COUNTED) -> Count:
    """Return what the planner expects. Other databases only know that there are many."""
    rows = rows.order_by()
    if connections[rows.db].vendor != "postgresql":
        return Count(least, is_exact=False)
    [plan] = json.loads(rows.explain(format="json"))
    return Count(max(least, int(plan["Plan"]["Plan Rows"])), is_exact=False)


def _fitted(parts: Sequence[Count], whole: Count) -> list[Count]:
    """Return `parts` with other estimates, so that they are `whole` together.

    The planner knows how many jobs have one state, and not how many of them have one model, too:
    what it expects for all parts is wrong by about the same factor.
    """
    exact = sum(part.number for part in parts if part.is_exact)
    estimated = sum(part.number for part in parts if not part.is_exact)
    factor = (whole.number - exact) / estimated if estimated else 1
    return [
        part
        if part.is_exact
        else replace(part, number=max(PART_COUNTED, round(part.number * factor)))
        for part in parts
    ]


def _by_model(jobs: models.QuerySet[WarmJob]) -> Iterator[tuple[str, JobState, Count]]:
    labels = sorted({field.model._meta.label for field in all_watched_fields()})
    columns = {state: _of_models(jobs.filter(state=state), labels) for state in JobState}
    for number, label in enumerate(labels):
        for state, counts in columns.items():
            if found := counts[number]:
                yield label, state, found


def _of_models(of_state: models.QuerySet[WarmJob], labels: Sequence[str]) -> list[Count]:
    index = ("model_label", "state", "pk")
    found = [
        _count(of_state.filter(**only("model_label", label)), *index, most=PART_COUNTED)
        for label in labels
    ]
    are_exact = all(part.is_exact for part in found)
    return found if are_exact else _fitted(found, _estimated(of_state))


def _waiting_s(jobs: models.QuerySet[WarmJob]) -> float | None:
    """Return for how long the oldest job of `jobs` is due that no worker has."""
    waiting = jobs.filter(due_at__lte=Now(), state=JobState.QUEUED, lease_until__isnull=True)
    oldest = _ages(waiting, "due_at").order_by("due_at", "pk").values_list("age", flat=True)
    return _seconds(oldest.first())


def _failures(jobs: models.QuerySet[WarmJob], total: Count) -> Iterable[FailureKind]:
    failed = jobs.filter(due_at__isnull=True)
    found = []
    for kind in _distinct(failed, "kind"):
        of_kind = failed.filter(kind=kind)
        headline = of_kind.order_by("model_label", "headline").values_list("headline", flat=True)
        number = _count(of_kind, "model_label", "headline", most=PART_COUNTED)
        found.append(FailureKind(kind, headline.first() or "", number))
    numbers = _fitted([each.count for each in found], total)
    return (replace(each, count=number) for each, number in zip(found, numbers, strict=True))


def failure_groups(using: str, most: int) -> list[FailureGroup]:
    """Return up to `most` groups of failed jobs, the largest first.

    A few queries for each, however many jobs it has.
    """
    jobs = WarmJob.objects.using(using)
    found = list(islice(_groups(jobs), most + 1))
    if len(found) <= most:
        numbers = _fitted([each.count for each in found], _count_failed(jobs))
        found = [replace(each, count=n) for each, n in zip(found, numbers, strict=True)]
    return sorted(found[:most], key=lambda group: -group.count.number)


def _groups(jobs: models.QuerySet[WarmJob]) -> Iterator[FailureGroup]:
    failed = jobs.filter(due_at__isnull=True)
    for kind in _distinct(failed, "kind"):
        of_kind = failed.filter(kind=kind)
        for label in _distinct(of_kind, "model_label"):
            of_model = of_kind.filter(model_label=label)
            for headline in _distinct(of_model, "headline"):
                group = of_model.filter(**only("headline", headline))
                # A headline has one kind.
                like = jobs.filter(model_label=label, headline=headline)
                yield FailureGroup(
                    kind, label, headline, _count(group, "headline", most=PART_COUNTED, like=like)
                )


def _distinct(jobs: models.QuerySet[WarmJob], column: str) -> Iterator[str]:
    """Yield the values of `column`: an index finds each after the one before."""
    value = jobs.aggregate(next=Min(column))["next"]
    while value is not None:
        yield value
        value = jobs.filter(**{f"{column}__gt": value}).aggregate(next=Min(column))["next"]


def _busy(using: str) -> dict[str, tuple[Busy, ...]]:
    """Return what each worker works on, by its name."""
    busy: dict[str, list[Busy]] = defaultdict(list)
    leased = WarmJob.objects.using(using).filter(
        lease_until__isnull=False, lease_until__gt=Now(), state=JobState.WARMING
    )
    columns = ("lease_worker", "age", "model_label", "object_pk", "field_name", "removed_name")
    for name, age, *target in _ages(leased, "changed_at").order_by("pk").values_list(*columns):
        busy[name].append(Busy(JobTarget(using, *target), age.total_seconds()))
    return {name: tuple(jobs) for name, jobs in busy.items()}


def _workers(using: str) -> Iterable[Worker]:
    for node in _ages(WorkerNode.objects.using(using), "seen_at").order_by("name"):
        yield Worker(
            name=node.name,
            queues=tuple(node.queues),
            processes=node.processes,
            release=node.release,
            started_at=aware(using, node.started_at),
            seen_s_ago=node.age.total_seconds(),
        )


def _runs(using: str) -> Iterable[Run]:
    unfinished = WarmRun.objects.using(using).filter(state__in=UNFINISHED)
    return map(_run, _ages(unfinished, "resumed_at").order_by("pk"))


def run_now(run: WarmRun) -> Run:
    """Return `run`, finished or not, as it is now."""
    return _run(_ages(WarmRun.objects.using(run.using), "resumed_at").get(pk=run.pk))


def _run(run: Any) -> Run:
    return Run(
        using=run.using,
        pk=run.pk,
        name=f"{run.model_label}.{run.field_name}",
        kind=RunKind(run.kind),
        state=RunState(run.state),
        planned=run.planned,
        ended=run.ended,
        failed=run.failed,
        total=run.total,
        running_s=run.age.total_seconds(),
        ended_before=run.ended_before,
        waits_for_release=run.waits_for_release,
    )


def _ages(rows: models.QuerySet[Any], column: str) -> Any:
    """Add `age`, the time since `column`, by the clock of the database."""
    return rows.annotate(age=ExpressionWrapper(Now() - F(column), output_field=DurationField()))


def _seconds(age: Any) -> float | None:
    return None if age is None else age.total_seconds()


# ---- the broker --------------------------------------------------------------------------------


def _queues() -> tuple[tuple[tuple[str, int], ...], str]:
    try:
        return tuple((queue, dispatch.waiting(queue)) for queue in (QUEUE, BULK_QUEUE)), ""
    # Each transport has errors of its own.
    except (OperationalError, OSError) as error:
        return (), dispatch.without_passwords(str(error))


# ---- several ledgers ---------------------------------------------------------------------------


def _sum(counts: Iterable[Count]) -> Count:
    return sum(counts, NONE)


def _oldest(ages: Iterable[float | None]) -> float | None:
    return max((age for age in ages if age is not None), default=None)


def _newest(ages: Iterable[float | None]) -> float | None:
    return min((age for age in ages if age is not None), default=None)


def _merged_models(ledgers: list[Snapshot]) -> tuple[tuple[str, JobState, Count], ...]:
    counts: dict[tuple[str, JobState], Count] = defaultdict(lambda: NONE)
    for each in ledgers:
        for label, state, number in each.by_model:
            counts[label, state] += number
    return tuple((label, state, number) for (label, state), number in counts.items())


def _merged_failures(ledgers: list[Snapshot]) -> tuple[FailureKind, ...]:
    counts: dict[str, Count] = defaultdict(lambda: NONE)
    headlines = {}
    for each in ledgers:
        for failure in each.failures:
            counts[failure.kind] += failure.count
            headlines[failure.kind] = failure.headline
    merged = (FailureKind(kind, headlines[kind], number) for kind, number in counts.items())
    return tuple(sorted(merged, key=lambda failure: -failure.count.number))


def _merged_minutes(ledgers: list[Snapshot]) -> tuple[tuple[int, int], ...]:
    columns = zip(*(each.minutes for each in ledgers), strict=True)
    return tuple((sum(m for m, _ in minute), sum(f for _, f in minute)) for minute in columns)


def _merged_workers(ledgers: list[Snapshot]) -> tuple[Worker, ...]:
    """A worker is in each ledger: the newest row counts, with the jobs of all."""
    newest: dict[str, Worker] = {}
    jobs: dict[str, tuple[Busy, ...]] = defaultdict(tuple)
    for each in ledgers:
        for worker in each.workers:
            jobs[worker.name] += worker.jobs
            known = newest.get(worker.name)
            if known is None or worker.seen_s_ago < known.seen_s_ago:
                newest[worker.name] = worker
    return tuple(
        Worker(
            name=name,
            queues=worker.queues,
            processes=worker.processes,
            release=worker.release,
            started_at=worker.started_at,
            seen_s_ago=worker.seen_s_ago,
            jobs=jobs[name],
        )
        for name, worker in sorted(newest.items())
    )
