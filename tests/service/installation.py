"""The service of `config/` as its users meet it: started as they start it, spoken to over HTTP."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import requests

from . import commands
from .processes import CHECKOUT, PYTHON, START_S, Process, clean, logged
from .servers import unused_port
from .waiting import wait_for

HOST = "127.0.0.1"


class Installation:
    """A web server, or the whole demo."""

    def __init__(self, process: Process, port: int, environment: Mapping[str, str]) -> None:
        self.process = process
        self.port = port
        self.environment = environment
        self.session = requests.Session()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Stop it as Ctrl-C in a terminal or a supervisor does."""
        self.session.close()
        self.process.end(within_s=40)

    @property
    def address(self) -> str:
        """The address of the front page."""
        return f"http://{HOST}:{self.port}/"

    def get(self, path: str, **options: Any) -> requests.Response:
        """Return the answer to GET; `path` may be a whole address."""
        address = path if path.startswith("http") else self.address + path
        return self.session.get(address, timeout=10, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.session.post(self.address + path, timeout=30, **options)

    def upload(self, content: bytes, name: str = "a.jpg", **data: str) -> requests.Response:
        """Return the API's answer to one picture."""
        fields = {"title": "Harbour", **data}
        return self.post("api/photos/", data=fields, files={"image": (name, content)})

    def submit(self, path: str, **data: str) -> requests.Response:
        """Return the answer to the form at `path`, sent as a browser sends it."""
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page := self.get(path).text)
        assert found, page
        fields = {"csrfmiddlewaretoken": found[1], **data}
        return self.post(path, data=fields, headers={"Referer": self.address + path})

    def answers(self) -> bool:
        """Whether the web server answers."""
        try:
            return self.get("health/").ok
        except requests.RequestException:
            return False


@contextmanager
def web_server(
    folder: Path, broker_url: str | None = None, cache_url: str | None = None, **settings: str
) -> Iterator[Installation]:
    """Run the web server alone, on a migrated database.

    Args:
        folder: The folder for all of its files.
        broker_url: Default: nothing listens at the address of the broker; the same for the cache.
        settings: More environment variables of `config.settings`.
    """
    port = unused_port()
    nowhere = f"redis://{HOST}:{unused_port()}"
    variables = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "tests",
        "HTTPS": "0",
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "MEDIA_ROOT": str(folder / "media"),
        "STATIC_ROOT": str(folder / "static"),
        "SERVE_MEDIA": "1",
        "BROKER_URL": broker_url or f"{nowhere}/0",
        "CACHE_URL": cache_url or f"{nowhere}/1",
        "PORT": str(port),
    }
    environment = clean(**{**variables, **settings})
    (folder / "static").mkdir()
    manage(environment, "migrate", "--verbosity", "0")
    process = Process(commands.web("config.wsgi"), folder / "web.log", environment=environment)
    with Installation(process, port, environment) as installation:
        wait_for(installation.answers, START_S, "the web server answers")
        yield installation


def manage(environment: Mapping[str, str], *arguments: str) -> None:
    """Run a management command of the installation."""
    command = [PYTHON, "manage.py", *arguments]
    subprocess.run(command, cwd=CHECKOUT, env=environment, check=True, capture_output=True)


def start_demo(folder: Path, port: int | None = None, **settings: str) -> Installation:
    """Start the demo as `make demo` does; it may not be ready yet."""
    port = port or unused_port()
    environment = clean(DEMO_DIR=str(folder), PORT=str(port), **settings)
    folder.parent.mkdir(parents=True, exist_ok=True)
    process = Process(
        [PYTHON, "-m", "config.demo"],
        folder.with_suffix(".log"),
        environment=environment,
        # The last line of its banner.
        is_ready=logged("Press Ctrl-C"),
    )
    return Installation(process, port, environment)
