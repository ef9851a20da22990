"""Compare database, storage and witness. Neither the cache nor the ledger alone is believed."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from renditions.planning.plans import RenditionPlan
from renditions.storage import disk
from workers.models import JobState, WarmJob

from . import witness
from .app.models import Picture
from .pictures import fault_of
from .run import Chaos

Event = dict[str, Any]
RENDITIONS = 8  # of a picture, at least


def judge(chaos: Chaos) -> None:
    """Add to the verdict what is lost, half-written, duplicated or wrong."""
    judge_renditions(chaos)
    _judge_work(chaos, witness.read(chaos.environment.witness))
    _judge_left_overs(chaos)


def judge_renditions(chaos: Chaos, but_for: str = "no such path") -> None:
    """Add what is lost, half-written or wrong now, except paths that contain `but_for`."""
    jobs = {job.object_pk: job for job in WarmJob.objects.filter(model_label="chaos.Picture")}
    for picture in Picture.objects.order_by("pk").iterator():
        job = jobs.pop(str(picture.pk), None)
        if _is_failed(job) and str(picture.pk) in chaos.may_fail:
            continue
        for plan in picture.image.plans():
            fault = "lost" if job else _fault_of(picture, plan)
            if fault and but_for not in plan.path:
                count(chaos, fault, f"{plan.path} of {picture.pk}, job {_described(job)}")
    if jobs:
        chaos.broken(f"{len(jobs)} ledger rows are of deleted pictures", len(jobs))


def _fault_of(picture: Picture, plan: RenditionPlan) -> str | None:
    try:
        with picture.image.storage.open(plan.path) as file:
            return fault_of(file.read(), plan, picture.number)
    except FileNotFoundError:
        return "lost"


def count(chaos: Chaos, fault: str, what: str) -> None:
    """Add a fault, as `fault_of` names it, and note the first ones."""
    name = fault.replace("-", "_")
    count = getattr(chaos.verdict, name) + 1
    setattr(chaos.verdict, name, count)
    if count < 4:
        chaos.note(f"{fault}: {what}")


def _is_failed(job: WarmJob | None) -> bool:
    return bool(job and job.state == JobState.FAILED and job.error)


def _described(job: WarmJob | None) -> str:
    if job is None:
        return "none"
    return f"{job.state} g{job.generation} a{job.attempts} {job.kind} {job.error}"


def _judge_work(chaos: Chaos, events: list[Event]) -> None:
    twice = _published_twice(events)
    overlapping = _overlapping(events)
    chaos.verdict.duplicated += len(twice) + len(overlapping)
    for text in [*twice, *overlapping][:3]:
        chaos.note(f"duplicated: {text}")
    again = _begun_again_s(events)
    if again:
        chaos.verdict.recovery_s = max(chaos.verdict.recovery_s, *again)


def _attempts(events: list[Event]) -> dict[tuple[int, int], dict[int, list[Event]]]:
    """Return the events of each job and generation, by attempt."""
    found: dict[tuple[int, int], dict[int, list[Event]]] = defaultdict(lambda: defaultdict(list))
    for event in events:
        if "job" in event:
            found[event["job"], event["generation"]][event["attempt"]].append(event)
    return found


def _published_twice(events: list[Event]) -> list[str]:
    """Return what was published twice in one attempt, or again after a successful attempt."""
    found = []
    for (job, generation), attempts in _attempts(events).items():
        of = f"of job {job}, generation {generation}"
        made: set[str] = set()
        for attempt in sorted(attempts):
            paths = [event["path"] for event in attempts[attempt] if event["what"] == "publish"]
            found += [f"{path} {of}" for path in paths if path in made]
            found += [f"{path} {of}" for path in set(paths) if paths.count(path) > 1]
            if any(event["what"] == "end" for event in attempts[attempt]):
                ended = attempts[attempt][-1]
                if "error" not in ended and len(paths) >= RENDITIONS:
                    made |= set(paths)
    return found


def _overlapping(events: list[Event]) -> list[str]:
    """Return the jobs whose picture was open in two processes at the same time."""
    last = {event["pid"]: event["at"] for event in events}
    opened: dict[int, tuple[int, float]] = {}
    found = []
    for event in events:
        if "job" not in event:
            continue
        pid, job = event["pid"], event["job"]
        if event["what"] == "decode":
            other = opened.get(job)
            # The last event of a killed process ends the time in which it had the picture open.
            if other and other[0] != pid and last[other[0]] >= event["at"]:
                found.append(f"job {job} decoded by {other[0]} and {pid} at once")
            opened[job] = (pid, event["at"])
        elif event["what"] in ("decoded", "end") and opened.get(job, (0, 0))[0] == pid:
            del opened[job]
    return found


def _begun_again_s(events: list[Event]) -> list[float]:
    """Return the seconds from the last event of each interrupted attempt to the next attempt."""
    idle = []
    for attempts in _attempts(events).values():
        for attempt in sorted(attempts)[1:]:
            before = attempts.get(attempt - 1)
            if before and before[-1]["what"] != "end":
                idle.append(attempts[attempt][0]["at"] - before[-1]["at"])
    return idle


def _judge_left_overs(chaos: Chaos) -> None:
    folder = Path(chaos.environment.folder) / "media" / disk.FOLDER
    gone = chaos.service.wait(lambda: not list(_files(folder)), 25, "unfinished files are deleted")
    if not gone:
        left = len(list(_files(folder)))
        chaos.broken(f"{left} unfinished files were not deleted", left)


def _files(folder: Path) -> list[Path]:
    return list(folder.glob(".*")) if folder.exists() else []
