"""The installation as its users meet it: real processes, spoken to over HTTP."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from PIL import Image

CHECKOUT = Path(__file__).parent.parent.parent


def eventually(holds: Callable[[], Any], patience_s: float, what: str) -> Any:
    """Return the first true value of `holds`, or fail naming `what` did not come."""
    deadline = time.monotonic() + patience_s
    while not (found := holds()):
        assert time.monotonic() < deadline, f"Not after {patience_s} s: {what}"
        time.sleep(0.05)
    return found


def picture(size: tuple[int, int] = (64, 48), image_format: str = "JPEG") -> bytes:
    """Return a file whose four corners differ."""
    image = Image.new("RGB", size, "white")
    half = (size[0] // 2, size[1] // 2)
    image.paste("red", (0, 0, *half))
    image.paste("blue", (*half, *size))
    image.paste("green", (half[0], 0, size[0], half[1]))
    file = io.BytesIO()
    image.save(file, image_format)
    return file.getvalue()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Service:
    """A running installation."""

    port: int
    process: subprocess.Popen[str]
    session: requests.Session = field(default_factory=requests.Session)
    said: str = ""  # until it was ready

    @property
    def address(self) -> str:
        """Of the front page."""
        return f"http://127.0.0.1:{self.port}/"

    def get(self, path: str, **options: Any) -> requests.Response:
        """Return the answer to GET; `path` may be a whole address."""
        address = path if path.startswith("http") else self.address + path
        return self.session.get(address, timeout=10, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        """Return the answer to POST."""
        return self.session.post(self.address + path, timeout=30, **options)

    def upload(self, content: bytes, name: str = "a.jpg", **data: str) -> requests.Response:
        """Return the API's answer to one picture."""
        fields = {"title": "Harbour", **data}
        return self.post("api/photos/", data=fields, files={"image": (name, content)})

    def submit(self, path: str, **data: str) -> requests.Response:
        """Return the answer to the form at `path`, sent as a browser would."""
        address = self.address + path
        page = self.get(path).text
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert found, page
        fields = {"csrfmiddlewaretoken": found[1], **data}
        return self.session.post(address, data=fields, timeout=10, headers={"Referer": address})

    def answers(self) -> bool:
        """Whether the web server is up."""
        try:
            return self.get("health/").ok
        except requests.RequestException:
            return False

    def tree(self) -> list[psutil.Process]:
        """Return the process and all below it."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def end(self) -> None:
        """Stop it as a terminal would."""
        self.session.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=40)
        if self.process.stdout:
            self.process.stdout.close()


def environment(**given: str) -> dict[str, str]:
    """Return the environment of a process that knows nothing of the tests."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1", **given}


@contextmanager
def running_web(folder: Path, **settings: str) -> Iterator[Service]:
    """Run the web server alone: no broker, no cache, no worker."""
    port = free_port()
    nobody = free_port()
    env = environment(
        DJANGO_SETTINGS_MODULE="config.settings",
        SECRET_KEY="tests",
        HTTPS="0",
        DATABASE_URL=f"sqlite:///{folder / 'db.sqlite3'}",
        MEDIA_ROOT=str(folder / "media"),
        STATIC_ROOT=str(folder / "static"),
        SERVE_MEDIA="1",
        BROKER_URL=f"redis://127.0.0.1:{nobody}/0",
        CACHE_URL=f"redis://127.0.0.1:{nobody}/1",
        PORT=str(port),
        **settings,
    )
    (folder / "static").mkdir()
    django = [sys.executable, "-m", "django"]
    subprocess.run([*django, "migrate", "-v0"], cwd=CHECKOUT, env=env, check=True)
    command = [sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn", "config.wsgi"]
    with (folder / "web.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=CHECKOUT, env=env, text=True, stdout=log, stderr=subprocess.STDOUT
        )
    service = Service(port, process)
    try:
        eventually(service.answers, 60, "the web server answers")
        yield service
    finally:
        service.end()


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A web server that takes pictures of up to 1 MB from anybody."""
    folder = tmp_path_factory.mktemp("web")
    options = {"ANONYMOUS_UPLOADS": "1", "MAX_UPLOAD_MB": "1", "UPLOAD_RATE": "1000/min"}
    with running_web(folder, **options) as service:
        yield service


@pytest.fixture(scope="session")
def closed_web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A web server as it is by default, but for a small allowance of reads."""
    with running_web(tmp_path_factory.mktemp("closed"), READ_RATE="3/min") as service:
        yield service


def start_demo(folder: Path, port: int, **given: str) -> Service:
    """Start `python -m config.demo`; it may not be ready yet."""
    process = subprocess.Popen(
        [sys.executable, "-m", "config.demo"],
        cwd=CHECKOUT,
        env=environment(DEMO_DIR=str(folder), PORT=str(port), **given),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return Service(port, process)


def wait_until_ready(demo: Service) -> str:
    """Return what the demo printed until it said how to end it."""
    assert demo.process.stdout
    said = ""
    for line in demo.process.stdout:
        said += line
        if "Ctrl-C" in line:
            return said
    raise AssertionError(f"The demo ended:\n{said}")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The whole demo, ready."""
    service = start_demo(tmp_path_factory.mktemp("demo"), free_port())
    try:
        service.said = wait_until_ready(service)
        yield service
    finally:
        service.end()
