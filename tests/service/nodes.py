"""Broker, workers and beat in the terms of pytest-celery, whose nodes are Docker containers.

`ProcessHandle` has the methods of a container and is a process, so that no Docker is needed. With
CELERY_NODES=docker the same tests run on real containers.
"""

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from pytest_celery import CeleryWorkerContainer, RedisContainer
from redis import Redis

from .processes import START_S, STOP_S, Process, inherited
from .waiting import wait_for


class ProcessHandle:
    """A process with those methods of a Docker container that pytest-celery calls."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self.name = self.id = name
        self._process = Process(
            command, folder / f"{name}.log", environment=inherited(**environment)
        )

    @property
    def attrs(self) -> Mapping[str, Any]:
        """What `docker inspect` says, as far as it is asked for."""
        return {"Config": {"Hostname": self.name}, "State": {"Pid": self._process.pid}}

    @property
    def status(self) -> str:
        return "running" if self._process.runs else "exited"

    def reload(self) -> None:
        """Do nothing: the state of a process is always asked for when it is needed."""

    def kill(self, signal: str | int | None = None) -> None:
        """Send a signal by name or number, SIGKILL by default, and do not wait."""
        self._process.send(_number(signal or "SIGKILL"))

    def stop(self, timeout: float = STOP_S) -> None:
        """End it with SIGTERM, and with SIGKILL if it still runs after `timeout`."""
        self._process.end(within_s=timeout)

    def restart(self, timeout: float = STOP_S) -> None:
        self.stop(timeout)
        self._process.start()

    def wait(self, timeout: float = STOP_S) -> Mapping[str, int]:
        return {"StatusCode": self._process.wait(timeout)}

    def remove(self, force: bool = False) -> None:
        if force:
            self._process.end(signal.SIGKILL)

    def logs(self) -> bytes:
        """Return what it has logged since its last start."""
        return self._process.output().encode()


def _number(name: str | int) -> int:
    return signal.Signals[name].value if isinstance(name, str) else name


class _Node:
    """What process nodes and container nodes have in common."""

    def ready(self) -> bool:
        """Wait until its log says that it is ready."""
        wait_for(self._is_ready, START_S, f"{self.name} is ready")
        return True

    def _is_ready(self) -> bool:
        self.reload()
        assert self.status in ("created", "running"), self.logs()
        return self.ready_prompt in self.logs()

    @property
    def pid(self) -> int:
        """The process id of the main process, outside of a container."""
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

    address: str  # for redis-py
    broker_url: str

    @property
    def client(self) -> Redis:
        """A connection to the broker's database."""
        return Redis.from_url(self.address, decode_responses=True)

    @property
    def celeryconfig(self) -> Mapping[str, str]:
        return {"url": self.broker_url, "host_url": self.broker_url}


class Worker(_Node, CeleryWorkerContainer):
    """A Celery worker with its pool."""

    @property
    def children(self) -> list[int]:
        """The process ids of the pool."""
        return [child.pid for child in psutil.Process(self.pid).children()]


class Beat(Worker):
    """The process that sends the sweep's message every second."""

    ready_prompt = "beat: Starting..."
