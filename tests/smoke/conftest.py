"""Real Valkey, real worker, real beat: one of each for all smoke tests, restarted after a kill."""

import os
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
from tests.service import commands
from tests.service.nodes import Beat, ProcessHandle, Valkey, Worker
from tests.service.processes import CHECKOUT, PYTHON
from tests.service.servers import short_folder, unused_port, valkey_command
from workers import dispatch
from workers.conf import CELERY

from . import filters, receivers
from .environment import Environment

APP = "tests.smoke.app"
IN_DOCKER = os.environ.get("CELERY_NODES") == "docker"

Start = Callable[[str, Sequence[str], Mapping[str, str]], Any]


@pytest.fixture(scope="package")
def folder() -> Iterator[Path]:
    """The folder for all files of the processes."""
    with short_folder() as made:
        yield made


@pytest.fixture(scope="package")
def environment(folder: Path, django_db_setup: None) -> Environment:
    """What the processes share; their database is that of the tests."""
    database = str(connections["default"].settings_dict["NAME"])
    if IN_DOCKER:
        broker = f"redis://127.0.0.1:{unused_port()}"
        return Environment(str(folder), database, f"{broker}/0", f"{broker}/1")
    socket = folder / "valkey.sock"
    return Environment(
        str(folder), database, f"redis+socket://{socket}?virtual_host=0", f"unix://{socket}?db=1"
    )


@pytest.fixture(scope="package")
def start(folder: Path, request: pytest.FixtureRequest) -> Iterator[Start]:
    """A function that starts a node; all of them are removed at the end."""
    begin = _container_starter(request) if IN_DOCKER else _process_starter(folder)
    handles = []

    def remember(name: str, command: Sequence[str], variables: Mapping[str, str]) -> Any:
        handles.append(begin(name, command, variables))
        return handles[-1]

    yield remember
    for handle in reversed(handles):
        handle.remove(force=True)


def _process_starter(folder: Path) -> Start:
    return lambda name, command, variables: ProcessHandle(name, command, variables, folder)


def _container_starter(request: pytest.FixtureRequest) -> Start:
    """Run the project's own image in the namespaces of the host.

    So addresses, paths and process ids are the same inside and outside of a container.
    """
    client = request.getfixturevalue("docker_client")
    image = client.images.build(path=str(CHECKOUT), tag="django-renditions")[0]
    shared = {path: {"bind": path, "mode": "rw"} for path in (str(CHECKOUT), tempfile.gettempdir())}

    def begin(name: str, command: Sequence[str], variables: Mapping[str, str]) -> Any:
        return client.containers.run(
            "valkey/valkey:8-alpine" if name == "valkey" else image,
            ["python", *command[1:]] if command[0] == PYTHON else list(command),
            environment={**variables, "PYTHONPATH": str(CHECKOUT)},
            detach=True,
            network_mode="host",
            pid_mode="host",
            user=f"{os.getuid()}:{os.getgid()}",
            volumes=shared,
            working_dir=str(CHECKOUT),
        )

    return begin


@pytest.fixture(scope="package")
def default_redis_broker(start: Start, environment: Environment, folder: Path) -> Valkey:
    """Valkey as in production: it evicts nothing, and a restart loses nothing."""
    if IN_DOCKER:
        address = environment.broker_url
        command = ["valkey-server", "--port", address.rsplit(":", 1)[1].split("/")[0]]
    else:
        address = f"unix://{folder / 'valkey.sock'}?db=0"
        command = valkey_command(folder / "valkey.sock")
    home = folder / "valkey"
    home.mkdir()
    kept = ["--dir", str(home), "--appendonly", "yes", "--save", ""]
    server = [*command, *kept, "--maxmemory-policy", "noeviction"]
    valkey = Valkey(start("valkey", server, {}))
    valkey.address, valkey.broker_url = address, environment.broker_url
    valkey.ready()
    return valkey


