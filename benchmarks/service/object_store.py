"""Start the object store of `objects.py`, set its delay, read its counts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.service.processes import PYTHON, Process

from .objects import CONTROL


@contextmanager
def object_store(folder: Path) -> Iterator[str]:
    """Run an empty object store; give its URL."""
    port_file = folder / "port"
    command = [PYTHON, "-m", "benchmarks.service.objects", str(port_file)]

    def has_port(_: object) -> bool:
        return port_file.exists() and bool(port_file.read_text())

    with Process(command, folder / "objects.log", is_ready=has_port) as process:
        process.wait_until_ready()
        yield f"http://127.0.0.1:{port_file.read_text()}"


def reset(url: str, delay_ms: float = 0) -> None:
    """Set all counts to 0, and the delay of each request from now on."""
    with urlopen(f"{url}/{CONTROL}?delay_ms={delay_ms}", data=b"", timeout=10):
        pass


def requests_of(url: str) -> dict[str, int]:
    """Return the number of requests since the last reset, by kind."""
    found: dict[str, int] = _control(url)["counts"]
    return found


def pid_of(url: str) -> int:
    """Return the process id of the object store."""
    return int(_control(url)["pid"])


def _control(url: str) -> dict[str, Any]:
    with urlopen(f"{url}/{CONTROL}", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
