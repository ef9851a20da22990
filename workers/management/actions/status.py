"""manage.py renditions status: the state of the service, for people, scripts and probes."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError, OutputWrapper
from django.utils.translation import override

from renditions.shell import Action, age_text

from ... import snapshot
from ...alarms import Alarm, AlarmId, alarms
from ...snapshot import Run, Snapshot, Worker

NOTES = """\
Exit codes:
  0  all is well; or an alarm that stops no work, such as failed jobs
  1  an alarm that stops the work, or a limit of --max-age or --max-failed is exceeded
  2  an option is not known
With --only, any of the named alarms gives 1, and no other one does."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="Print one JSON document.")
    parser.add_argument(
        "--max-age",
        type=_limit,
        metavar="SECONDS",
        help="Exit with 1 if a job of a save waits for a worker for longer.",
    )
    parser.add_argument(
        "--max-failed", type=_limit, metavar="N", help="Exit with 1 if more jobs have failed."
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=[each.value for each in AlarmId],
        metavar="ALARM",
        help=f"Exit with 1 for this alarm only; repeatable. One of: {', '.join(AlarmId)}.",
    )
    parser.add_argument(
        "--worker",
        metavar="NAME",
        help="Exit with 1 unless the worker with this node name runs; for its health check. "
        "Alarms do not count then.",
    )


