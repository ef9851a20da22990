"""The broker refuses connections, hangs, is full, is flushed, restarts, and gets invalid messages.

Every save returns within a second with its ledger row committed, and later `on_commit` hooks run.
All renditions are made afterwards, without help. An invalid message executes no code.

Guards: `sweep` (sends again what was not sent or was lost), `short-timeouts` (a hanging broker does
not delay a save), `json-only` (a pickle is refused and not loaded).
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

from tests.chaos.browser import Browser
from tests.chaos.run import Chaos
from tests.chaos.service import Options

# In a full run and in a short one, which shares the machine with the rest of the test suite.
RESUMES_WITHIN_S = (10, 30)
SAVE_WITHIN_S = (1, 3)


def options(*, short: bool, database: str) -> Options:
    """As in production, with a web server."""
    return Options(workers=1 if short else 2, web=True)


def run(chaos: Chaos) -> None:
    """Make one trouble after the other, and save pictures during each."""
    for trouble in (_refused, _silent, _full, _flushed, _restarted, _restarted_empty, _invalid):
        since = time.monotonic()
        trouble(chaos)
        chaos.verdict.injected += 1
        name = trouble.__name__.strip("_")
        chaos.note(f"{name}: recovered after {time.monotonic() - since:.1f} s")
    chaos.settle()


def _saves(chaos: Chaos) -> None:
    """Upload pictures; each must be accepted in time, with its hooks run."""
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
        chaos.expect(saved["hooks_ran"], "later on_commit hooks run")
        chaos.expect(took < chaos.size(*SAVE_WITHIN_S), f"a save takes {took:.2f} s")
        picture = Picture.objects.get(pk=saved["pk"])
        is_made = Path(picture.image.storage.path(picture.image.plans()[0].path)).exists()
        has_job = WarmJob.objects.filter(object_pk=str(picture.pk)).exists()
        chaos.expect(has_job or is_made, "the ledger row is committed")


def _recover(chaos: Chaos) -> None:
    took = chaos.settle()
    chaos.expect(took < 60, "the service recovers without help")


def _refused(chaos: Chaos) -> None:
    broker = chaos.service.broker
    chaos.service.end(broker, signal.SIGKILL)
    _saves(chaos)
    chaos.service.bring_back(broker)
    _recover(chaos)


def _silent(chaos: Chaos) -> None:
    chaos.service.broker.send(signal.SIGSTOP)
    _saves(chaos)
    chaos.service.broker.send(signal.SIGCONT)
    _recover(chaos)


def _full(chaos: Chaos) -> None:
    client = chaos.service.broker.client()
    client.config_set("maxmemory", 1)
    _saves(chaos)
    chaos.service.pause(2)
    client.config_set("maxmemory", 0)
    _recover(chaos)


def _flushed(chaos: Chaos) -> None:
    _saves(chaos)
    chaos.service.broker.client().flushall()
    _recover(chaos)


def _restarted(chaos: Chaos) -> None:
    _saves(chaos)
    chaos.service.broker.send(signal.SIGKILL)
    chaos.service.pause(0.5)
    _recover(chaos)


def _restarted_empty(chaos: Chaos) -> None:
    broker = chaos.service.broker
    _saves(chaos)
    chaos.service.end(broker, signal.SIGKILL)
    shutil.rmtree(chaos.service.folder / "broker" / "appendonlydir", ignore_errors=True)
    _saves(chaos)
    chaos.service.bring_back(broker)
    _recover(chaos)


def _invalid(chaos: Chaos) -> None:
    loaded = chaos.service.folder / "a-pickle-was-loaded"
    messages = [b"not json", b"{}", b"[]", b"null", b'"x"', b"\xff\xfe\x00", b"{" * 2000]
    messages += [_message(b"%%%", "application/json"), _message(b"[[],{},{}]", "text/none")]
    messages += [_message(json.dumps([[], {"using": u, "job_id": 1, "generation": 1}, {}]).encode(),
                          "application/json") for u in ("no such database", 7)]  # fmt: skip
    messages += [_message(pickle.dumps(_Bomb(loaded)), "application/x-python-serialize")] * 3
    chaos.dice.shuffle(messages)
    chaos.service.broker.client().lpush("renditions", *messages)
    picture = chaos.save()
    within_s = chaos.size(*RESUMES_WITHIN_S)
    resumed = chaos.service.wait(_is_made(picture), within_s, "service resumes")
    chaos.expect(resumed, f"service resumes within {within_s} s of invalid messages")
    chaos.expect(not loaded.exists(), "no message executes code")
    _saves(chaos)
    _recover(chaos)


class _Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self._path),)


def _message(body: bytes, content_type: str) -> bytes:
    """Return a message as kombu writes it, with this body."""
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
