"""Random receivers of the project act in every save, while web server and workers are killed.

The receivers query, catch, raise, open transactions, save again, and send tasks. The project saves
in autocommit, in `atomic`, in a savepoint, and with ATOMIC_REQUESTS.

Each save and each receiver has the effect that it has without us. What was committed is rendered,
and what was rolled back leaves no job and no rendition.

Guards: `one-commit` (the job is written in the transaction of the row), `narrow-transaction`
(nothing of the project is inside that transaction).
"""

import os
import re
import signal
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tests.chaos import witness
from tests.chaos.browser import Browser
from tests.chaos.run import Chaos
from tests.chaos.service import Options

CLIENTS = 3
NUMBER = re.compile(r"n(\d+)")  # in the name of a file


def options(*, short: bool, database: str) -> Options:
    """Many attempts: a job may be killed often by chance, and must not fail as poison."""
    times = {"SOFT_TIME_LIMIT_S": 4, "HARD_TIME_LIMIT_S": 5, "LEASE_S": 6} if short else {}
    return Options(
        workers=1 if short else 2,
        settings={"MAX_ATTEMPTS": 50, **times},
        web=True,
        atomic_requests=True,
    )


def run(chaos: Chaos) -> None:
    """Ask for a few saves at once and kill a process meanwhile; repeat."""
    from tests.chaos.app.models import Label
    from tests.chaos.app.receivers import TAKEN, Mode

    Label.objects.create(name=TAKEN)
    with ThreadPoolExecutor(CLIENTS) as clients:
        for _ in range(chaos.size(50, 6)):
            # Each mode as often as the others. Half of the pictures are saved twice.
            numbers = [(mode, chaos.next_number()) for mode in Mode for _ in range(2)]
            chaos.dice.shuffle(numbers)
            answers = [clients.submit(_saved, chaos, *each) for each in numbers]
            # In the middle of a save.
            chaos.dice.choice(answers).exception()
            time.sleep(chaos.dice.uniform(0, 0.03))
            _kill_one(chaos)
            chaos.service.wait(lambda answers=answers: all(a.done() for a in answers), 60, "saves")
            for answer in answers:
                answer.result()
            chaos.service.wait(chaos.service.web.is_ready, 60, "the web server is ready")
    chaos.settle()
    # For tasks of the project that are still on their way.
    chaos.service.pause(1)
    _judge(chaos, witness.read(chaos.environment.witness))


def _saved(chaos: Chaos, mode: Any, number: int) -> None:
    """Let the web server save picture `number`, every other one twice."""
    from tests.chaos.app.receivers import Mode, note

    browser = Browser(chaos.service.web_socket)
    for _ in range(1 + number % 2):
        try:
            answer = browser.post(f"/save/{mode}/{chaos.verdict.seed}/{number}/", {})
        except (OSError, HTTPException):
            # Killed: it is not known whether the picture was saved.
            return
        # The transaction of the request is committed when the answer comes.
        if mode is Mode.REQUEST and answer.status == HTTPStatus.OK and answer.json["is_kept"]:
            note("kept", number=number, ppoi=answer.json["ppoi"])


def _kill_one(chaos: Chaos) -> None:
    """Kill the web server or a worker, or a child of one."""
    service = chaos.service
    servers = [service.web] if chaos.dice.random() < 0.5 else service.workers
    server = chaos.dice.choice(servers)
    victim = chaos.dice.choice([server.pid, *server.children()])
    with suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
        chaos.verdict.injected += 1


# ---- what must be true -------------------------------------------------------------------------


def _judge(chaos: Chaos, events: Sequence[dict[str, Any]]) -> None:
    from tests.chaos.app import receivers
    from tests.chaos.app.models import Label, Picture

    acted = [event for event in events if event["what"] == "receiver"]
    chaos.verdict.injected += len(acted)
    wanted = {action.__name__ for action in receivers.AFTER}
    missing = wanted - {event["action"] for event in acted}
    chaos.expect(not missing, f"every kind of receiver has acted, also {sorted(missing)}")
    rows = {number: list(ppoi) for number, ppoi in Picture.objects.values_list("number", "ppoi")}
    _count(chaos, "a receiver was disturbed", _told(_of(events, "receiver-fault")))
    _count(chaos, "the project did not raise this error", _told(_of(events, "surprise")))
    unread = [event for event in _of(events, "task") if not event["found"]]
    _count(chaos, "a task of the project found no row", _told(unread))
    _count(chaos, "a save has another effect than without us", _unlike(rows, events))
    left = Label.objects.filter(name__startswith=receivers.UNDONE).values_list("name", flat=True)
    _count(chaos, "a rolled back label is there", left)
    _count(chaos, "a rendition has no row", _without_row(chaos, rows))


def _of(events: Iterable[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    return [event for event in events if event["what"] == what]


def _told(events: Iterable[dict[str, Any]]) -> list[str]:
    """Return the events as texts, without process and time."""
    general = ("at", "pid", "what")
    return [
        ", ".join(str(value) for name, value in event.items() if name not in general)
        for event in events
    ]


def _count(chaos: Chaos, what: str, found: Iterable[str]) -> None:
    found = list(found)
    if found:
        chaos.broken(f"{len(found)} times: {what}: {'; '.join(found[:3])}", len(found))


def _unlike(rows: dict[int, Any], events: Iterable[dict[str, Any]]) -> list[str]:
    """Return the pictures whose row is not as the last save that ended has left it."""
    certain: dict[int, Any] = {}
    before: dict[int, Any] = {}
    for event in events:
        number = event.get("number")
        if event["what"] == "tried":
            # After a killed save, the state before the next one is unknown: `...`.
            before[number] = certain.pop(number, None if number not in before else ...)
        elif event["what"] == "kept":
            certain[number] = event["ppoi"]
        elif event["what"] == "gone" and before[number] is not ...:
            certain[number] = before[number]
    unlike = [
        f"picture {number} is {rows.get(number)}, not {ppoi}"
        for number, ppoi in certain.items()
        if rows.get(number) != ppoi
    ]
    another = {event["number"] for event in _of(events, "kept-another")}
    return unlike + [f"picture {number} is not there" for number in another - rows.keys()]


def _without_row(chaos: Chaos, rows: dict[int, Any]) -> list[str]:
    found = []
    for folder in ("__sized__", "__filtered__"):
        for path in Path(chaos.environment.media, folder).rglob("n*.jpg"):
            number = NUMBER.match(path.name)
            if number and int(number[1]) not in rows:
                found.append(path.name)
    return found