def _limit(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or more.")
    return int(text)


def run(stdout: OutputWrapper, stderr: OutputWrapper, options: dict[str, Any]) -> None:
    """Print the state, and exit with 1 if a probe must fail."""
    # Scripts read it, so it does not depend on the language of the project.
    with override("en"):
        # Without the counts for a probe of parts only.
        found = snapshot.take_signs() if options["worker"] else snapshot.take()
        raised = alarms(found)
        faults = list(_faults(found, raised, options))
    if options["json"]:
        stdout.write(json.dumps(as_json(found, raised, faults), indent=2))
    else:
        stdout.write("\n".join(_text(found, raised)))
    if faults:
        raise CommandError(" ".join(faults), returncode=1)


def _faults(found: Snapshot, raised: list[Alarm], options: dict[str, Any]) -> Iterator[str]:
    """Yield why the command exits with 1."""
    if name := options["worker"]:
        if not any(worker.name == name for worker in found.living):
            yield f"The worker {name!r} does not run."
    elif only := options["only"]:
        yield from (alarm.headline for alarm in raised if alarm.id in only)
    else:
        yield from (alarm.headline for alarm in raised if alarm.stops_work)
    max_age, max_failed = options["max_age"], options["max_failed"]
    if max_age is not None and (found.oldest_due_s or 0) > max_age:
        yield f"A job has waited for {found.oldest_due_s:.0f} s; the limit is {max_age} s."
    if max_failed is not None and found.failed.number > max_failed:
        yield f"Failed jobs: {found.failed}; the limit is {max_failed}."


# ---- JSON ----------------------------------------------------------------------------------------


def as_json(found: Snapshot, raised: list[Alarm], faults: list[str]) -> dict[str, Any]:
    """Return the document: its keys stay the same from release to release."""
    minutes = found.minutes
    return {
        "ok": not faults,
        "faults": faults,
        "alarms": [alarm.as_json() | {"stops_work": alarm.stops_work} for alarm in raised],
        "queued": found.queued.number,
        "warming": found.warming.number,
        "failed": found.failed.number,
        "removals": found.removals.number,
        "counts_are_exact": all(
            count.is_exact for count in (found.queued, found.warming, found.failed, found.removals)
        ),
        "oldest_due_s": found.oldest_due_s,
        "oldest_bulk_due_s": found.oldest_bulk_due_s,
        "made_last_hour": sum(made for made, _ in minutes),
        "failed_last_hour": sum(failed for _, failed in minutes),
        "by_model": [
            {"model": label, "state": state.value, "jobs": count.number}
            for label, state, count in found.by_model
        ],
        "failures": [
            {"kind": each.kind, "jobs": each.count.number, "reason": each.headline}
            for each in found.failures
        ],
        "workers": [_worker_as_json(worker) for worker in found.workers],
        "last_beat_s": found.last_beat_s,
        "last_sweep_s": found.last_sweep_s,
        "queues": dict(found.queues),
        "broker_trouble": found.broker_trouble or None,
        "ledger_troubles": list(found.ledger_troubles),
        "runs": [_run_as_json(run) for run in found.runs],
        "fields": list(found.watched),
    }


def _worker_as_json(worker: Worker) -> dict[str, Any]:
    return {
        "name": worker.name,
        "is_gone": worker.is_gone,
        "seen_s_ago": worker.seen_s_ago,
        "queues": list(worker.queues),
        "processes": worker.processes,
        "release": worker.release,
        "started_at": worker.started_at.isoformat(),
        "jobs": [{"job": str(busy.target), "for_s": busy.for_s} for busy in worker.jobs],
    }


def _run_as_json(run: Run) -> dict[str, Any]:
    return {
        "id": run.pk,
        "database": run.using,
        "field": run.name,
        "kind": run.kind.value,
        "state": run.state.value,
        "planned": run.planned,
        "ended": run.ended,
        "failed": run.failed,
        "total": run.total,
        "per_s": round(run.per_s, 2),
        "remaining_s": None if run.remaining_s is None else round(run.remaining_s),
    }


# ---- text ----------------------------------------------------------------------------------------


def _text(found: Snapshot, raised: list[Alarm]) -> Iterator[str]:
    for alarm in raised:
        yield f"{'STOPPED' if alarm.stops_work else 'LOOK   '}  {alarm.headline}"
        yield f"         {alarm.remedy}"
    yield "OK       Nothing needs a hand." if not raised else ""
    if not found.watched:
        yield "No field declares `warm` or `cleanup`, so nothing has to run."
        return
    yield f"Owed     {found.queued} queued, {found.warming} in progress, {found.failed} failed"
    yield f"Oldest   {_oldest(found)}"
    made = sum(made for made, _ in found.minutes)
    failed = sum(failed for _, failed in found.minutes)
    yield f"Speed    {made} made and {failed} failed in the last hour"
    if found.removals:
        yield f"Removals {found.removals} former pictures wait to be taken away"
    for each in found.failures:
        yield f"Failed   {each.count} {each.kind}: {each.headline}"
    yield from map(_worker, found.workers)
    yield f"Beat     {_ago(found.last_beat_s)}; the last sweep {_ago(found.last_sweep_s)}"
    for queue, waiting in found.queues:
        yield f"Queue    {queue}: messages {waiting}, consumers {found.consumers(queue)}"
    yield from map(_run, found.runs)


def _oldest(found: Snapshot) -> str:
    told = [
        f"{what} has waited for {age_text(age_s)}"
        for what, age_s in (
            ("a job of a save", found.oldest_due_s),
            ("a job of a bulk run", found.oldest_bulk_due_s),
        )
        if age_s is not None
    ]
    return "; ".join(told) or "no job waits for a worker"


def _worker(worker: Worker) -> str:
    state = f"gone, seen {_ago(worker.seen_s_ago)}" if worker.is_gone else "runs"
    busy = [f"{job.target} for {age_text(job.for_s)}" for job in worker.jobs]
    return (
        f"Worker   {worker.name} {state}: {', '.join(worker.queues) or 'no queue'}, "
        f"{worker.processes} processes, release {worker.release}, {', '.join(busy) or 'idle'}"
    )


def _run(run: Run) -> str:
    of = "" if run.total is None else f" of {run.total}"
    left = "" if run.remaining_s is None else f", {age_text(run.remaining_s)} to go"
    return (
        f"Run      {run.name} {run.kind.value} #{run.pk} {run.state.value}: {run.ended}{of} ended, "
        f"{run.failed} failed{left}"
    )


def _ago(seconds: float | None) -> str:
    return "was never seen" if seconds is None else f"{age_text(seconds)} ago"


ACTION = Action(
    help="Print what is owed, what runs, and what needs a hand.",
    add_arguments=add_arguments,
    run=run,
    examples="status\n"
    "status --json\n"
    "status --max-age 300 --max-failed 0\n"
    "status --only beat --only sweep\n"
    "status --worker renditions@$HOSTNAME",
    notes=NOTES,
)
