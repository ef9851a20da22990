"""Start a program, know whether it is ready, read its log, end it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil

from .waiting import wait_for

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PYTHON = sys.executable

START_S = 60
STOP_S = 20

# All processes that were started and not ended. A failed test shows their logs.
_started: list["Process"] = []


def inherited(**more: str) -> dict[str, str]:
    """Return this process's environment variables and `more`, for a program of the checkout."""
    return {**os.environ, "PYTHONPATH": str(CHECKOUT), **more}


def clean(**more: str) -> dict[str, str]:
    """Return environment variables without those of the tests: only the basic ones and `more`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


def logged(words: str) -> Callable[["Process"], bool]:
    """Return a readiness test: the log holds `words` since the last start."""
    return lambda process: words in process.output()


class Process:
    """A program with a log. On Linux, the kernel kills it when the test process ends."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path = CHECKOUT,
        is_ready: Callable[[Any], object] = lambda process: True,
    ) -> None:
        """Start `command` in `folder`.

        Args:
            environment: All variables of the program; default: those of the tests.
            is_ready: Tells whether the running program can be used.
        """
        self.name = log.stem
        self.starts = 0
        self._command = [*_bound_to_us(), *command]
        self._log = log
        self._environment = inherited() if environment is None else environment
        self._folder = folder
        self._is_ready = is_ready
        self.start()

    def start(self) -> None:
        """Start it, for the first time or again. Its output is appended to the log."""
        with self._log.open("ab") as log:
            self._log_begins = log.tell()
            self._popen = psutil.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.starts += 1
        if self not in _started:
            _started.append(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def runs(self) -> bool:
        return self._popen.poll() is None

    def is_ready(self) -> bool:
        return self.runs and bool(self._is_ready(self))

    def wait_until_ready(self, within_s: float = START_S) -> Self:
        """Wait until it can be used; fail at once if it ends before."""

        def ready_or_ended() -> bool:
            assert self.runs, f"{self.name} ended:\n{self.output()}"
            return self.is_ready()

        wait_for(ready_or_ended, within_s, f"{self.name} is ready")
        return self

    def output(self) -> str:
        """Return its output since its last start."""
        with self._log.open("rb") as log:
            log.seek(self._log_begins)
            return log.read().decode(errors="replace")

    def send(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        with suppress(psutil.NoSuchProcess):
            self._popen.send_signal(number)

    def wait(self, within_s: float = STOP_S) -> int:
        """Wait until it has ended; return the exit code, negative for a signal."""
        return int(self._popen.wait(within_s))

    def end(self, number: int = signal.SIGTERM, within_s: float = STOP_S) -> float:
        """End it with a signal, or with SIGKILL if that takes too long; return the seconds."""
        since = time.monotonic()
        if self.runs:
            self.send(number)
            try:
                self.wait(within_s)
            except psutil.TimeoutExpired:
                self._popen.kill()
                self.wait()
        if self in _started:
            _started.remove(self)
        return time.monotonic() - since

    def tree(self) -> list[psutil.Process]:
        """Return it and all processes below it; none if it has ended."""
        with suppress(psutil.NoSuchProcess):
            top = psutil.Process(self.pid)
            return [top, *top.children(recursive=True)]
        return []

    def children(self) -> list[int]:
        """Return the ids of its child processes."""
        with suppress(psutil.NoSuchProcess):
            return [child.pid for child in self._popen.children()]
        return []


def _bound_to_us() -> tuple[str, ...]:
    # A preexec_fn would do the same, but it may deadlock if this process has threads.
    return (PYTHON, "-I", str(CHECKOUT / "config/parent_death.py"), str(os.getpid()))


def logs(lines: int = 40) -> dict[str, str]:
    """Return the end of the log of each process that was started and not ended."""
    found = {}
    for process in _started:
        with suppress(FileNotFoundError):
            if output := process.output():
                found[process.name] = "\n".join(output.splitlines()[-lines:])
    return found
