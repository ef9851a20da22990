"""The processes that the smoke tests start, in the terms of pytest-celery.

Its nodes are docker containers. `ProcessHandle` answers like one and is a plain process, so that
no docker is needed; with CELERY_NODES=docker the very same tests run on real containers.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from pytest_celery import CeleryWorkerContainer, RedisContainer
from redis import Redis

from .waiting import wait_for

CHECKOUT = Path(__file__).parent.parent.parent
# Whoever it starts is killed with it: nothing is left behind, however the tests end.
LIFELINE = (sys.executable, str(CHECKOUT / "config" / "lifeline.py"), str(os.getpid()))

START_S = 20
STOP_S = 20


class ProcessHandle:
    """A process with the manners of a `docker.models.containers.Container`."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self.name = self.id = name
        self._command = [*LIFELINE, *command]
        self._environment = {**os.environ, **environment}
        self._log = folder / f"{name}.log"
        self._start()

    def _start(self) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=CHECKOUT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def attrs(self) -> Mapping[str, Any]:
        """What `docker inspect` would say, as far as anybody asks."""
        return {"Config": {"Hostname": self.name}, "State": {"Pid": self._process.pid}}

    @property
    def status(self) -> str:
        """`running` or `exited`."""
        return "running" if self._process.poll() is None else "exited"

    def reload(self) -> None:
        """Do nothing: what is said of a process is never old."""

    def kill(self, signal: str | int | None = None) -> None:
        """Send a signal by name or number, SIGKILL by default; the end of it is not awaited."""
        self._process.send_signal(_number(signal or "SIGKILL"))

    def stop(self, timeout: float = STOP_S) -> None:
        """End it with SIGTERM, and with SIGKILL if that does not help within `timeout`."""
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def restart(self, timeout: float = STOP_S) -> None:
        """Start it, again if it runs."""
        self.stop(timeout)
        self._start()

    def wait(self, timeout: float = STOP_S) -> Mapping[str, int]:
        """Return how it ended."""
        return {"StatusCode": self._process.wait(timeout)}

    def remove(self, force: bool = False) -> None:
        """Leave nothing behind."""
        if force and self.status == "running":
            self._process.kill()
            self._process.wait()

    def logs(self) -> bytes:
        """Return what it has said since its last start."""
        return self._log.read_bytes()


def _number(name: str | int) -> int:
    return signal.Signals[name].value if isinstance(name, str) else name


class _Node:
    """What both kinds of nodes know, whether process or container."""

    def ready(self) -> bool:
        """Wait until it has said that it is ready."""
        wait_for(self._is_ready, START_S, f"{self.name} is ready")
        return True

    def _is_ready(self) -> bool:
        self.reload()
        assert self.status in ("created", "running"), self.logs()
        return self.ready_prompt in self.logs()

    @property
    def pid(self) -> int:
        """Of the main process, as seen from here."""
        self.reload()
        return int(self.attrs["State"]["Pid"])

    def end(self, signal_name: str) -> None:
        """Send it a signal and wait until it has ended."""
        self.kill(signal_name)
        self._container.wait(timeout=STOP_S)
        self.reload()

    def revive(self) -> None:
        """Start it if it has ended; it may not be ready yet."""
        self.reload()
        if self.status != "running":
            self._container.restart(timeout=STOP_S)


class Valkey(_Node, RedisContainer):
    """Broker and cache, in two databases of one server."""

    address: str  # what redis-py connects to
    broker_url: str

    @property
    def client(self) -> Redis:
        """A connection to the broker's database."""
        return Redis.from_url(self.address, decode_responses=True)

    @property
    def celeryconfig(self) -> Mapping[str, str]:
        """What Celery must know."""
        return {"url": self.broker_url, "host_url": self.broker_url}


class Worker(_Node, CeleryWorkerContainer):
    """A Celery worker with its pool."""

    @property
    def children(self) -> list[int]:
        """Process ids of the pool."""
        return [child.pid for child in psutil.Process(self.pid).children()]


class Beat(Worker):
    """What sends for sweeps."""

    ready_prompt = "beat: Starting..."
