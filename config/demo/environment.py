"""The folder, the port and the environment variables of a demo, and whether it can run there."""

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlsplit

import redis

CHECKOUT = Path(__file__).resolve().parent.parent.parent
HOST = "127.0.0.1"

# <sys/un.h>: 108 bytes with the NUL on Linux, 104 on macOS.
MAX_SOCKET_PATH_BYTES = 103

# A path that needs no quoting in the URL of a unix socket.
UNQUOTED_PATH = re.compile(r"[\w/.-]+", re.ASCII)

# The supervisor closes inherited descriptors from 5 upwards, and its children close those from 3
# upwards. So a lock on descriptor 3 is held as long as the supervisor runs, and no longer.
LOCK_DESCRIPTOR = 3


class DemoError(Exception):
    """The demo cannot run. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Demo:
    """One demo: a folder, a port and a broker."""

    folder: Path  # database, photos, logs
    port: int
    redis_url: str | None  # of a running server; None: the demo starts a Valkey

    @classmethod
    def from_environment(cls) -> Self:
        """Return the demo that PORT, DEMO_DIR and REDIS_URL describe.

        Raises:
            DemoError: PORT is not a port number.
        """
        port = os.environ.get("PORT") or "8000"
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise DemoError(f"PORT={port} is not a port. Choose a number from 1 to 65535.")
        folder = Path(os.environ.get("DEMO_DIR") or CHECKOUT / "var/demo").resolve()
        return cls(folder, int(port), os.environ.get("REDIS_URL") or None)

    @property
    def address(self) -> str:
        """The address of the front page."""
        return f"http://{HOST}:{self.port}/"

    @property
    def logs(self) -> Path:
        """The folder with one log file for each process."""
        return self.folder / "log"

    @property
    def metrics(self) -> Path:
        """The folder of the counts for Prometheus: all processes write to it."""
        return self.folder / "metrics"

    @property
    def supervisor_config(self) -> Path:
        """The supervisor's configuration file: which processes run, and how."""
        return self.folder / "supervisord.conf"

    @property
    def control_socket(self) -> Path:
        """The unix socket for `supervisorctl`."""
        return self.sockets / "supervisor.sock"

    @property
    def valkey_socket(self) -> Path:
        """Valkey's only address. It has no port, so other users of the machine cannot reach it."""
        return self.sockets / "valkey.sock"

    @property
    def sockets(self) -> Path:
        """The folder of the sockets: in the demo's folder if its path is fit, else in /tmp."""
        longest = self.folder / "run" / "supervisor.sock.99999999"
        if len(str(longest)) <= MAX_SOCKET_PATH_BYTES and UNQUOTED_PATH.fullmatch(str(longest)):
            return longest.parent
        digest = hashlib.blake2b(os.fsencode(self.folder), digest_size=6).hexdigest()
        return Path(tempfile.gettempdir()) / f"renditions-{os.getuid()}-{digest}"

    def claim(self) -> None:
        """Make the folders, and lock them against a second demo.

        Raises:
            DemoError: Another demo runs in this folder, the port is taken, or no server answers at
                REDIS_URL.
        """
        for folder in (self.folder, self.logs, self.folder / "valkey", self.folder / "static"):
            folder.mkdir(parents=True, exist_ok=True)
        _make_private(self.sockets)
        _lock(self.folder / "lock")
        # The processes of the last start are gone, and so are their counts.
        shutil.rmtree(self.metrics, ignore_errors=True)
        _check_free(self.port)
        if self.redis_url:
            _check_answers(self.redis_url)

    def variables(self) -> dict[str, str]:
        """Return the environment variables that `config.settings` reads."""
        broker, cache = self._redis_urls()
        return {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONPATH": str(CHECKOUT),
            "SECRET_KEY": _persistent_secret(self.folder / "secret_key"),
            "DEBUG": "0",
            "HTTPS": "0",
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            "DATABASE_URL": f"sqlite:///{quote(str(self.folder / 'db.sqlite3'))}",
            "BROKER_URL": broker,
            "CACHE_URL": cache,
            "MEDIA_ROOT": str(self.folder / "media"),
            "MEDIA_URL": "/media/",
            "SERVE_MEDIA": "1",
            "MEDIA_BUCKET": "",
            "STATIC_ROOT": str(self.folder / "static"),
            "ANONYMOUS_UPLOADS": "1",
            "UPLOAD_RATE": "600/min",
            "HOST": HOST,
            "PORT": str(self.port),
            "PROMETHEUS_MULTIPROC_DIR": str(self.metrics),
            "METRICS_TOKEN": "",
            "METRICS_PORT": "",
            "WEB_CONCURRENCY": "1",
        }

    def _redis_urls(self) -> tuple[str, str]:
        if self.redis_url is None:
            return (
                f"redis+socket://{self.valkey_socket}?virtual_host=0",
                f"unix://{self.valkey_socket}?db=1",
            )
        # The broker gets the database in the URL, the cache the next one: clearing a cache empties
        # its database.
        parts = urlsplit(self.redis_url)
        database = int(parts.path.strip("/") or 0)
        broker = parts._replace(path=f"/{database}").geturl()
        return broker, parts._replace(path=f"/{database + 1}").geturl()


def _make_private(folder: Path) -> None:
    # In /tmp another user may have made this folder before us, to read our sockets.
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.getuid():
        raise DemoError(f"{folder} belongs to another user. Remove it, or set TMPDIR.")
    folder.chmod(0o700)


def _lock(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = path.read_text().strip() or "unknown"
        raise DemoError(
            f"another demo runs in {path.parent} (process {pid}). Stop it first, or choose another "
            "folder and port: make demo DEMO_DIR=/tmp/second PORT=8001"
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    os.dup2(descriptor, LOCK_DESCRIPTOR)
    # dup2 does nothing when `descriptor` is 3 already, so set this separately.
    os.set_inheritable(LOCK_DESCRIPTOR, True)


def _check_free(port: int) -> None:
    with socket.socket() as listener:
        # As the web server does it. Without this a port with connections in TIME_WAIT seems taken.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise DemoError(
                    f"port {port} is taken. Choose another one: make demo PORT={port + 1}"
                ) from None
            raise DemoError(f"port {port} cannot be used: {error.strerror}.") from None


def _check_answers(redis_url: str) -> None:
    # Without the user name and the password, which may stand before the @.
    address = redis_url.rpartition("@")[2]
    try:
        client = redis.Redis.from_url(redis_url, socket_connect_timeout=2, socket_timeout=2)
        client.ping()
    except (redis.RedisError, ValueError) as error:
        raise DemoError(
            f"no server answers at REDIS_URL ({address}: {str(error).rstrip('.')}). Start a Redis "
            "or Valkey server there, or leave REDIS_URL out: then the demo starts its own."
        ) from None


def _persistent_secret(path: Path) -> str:
    """Return the secret in `path`. The first start makes it, so sessions survive a restart."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text()
