"""Where the demo keeps its things, what it listens on, and whether it may."""

import errno
import fcntl
import hashlib
import os
import re
import secrets
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

# What needs no quoting in the address of a socket.
PLAIN = re.compile(r"[\w/.-]+", re.ASCII)

# The supervisor closes what it did not open itself from descriptor 5 upwards, and its children
# close everything from 3: a lock held here lives exactly as long as the supervisor.
LOCK_DESCRIPTOR = 3


class DemoError(Exception):
    """The demo cannot run; the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class Demo:
    """One demo: a folder, a port and a broker."""

    folder: Path  # everything it keeps
    port: int
    redis_url: str | None  # of a server that runs already; None: it starts Valkey itself

    @classmethod
    def from_environment(cls) -> Self:
        """Return the demo that PORT, DEMO_DIR and REDIS_URL describe.

        Raises:
            DemoError: PORT is none.
        """
        port = os.environ.get("PORT") or "8000"
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise DemoError(f"PORT={port} is not a port. Choose a number from 1 to 65535.")
        folder = Path(os.environ.get("DEMO_DIR") or CHECKOUT / "var/demo").resolve()
        return cls(folder, int(port), os.environ.get("REDIS_URL") or None)

    @property
    def address(self) -> str:
        """What to type into a browser."""
        return f"http://{HOST}:{self.port}/"

    @property
    def logs(self) -> Path:
        """Folder with a log of each process."""
        return self.folder / "log"

    @property
    def supervisor_config(self) -> Path:
        """The file that says what runs."""
        return self.folder / "supervisord.conf"

    @property
    def control_socket(self) -> Path:
        """Where `supervisorctl` reaches the supervisor."""
        return self.sockets / "supervisor.sock"

    @property
    def valkey_socket(self) -> Path:
        """Where Valkey listens; no port, so that nobody else on the machine reaches it."""
        return self.sockets / "valkey.sock"

    @property
    def sockets(self) -> Path:
        """A folder in the demo's own where that makes a fit address, otherwise one in /tmp."""
        longest = self.folder / "run" / "supervisor.sock.99999999"
        if len(str(longest)) <= MAX_SOCKET_PATH_BYTES and PLAIN.fullmatch(str(longest)):
            return longest.parent
        digest = hashlib.blake2b(os.fsencode(self.folder), digest_size=6).hexdigest()
        return Path(tempfile.gettempdir()) / f"renditions-{os.getuid()}-{digest}"

    def claim(self) -> None:
        """Make the folders, and be the only demo in them and on the port.

        Raises:
            DemoError: another demo runs here, the port is taken, or there is no broker.
        """
        for folder in (self.folder, self.logs, self.folder / "valkey", self.folder / "static"):
            folder.mkdir(parents=True, exist_ok=True)
        _make_private(self.sockets)
        _lock(self.folder / "lock")
        _check_free(self.port)
        if self.redis_url:
            _check_answers(self.redis_url)

    def environment(self) -> dict[str, str]:
        """Return the settings of the installation, for every process of the demo."""
        broker, cache = self._redis_urls()
        return {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONPATH": str(CHECKOUT),
            "SECRET_KEY": _kept_secret(self.folder / "secret_key"),
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
            "WEB_CONCURRENCY": "1",
        }

    def _redis_urls(self) -> tuple[str, str]:
        if self.redis_url is None:
            return (
                f"redis+socket://{self.valkey_socket}?virtual_host=0",
                f"unix://{self.valkey_socket}?db=1",
            )
        # The broker in the database that was given, the cache in the one after it.
        parts = urlsplit(self.redis_url)
        database = int(parts.path.strip("/") or 0)
        broker = parts._replace(path=f"/{database}").geturl()
        return broker, parts._replace(path=f"/{database + 1}").geturl()


def _make_private(folder: Path) -> None:
    # In /tmp somebody else may have made it first.
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.getuid():
        raise DemoError(f"{folder} belongs to somebody else. Remove it, or set TMPDIR.")
    folder.chmod(0o700)


def _lock(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = path.read_text().strip() or "unknown"
        raise DemoError(
            f"another one runs in {path.parent} (process {pid}). Stop that one first, or give "
            "this one a folder and a port of its own: make demo DEMO_DIR=/tmp/second PORT=8001"
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    os.dup2(descriptor, LOCK_DESCRIPTOR)
    # Of its own, because dup2 leaves alone what lies there already.
    os.set_inheritable(LOCK_DESCRIPTOR, True)


def _check_free(port: int) -> None:
    with socket.socket() as listener:
        # As the web server does: a port whose connections are just closing is free.
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
    # The address may hold a password.
    place = redis_url.rpartition("@")[2]
    try:
        client = redis.Redis.from_url(redis_url, socket_connect_timeout=2, socket_timeout=2)
        client.ping()
    except (redis.RedisError, ValueError) as error:
        raise DemoError(
            f"REDIS_URL leads to no server ({place}: {str(error).rstrip('.')}). Start a Redis or "
            "Valkey there, or leave REDIS_URL out: the demo brings a server of its own."
        ) from None


def _kept_secret(path: Path) -> str:
    """Return the secret in `path`, made at the first start: sessions outlive a restart."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text()