@pytest.fixture(scope="package")
def start_worker(
    start: Start, environment: Environment, default_redis_broker: Valkey
) -> Callable[..., Worker]:
    """A function that starts a worker with a pool of two; it may not be ready yet."""

    def begin(name: str) -> Worker:
        command = commands.worker(APP, f"{name}@smoke", "--concurrency", "2")
        return Worker(start(name, command, environment.variables))

    return begin


@pytest.fixture(scope="package")
def default_worker_container(start_worker: Callable[..., Worker], beat: Beat) -> Worker:
    worker = start_worker("first")
    worker.ready()
    return worker


@pytest.fixture(scope="package")
def beat(
    start: Start, environment: Environment, folder: Path, default_redis_broker: Valkey
) -> Beat:
    """The process that sends the sweep's message every second."""
    command = commands.beat(APP, str(folder / "beat-schedule"))
    return Beat(start("beat", command, environment.variables))


# --- What pytest-celery asks for ---


@pytest.fixture(params=["celery_redis_broker"])
def celery_broker(request: pytest.FixtureRequest) -> Any:
    """Redis, of the brokers that pytest-celery knows."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def celery_backend_cluster() -> None:
    """None: tasks store no result."""


@pytest.fixture
def celery_setup_app(environment: Environment) -> Iterator[Celery]:
    """The Celery application of a web process, which sends messages."""
    before = current_app._get_current_object()
    app = Celery("web", broker=environment.broker_url, config_source=CELERY, set_as_current=True)
    yield app
    app.close()
    before.set_current()


# --- What the tests use ---


@pytest.fixture(autouse=True)
def _settings_of_the_processes(
    environment: Environment, settings: Any, _fresh_media: None
) -> Iterator[None]:
    """Give this process, which saves the pictures, the settings of the workers."""
    filters.register()
    for name, value in environment.settings().items():
        setattr(settings, name, value)
    yield
    registry.unregister_filter(filters.NAME)


@pytest.fixture(autouse=True)
def smoke(
    _settings_of_the_processes: None,
    default_redis_broker: Valkey,
    default_worker_container: Worker,
    beat: Beat,
    transactional_db: None,
    celery_setup: CeleryTestSetup,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[CeleryTestSetup]:
    """Before each test all nodes run, no message is queued and no note is left."""
    monkeypatch.setattr(dispatch, "_circuit_open_until", 0.0)
    yield celery_setup
    for name in (filters.HOLD, filters.NOTES, receivers.HOLD, receivers.TOLD):
        (folder / name).unlink(missing_ok=True)
    nodes = (default_redis_broker, default_worker_container, beat)
    for node in nodes:
        node.revive()
    for node in nodes:
        node.ready()
    default_redis_broker.client.flushall()


@pytest.fixture
def media(environment: Environment) -> Path:
    """The folder of originals and renditions."""
    return environment.media


@pytest.fixture
def worker(default_worker_container: Worker) -> Worker:
    return default_worker_container


@pytest.fixture
def start_another(start_worker: Callable[..., Worker]) -> Iterator[Callable[[], Worker]]:
    """A function that starts a second worker, for this test only."""
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
    """A file; while it exists, a worker waits at a SLOW picture."""
    path = folder / filters.HOLD
    path.touch()
    return path


@pytest.fixture
def begun(folder: Path) -> Callable[[], list[int]]:
    """A function that gives a process id for each time that the filter was begun."""

    def ask() -> list[int]:
        notes = folder / filters.NOTES
        return [int(line) for line in notes.read_text().split()] if notes.exists() else []

    return ask


@pytest.fixture
def save(picture: Callable[..., ContentFile]) -> Callable[..., Person]:
    """A function that saves a person with a picture."""

    def save_one(shape: tuple[int, int] = filters.ORDINARY, name: str = "a.jpg") -> Person:
        return Person.objects.create(name=name, headshot=picture(name, *shape))

    return save_one
