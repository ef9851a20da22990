"""A web server of two processes, whose renders are counted, and nginx before it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from django.db import connections

from renditions.registry import versatileimagefield_registry as registry
from tests.app.models import Person
from tests.service import commands, processes
from tests.service.servers import Valkey, short_folder, unused_port
from tests.service.waiting import wait_for
from tests.smoke import filters
from tests.smoke.environment import Environment

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def environment(django_db_setup: None, valkey: Valkey) -> Iterator[Environment]:
    """What this process and the web server share."""
    with short_folder() as folder:
        # nginx runs as another user if root runs the tests.
        folder.chmod(0o755)
        database = str(connections["default"].settings_dict["NAME"])
        yield Environment(str(folder), database, "memory://", valkey.cache_url(database=5))


@pytest.fixture(scope="module")
def web(environment: Environment) -> Iterator["Web"]:
    """The web server: two processes, so that their memory is not shared, of 32 threads each."""
    port = unused_port()
    command = commands.web("tests.on_request.wsgi", "--workers", "2", "--threads", "32")
    variables = processes.inherited(**environment.variables, PORT=str(port))
    log = Path(environment.folder) / "web.log"
    with processes.Process(command, log, environment=variables) as process:
        web = Web(process, port)
        wait_for(web.answers, processes.START_S, "the web server answers")
        yield web


class Web:
    """A web server."""

    def __init__(self, process: processes.Process, port: int) -> None:
        self.process = process
        self.port = port

    def get(self, path: str) -> requests.Response:
        """Return the answer to a request with a connection of its own."""
        return requests.get(f"http://{HOST}:{self.port}{path}", timeout=60)

    def answers(self) -> bool:
        try:
            return self.get("/media/").status_code == 404
        except requests.RequestException:
            return False


@pytest.fixture(autouse=True)
def _shared(environment: Environment, transactional_db: None, settings, valkey) -> Iterator[None]:
    """Use the folder, the database and the cache of the web server."""
    for name, value in environment.settings().items():
        setattr(settings, name, value)
    filters.register()
    valkey.client(database=5).flushdb()
    yield
    registry.unregister_filter(filters.NAME)
    for name in (filters.HOLD, filters.NOTES):
        (Path(environment.folder) / name).unlink(missing_ok=True)


@pytest.fixture
def hold(environment: Environment) -> Path:
    """A file; while it exists, the rendition of a SLOW picture is not finished."""
    path = Path(environment.folder) / filters.HOLD
    path.touch()
    return path


@pytest.fixture
def rendered(environment: Environment) -> Callable[[], list[int]]:
    """A function that gives the process id of each rendering that was begun."""
    notes = Path(environment.folder) / filters.NOTES
    return lambda: list(map(int, notes.read_text().split())) if notes.exists() else []


@pytest.fixture
def save(picture) -> Callable[..., Person]:
    """A function that saves a person so that no worker makes the renditions."""

    def make(shape: tuple[int, int] = filters.SLOW, name: str = "a.jpg") -> Person:
        # It sends no signal.
        (person,) = Person.objects.bulk_create([Person(headshot=picture(name, *shape))])
        return person

    return make
