"""The broker is refused, silent, full, flushed, restarted, forgetful, and full of garbage.

Every save returns within a second with its row committed, and `on_commit` hooks registered after
ours run; all is made afterwards with no hand laid on; garbage executes nothing.

Guards: `sweep` (messages that were never sent or got lost are sent again), `short-timeouts` (a
silent broker does not hold up a save), `json-only` (a pickle is refused, not opened).
"""

import base64
import json
import os
import pickle
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis

from tests.chaos.browser import Browser
from tests.chaos.run import Chaos
from tests.chaos.service import Options

# Full runs, and short ones, which share two cores with each other and the rest of the test suite.
RESUMES_WITHIN_S = (10, 30)
SAVE_WITHIN_S = (1, 3)


def options(*, short: bool, database: str) -> Options:
    """As in production."""
    return Options(workers=1 if short else 2, web=True)


def run(chaos: Chaos) -> None:
    """One trouble after the other, each with saves in the middle of it."""
    for trouble in (_refused, _silent, _full, _flushed, _restarted, _restarted_empty, _garbage):
        since = time.monotonic()
        trouble(chaos)
        chaos.verdict.injected += 1
        name = trouble.__name__.strip("_")
        chaos.note(f"{name}: whole again after {time.monotonic() - since:.1f} s")
    chaos.settle()


def _saves(chaos: Chaos) -> None:
    """Send pictures to the web server; each must be taken in time, with its hooks run."""
    from tests.chaos.app.models import Picture
    from tests.chaos.pictures import drawn
    from workers.models import WarmJob

    browser = Browser(chaos.service.web_socket)
    for _ in range(chaos.size(16, 4)):
        number = chaos.next_number()
        data = drawn(number)
        since = time.monotonic()
        saved = browser.upload(f"/upload/{number}/", data).json
        took = time.monotonic() - since
        chaos.expect(saved["hooks_ran"], "hooks after ours run")
        chaos.expect(took < chaos.size(*SAVE_WITHIN_S), f"a save takes {took:.2f} s")
        picture = Picture.objects.get(pk=saved["pk"])
        made_already = Path(picture.image.storage.path(picture.image.plans()[0].path)).exists()
        owed = WarmJob.objects.filter(object_pk=str(picture.pk)).exists()
        chaos.expect(owed or made_already, "the row is committed")


def _until_whole(chaos: Chaos) -> None:
    took = chaos.settle()
    chaos.expect(took < 60, "all is made with no hand laid on")


def _refused(chaos: Chaos) -> None:
    broker = chaos.service.broker
    broker.end(signal.SIGKILL)
    _saves(chaos)
    broker.wanted = True
    _until_whole(chaos)


def _silent(chaos: Chaos) -> None:
    chaos.service.broker.send(signal.SIGSTOP)
    _saves(chaos)
    chaos.service.broker.send(signal.SIGCONT)
    _until_whole(chaos)


def _full(chaos: Chaos) -> None:
    client = _client(chaos)
    client.config_set("maxmemory", 1)
    _saves(chaos)
    chaos.service.pause(2)
    client.config_set("maxmemory", 0)
    _until_whole(chaos)


def _flushed(chaos: Chaos) -> None:
    _saves(chaos)
    _client(chaos).flushall()
    _until_whole(chaos)


def _restarted(chaos: Chaos) -> None:
    _saves(chaos)
    chaos.service.broker.send(signal.SIGKILL)
    chaos.service.pause(0.5)
    _until_whole(chaos)


def _restarted_empty(chaos: Chaos) -> None:
    broker = chaos.service.broker
    _saves(chaos)
    broker.end(signal.SIGKILL)
    shutil.rmtree(chaos.service.folder / "broker" / "appendonlydir", ignore_errors=True)
    _saves(chaos)
    broker.wanted = True
    _until_whole(chaos)


def _garbage(chaos: Chaos) -> None:
    opened = chaos.service.folder / "a-pickle-was-opened"
    messages = [b"not json", b"{}", b"[]", b"null", b'"x"', b"\xff\xfe\x00", b"{" * 2000]
    messages += [_message(b"%%%", "application/json"), _message(b"[[],{},{}]", "text/none")]
    messages += [_message(json.dumps([[], {"using": u, "job_id": 1, "generation": 1}, {}]).encode(),
                          "application/json") for u in ("no such database", 7)]  # fmt: skip
    messages += [_message(pickle.dumps(_Bomb(opened)), "application/x-python-serialize")] * 3
    chaos.dice.shuffle(messages)
    _client(chaos).lpush("renditions", *messages)
    picture = chaos.save()
    within_s = chaos.size(*RESUMES_WITHIN_S)
    resumed = chaos.service.wait(_is_made(picture), within_s, "service resumes")
    chaos.expect(resumed, f"service resumes within {within_s} s of garbage")
    chaos.expect(not opened.exists(), "no message executes anything")
    _saves(chaos)
    _until_whole(chaos)


class _Bomb:
    """Executes code where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self._path),)


def _message(body: bytes, content_type: str) -> bytes:
    """Return a message as kombu writes it, but for its content."""
    properties = {
        "correlation_id": "1", "delivery_mode": 2, "delivery_tag": os.urandom(8).hex(),
        "delivery_info": {"exchange": "", "routing_key": "renditions"},
        "priority": 0, "body_encoding": "base64",
    }  # fmt: skip
    headers = {"lang": "py", "task": "renditions.warm", "id": os.urandom(8).hex()}
    envelope = {
        "body": base64.b64encode(body).decode(), "content-encoding": "binary",
        "content-type": content_type, "headers": headers, "properties": properties,
    }  # fmt: skip
    return json.dumps(envelope).encode()


def _is_made(picture) -> Callable[[], bool]:
    path = Path(picture.image.storage.path(picture.image.plans()[-1].path))
    return path.exists


def _client(chaos: Chaos) -> Redis:
    return Redis(unix_socket_path=str(chaos.service.folder / "broker.sock"))
