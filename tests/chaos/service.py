"""The service under test: broker, cache, database, workers, beat, web server, and a reader."""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.service import commands
from tests.service.processes import PYTHON, STOP_S, Process, inherited, logged
from tests.service.servers import Valkey, postgres, short_folder
from tests.service.waiting import NotInTime, wait_for

from . import disk
from .browser import Browser
from .environment import Environment

APP = "tests.chaos.celery"
WEB = "tests.chaos.wsgi"
POLL_S = 0.05


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
    broker: tuple[str, ...] = ("--appendonly", "yes")
    cache: tuple[str, ...] = ()
    web: bool = False  # start a web server
    atomic_requests: bool = False  # as in DATABASES
    disk_mb: int = 0  # put media on a disk of this size, if it can be mounted; 0: do not
    before_worker: tuple[str, ...] = ()  # the beginning of the workers' command


class Service:
    """Processes that are started again when they die, unless they were ended on purpose."""

    def __init__(self, environment: Environment, options: Options) -> None:
        self.environment = environment
        self.folder = Path(environment.folder)
        self.options = options
        self.broker: Valkey
        self.cache: Valkey
        self.workers: list[Process] = []
        self.beats: list[Process] = []
        self.web: Process | None = None
        self.reader: Process | None = None
        self._ended: set[Process] = set()  # on purpose

    def start_stores(self) -> None:
        """Start broker and cache."""
        self.broker = Valkey(self.folder, *self.options.broker, name="broker").wait_until_ready()
        self.cache = Valkey(self.folder, *self.options.cache, name="cache").wait_until_ready()

    def start(self) -> None:
        """Start all other processes and wait until they are ready."""
        self.workers = [self._worker(f"w{number}") for number in range(self.options.workers)]
        self.beats = [self._beat(number) for number in range(self.options.beats)]
        if self.options.reader:
            command = [PYTHON, "-m", "tests.chaos.reader", str(self.environment.media)]
            command += [str(self.reader_report), str(self.options.pause_s)]
            self.reader = self._process("reader", command)
        if self.options.web:
            command = commands.web(WEB, "--bind", f"unix:{self.web_socket}")
            self.web = self._process("web", command, is_ready=self._serves_pages)
        for process in self.processes():
            self.wait(process.is_ready, 60, f"{process.name} is ready")

    @property
    def reader_report(self) -> Path:
        """A file with the number of reads and the half-written files so far."""
        return self.folder / "reader.json"

    @property
    def web_socket(self) -> Path:
        """The address of the web server."""
        return self.folder / "web.sock"

    def end(
        self, process: Process, number: int = signal.SIGTERM, within_s: float = STOP_S
    ) -> float:
        """End a process and do not start it again; return how many seconds it took."""
        self._ended.add(process)
        return process.end(number, within_s)

    def bring_back(self, process: Process) -> None:
        """Start a process that was ended, and wait until it is ready."""
        self._ended.discard(process)
        process.start()
        self.wait(process.is_ready, 60, f"{process.name} is ready")

    def tend(self) -> None:
        """Start every process that has died."""
        for process in self.processes():
            if process not in self._ended and not process.runs:
                process.start()

    def processes(self) -> Iterator[Process]:
        yield from (self.broker, self.cache, *self.workers, *self.beats)
        yield from (process for process in (self.web, self.reader) if process)

    def wait(self, condition: Callable[[], object], within_s: float, what: str) -> bool:
        """Wait until `condition()`, and start what dies meanwhile; False if it takes too long."""
        try:
            wait_for(lambda: condition() or self.tend(), within_s, what, every_s=POLL_S)
        except NotInTime as error:
            print(f"    {error}", flush=True)
            return False
        return True

    def pause(self, seconds: float) -> None:
        """Let time pass, and start what dies meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.tend()
            time.sleep(min(POLL_S, left))

    def children(self) -> list[int]:
        """Return the pool processes of all workers."""
        return [pid for worker in self.workers for pid in worker.children()]

    def stop(self) -> None:
        """End all processes."""
        for process in self.processes():
            process.end(signal.SIGKILL)

    def _worker(self, name: str) -> Process:
        pool = ("--concurrency", str(self.options.concurrency))
        # Without checks: workers start often here, and always with the same settings.
        command = commands.worker(APP, f"{name}@chaos", *pool, checks=False)
        # C_FORCE_ROOT: without the guard `json-only`, Celery refuses to run as root.
        more = {"CHAOS_ROLE": "worker", "C_FORCE_ROOT": "1"}
        ready = logged(commands.WORKER_READY)
        return self._process(name, [*self.options.before_worker, *command], ready, **more)

    def _beat(self, number: int) -> Process:
        schedule = str(self.folder / f"schedule{number}")
        return self._process(f"beat{number}", commands.beat(APP, schedule, "--max-interval", "1"))

    def _serves_pages(self, web: Process) -> bool:
        try:
            return Browser(self.web_socket).get("/").status == HTTPStatus.OK
        except OSError:
            return False

    def _process(
        self,
        name: str,
        command: list[str],
        is_ready: Callable[[Process], bool] = lambda process: True,
        **more: str,
    ) -> Process:
        log = self.folder / f"{name}.log"
        return Process(command, log, environment=inherited(**more), is_ready=is_ready)


@contextmanager
def prepared(database: str, options: Options, without: tuple[str, ...]) -> Iterator[Environment]:
    """Make a folder and a database, and tell this process and its children about them."""
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        environment = Environment(
            folder=str(folder),
            database=_database(database, folder, options, stack),
            broker_url=f"redis+socket://{folder}/broker.sock?virtual_host=0",
            cache_url=f"unix://{folder}/cache.sock?db=0",
            workers=dict(options.settings),
            storage=dict(options.storage),
            celery=dict(options.celery),
            hooks=options.hooks,
            without=without,
        )
        environment.media.mkdir()
        if options.disk_mb:
            stack.enter_context(disk.small(environment.media, options.disk_mb))
        os.environ.update(environment.variables)
        yield environment


def _database(kind: str, folder: Path, options: Options, stack: ExitStack) -> dict[str, Any]:
    requests = {"ATOMIC_REQUESTS": options.atomic_requests}
    if kind == "postgres":
        address = stack.enter_context(postgres())
        # For root the server runs as another user. Some workers may do only what file modes allow,
        # and must reach its socket.
        Path(address["HOST"]).chmod(0o755)
        return {**address, **requests, "NAME": "postgres", "OPTIONS": dict(options.database)}
    return {
        **requests,
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
    """Return the last report of the reader."""
    try:
        report: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {"reads": 0, "broken": {}}
    return report


def seeded(seed: int, fault: str) -> random.Random:
    """Return the random numbers of a fault: the same for the same seed, in any order of faults."""
    return random.Random(f"{seed}/{fault}")
