"""The service under test: broker, cache, database, workers, beat, web, and a visitor who reads."""

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from . import disk
from .browser import Browser
from .environment import Place
from .processes import Process, valkey, wait_for_ping

READY = b" ready."
WEB = "tests.chaos.wsgi"
QUEUES = "renditions,renditions.bulk"


@dataclass
class Options:
    """How a fault wants its service."""

    workers: int = 2
    concurrency: int = 2
    beats: int = 1
    reader: bool = True
    pause_s: float = 0.005  # of the reader, after each round
    settings: Mapping[str, Any] = field(default_factory=dict)  # RENDITIONS["WORKERS"]
    storage: Mapping[str, Any] = field(default_factory=dict)
    celery: Mapping[str, Any] = field(default_factory=dict)
    database: Mapping[str, Any] = field(default_factory=dict)  # OPTIONS
    hooks: tuple[str, ...] = ()
    broker: tuple[str, ...] = ("--appendonly", "yes", "--maxmemory-policy", "noeviction")
    cache: tuple[str, ...] = ()
    web: bool = False  # somebody asks for pages
    disk_mb: int = 0  # media lie on a disk of this size, where that can be had; 0: where all lies
    before_worker: tuple[str, ...] = ()  # what its command begins with


class Service:
    """Processes that are tended: whoever dies is started again, unless it was ended for good."""

    def __init__(self, place: Place, folder: Path, options: Options) -> None:
        self.place = place
        self.folder = folder
        self.options = options
        self.broker: Process
        self.cache: Process
        self.workers: list[Process] = []
        self.beats: list[Process] = []
        self.web: Process | None = None
        self.reader: Process | None = None

    def start_stores(self) -> None:
        """Start broker and cache."""
        self.broker = valkey("broker", self.folder, *self.options.broker)
        self.cache = valkey("cache", self.folder, *self.options.cache)

    def start(self) -> None:
        """Start everything that works."""
        for number in range(self.options.workers):
            self.workers.append(self._worker(f"w{number}"))
        for number in range(self.options.beats):
            self.beats.append(self._beat(number))
        if self.options.reader:
            command = [sys.executable, "-m", "tests.chaos.reader"]
            command += [str(self.place.media), str(self.reader_report), str(self.options.pause_s)]
            self.reader = self._process("reader", command)
        if self.options.web:
            self.web = self._web_server()
        self.wait(self._all_ready, 60, "the workers are ready")
        if self.web:
            self.wait(self._pages_are_served, 60, "pages are served")

    @property
    def reader_report(self) -> Path:
        """What the visitor has seen."""
        return self.folder / "reader.json"

    @property
    def web_socket(self) -> Path:
        """Where pages are served."""
        return self.folder / "web.sock"

    def bring_back(self, worker: Process) -> None:
        """Start a worker that was ended, and wait until it works."""
        log = self.folder / f"{worker.name}.log"
        said = log.read_bytes().count(READY)
        worker.wanted = True
        self.wait(lambda: log.read_bytes().count(READY) > said, 60, f"{worker.name} is ready")

    def tend(self) -> None:
        """Start again whoever has died."""
        for process in self.processes():
            process.tend()

    def processes(self) -> Iterator[Process]:
        """Return all that run or should."""
        yield from (self.broker, self.cache, *self.workers, *self.beats)
        yield from (process for process in (self.web, self.reader) if process)

    def wait(self, condition: Callable[[], object], within_s: float, what: str) -> bool:
        """Tend the service until `condition()`; False where it does not come to that."""
        end = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > end:
                print(f"    not within {within_s:g} s: {what}", flush=True)
                return False
            self.tend()
            time.sleep(0.05)
        return True

    def pause(self, seconds: float) -> None:
        """Let time pass, tending the service."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.tend()
            time.sleep(min(0.05, left))

    def children(self) -> list[int]:
        """Return the pool processes of all workers."""
        return [pid for worker in self.workers if worker.runs for pid in worker.children()]

    def stop(self) -> None:
        """End everything."""
        for process in (*self.beats, *self.workers, *([self.web] if self.web else [])):
            process.end(signal.SIGKILL)
        if self.reader:
            self.reader.end(signal.SIGTERM)
        for process in (self.broker, self.cache):
            process.send(signal.SIGCONT) if process.runs else None
            process.end(signal.SIGKILL)

    def wait_for_stores(self) -> None:
        """Return when broker and cache answer."""
        for name in ("broker", "cache"):
            wait_for_ping(self.folder / f"{name}.sock")

    def _all_ready(self) -> bool:
        logs = [self.folder / f"{worker.name}.log" for worker in self.workers]
        return all(READY in log.read_bytes() for log in logs if log.exists())

    def _worker(self, name: str) -> Process:
        celery = [*self.options.before_worker, sys.executable, "-m", "celery"]
        # Workers start again and again, and with the same settings each time.
        celery += ["--skip-checks", "--app", "tests.chaos.celery", "worker"]
        more = ["--hostname", f"{name}@chaos", "--concurrency", str(self.options.concurrency)]
        more += ["--queues", QUEUES, "--without-mingle", "--without-gossip", "--loglevel", "INFO"]
        # Without the guard `json-only` Celery would not start as root.
        return self._process(name, [*celery, *more], CHAOS_ROLE="worker", C_FORCE_ROOT="1")

    def _beat(self, number: int) -> Process:
        celery = [sys.executable, "-m", "celery", "--app", "tests.chaos.celery", "beat"]
        schedule = str(self.folder / f"schedule{number}")
        more = ["--schedule", schedule, "--pidfile=", "--max-interval", "1"]
        return self._process(f"beat{number}", [*celery, *more])

    def _web_server(self) -> Process:
        gunicorn = [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn"]
        return self._process("web", [*gunicorn, "--bind", f"unix:{self.web_socket}", WEB])

    def _pages_are_served(self) -> bool:
        try:
            return Browser(self.web_socket).get("/").status == HTTPStatus.OK
        except OSError:
            return False

    def _process(self, name: str, command: list[str], **environment: str) -> Process:
        return Process(name, command, self.folder / f"{name}.log", environment)


@contextmanager
def placed(database: str, options: Options, without: tuple[str, ...]) -> Iterator[Place]:
    """Give a place with a folder and a database, and tell this process and its children."""
    with ExitStack() as stack:
        # Short, because the path of a unix socket has 107 bytes at most.
        name = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True)
        )
        place = Place(
            folder=name,
            database=_database(database, Path(name), options, stack),
            broker_url=f"redis+socket://{name}/broker.sock?virtual_host=0",
            cache_url=f"unix://{name}/cache.sock?db=0",
            workers=dict(options.settings),
            storage=dict(options.storage),
            celery=dict(options.celery),
            hooks=options.hooks,
            without=without,
        )
        place.media.mkdir()
        if options.disk_mb:
            stack.enter_context(disk.small(place.media, options.disk_mb))
        os.environ.update(place.environment)
        yield place


def _database(kind: str, folder: Path, options: Options, stack: ExitStack) -> dict[str, Any]:
    if kind == "postgres":
        from tests.service.servers import postgres

        address = stack.enter_context(postgres())
        # It is nobody's where we are root, and some workers may do no more than modes allow.
        Path(address["HOST"]).chmod(0o755)
        return {**address, "NAME": "postgres", "OPTIONS": dict(options.database)}
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(folder / "db.sqlite3"),
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            **options.database,
        },
    }


def report_of(path: Path) -> dict[str, Any]:
    """Return what the reader has reported last."""
    try:
        report: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {"reads": 0, "broken": {}}
    return report


def seeded(seed: int, fault: str) -> random.Random:
    """Return the dice of one fault: the same for the same seed, whatever ran before."""
    return random.Random(f"{seed}/{fault}")
