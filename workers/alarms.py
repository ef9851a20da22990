"""What needs a hand, from a snapshot: the page, the shell and the probes say the same."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext, ngettext

from .conf import BULK_QUEUE, QUEUE
from .snapshot import Snapshot

# Beat sends a sweep each 30 s by default. A few may be late while many messages wait.
SWEEP_MISSING_S = 600.0
FIRST_SWEEP_WITHIN = timedelta(seconds=60)
# A job that is due for longer than this is not only waiting for its turn.
WAITING_TOO_LONG_S = 900.0


class AlarmId(StrEnum):
    """The name of an alarm in JSON, in metrics and in the documentation."""

    LEDGER = "ledger"
    BROKER = "broker"
    NO_WORKER = "no_worker"
    UNCONSUMED = "unconsumed"
    WORKER_GONE = "worker_gone"
    BEAT = "beat"
    SWEEP = "sweep"
    TOO_OLD = "too_old"
    OUTDATED = "outdated"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that does not mend itself. The texts are in the active language."""

    id: AlarmId
    headline: str
    remedy: str
    # Without this the service does not work at all, so a probe must fail: not so one that has
    # failed jobs, which a restart would not mend.
    stops_work: bool = True

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id.value, "headline": self.headline, "remedy": self.remedy}


def alarms(snapshot: Snapshot) -> list[Alarm]:
    """Return what needs a hand, the worst first; empty: all is well."""
    if not snapshot.watched:
        # No model declares anything: nothing has to run.
        return []
    found = [_ledger(snapshot), _broker(snapshot), *_workers(snapshot), *_beat(snapshot)]
    found += [_too_old(snapshot), _outdated(snapshot), _failed(snapshot)]
    return [alarm for alarm in found if alarm]


def _ledger(snapshot: Snapshot) -> Alarm | None:
    if not snapshot.ledger_troubles:
        return None
    headline = gettext("A database with jobs does not answer.")
    return Alarm(AlarmId.LEDGER, headline, " ".join(snapshot.ledger_troubles))


def _broker(snapshot: Snapshot) -> Alarm | None:
    if not snapshot.broker_trouble:
        return None
    remedy = gettext(
        "Start it, or correct its address. No job is lost: each one is sent again when the broker "
        "is back. %(error)s"
    )
    return Alarm(
        AlarmId.BROKER,
        gettext("The broker does not answer."),
        remedy % {"error": snapshot.broker_trouble},
    )


def _workers(snapshot: Snapshot) -> list[Alarm]:
    command = f"celery -A YOUR_PROJECT worker -Q {QUEUE},{BULK_QUEUE}"
    start = gettext("Start one: %(command)s") % {"command": command}
    if not snapshot.living:
        return [Alarm(AlarmId.NO_WORKER, gettext("No worker runs."), start)]
    found = []
    for queue in (QUEUE, BULK_QUEUE):
        if not snapshot.consumers(queue):
            headline = gettext("No worker consumes the queue %(queue)s.") % {"queue": queue}
            found.append(Alarm(AlarmId.UNCONSUMED, headline, start))
    gone = [worker.name for worker in snapshot.workers if worker.is_gone]
    if gone:
        headline = ngettext(
            "A worker has gone without a word: %(names)s.",
            "Workers have gone without a word: %(names)s.",
            len(gone),
        )
        remedy = gettext(
            "Start it again under its name, and its jobs go on at once; otherwise when their "
            "leases end. A worker that is not coming back is forgotten after a day."
        )
        alarm = Alarm(
            AlarmId.WORKER_GONE, headline % {"names": ", ".join(gone)}, remedy, stops_work=False
        )
        found.append(alarm)
    return found


def _beat(snapshot: Snapshot) -> list[Alarm]:
    if _has_just_started(snapshot):
        return []
    if snapshot.last_beat_s is None or snapshot.last_beat_s > SWEEP_MISSING_S:
        headline = gettext("Beat does not run.")
        remedy = gettext(
            "Lost messages are not sent again, and failed attempts are not repeated. Start "
            "`celery -A YOUR_PROJECT beat` with the beat_schedule of workers.conf.CELERY."
        )
        return [Alarm(AlarmId.BEAT, headline, remedy)]
    if snapshot.last_sweep_s is None or snapshot.last_sweep_s > SWEEP_MISSING_S:
        headline = gettext("Beat sends sweeps, and no worker runs them.")
        remedy = gettext("Look whether a worker consumes the queue %(queue)s, and its log.")
        return [Alarm(AlarmId.SWEEP, headline, remedy % {"queue": QUEUE})]
    return []


def _has_just_started(snapshot: Snapshot) -> bool:
    """Whether this is the first start of the service, and beat may have sent nothing yet."""
    first_starts = [worker.started_at for worker in snapshot.living]
    return (
        snapshot.last_beat_s is None
        and bool(first_starts)
        and timezone.now() - min(first_starts) < FIRST_SWEEP_WITHIN
    )


def _too_old(snapshot: Snapshot) -> Alarm | None:
    age_s = snapshot.oldest_due_s
    if age_s is None or age_s <= WAITING_TOO_LONG_S:
        return None
    headline = gettext("A job has waited for a worker for %(minutes)d minutes.")
    remedy = gettext("Start more workers, or look into the log of those that run.")
    return Alarm(AlarmId.TOO_OLD, headline % {"minutes": age_s / 60}, remedy, stops_work=False)


def _outdated(snapshot: Snapshot) -> Alarm | None:
    waiting = [run.name for run in snapshot.runs if run.waits_for_release]
    if not waiting:
        return None
    headline = gettext("A bulk run waits for a worker of a newer release: %(names)s.")
    return Alarm(
        AlarmId.OUTDATED,
        headline % {"names": ", ".join(waiting)},
        gettext("Restart the workers."),
        stops_work=False,
    )


def _failed(snapshot: Snapshot) -> Alarm | None:
    if not snapshot.failed:
        return None
    headline = ngettext(
        "%(count)s job has failed.", "%(count)s jobs have failed.", snapshot.failed.number
    )
    remedy = gettext("Remove the causes, and retry: the list of failures has the reasons.")
    return Alarm(AlarmId.FAILED, headline % {"count": snapshot.failed}, remedy, stops_work=False)
