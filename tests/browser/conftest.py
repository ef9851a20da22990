"""The installation as a visitor meets it: real web server, real worker, headless Chromium."""

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.servers import Valkey, closed_port, running, wait_until

CHECKOUT = Path(__file__).parent.parent.parent
ADMIN, PASSWORD = "admin", "for this test"
PATIENCE_MS = 15_000


@dataclass(frozen=True)
class Installation:
    """A gallery that anybody may upload to."""

    address: str
    media: Path
    worker: psutil.Process

    def suspend_worker(self) -> None:
        """Hold the worker and its pool still."""
        for process in self._pool():
            process.suspend()

    def resume_worker(self) -> None:
        """Let them go on; does nothing where they are going."""
        for process in self._pool():
            process.resume()

    def _pool(self) -> list[psutil.Process]:
        return [self.worker, *self.worker.children()]


@pytest.fixture(scope="package")
def installation(
    tmp_path_factory: pytest.TempPathFactory, valkey: Valkey
) -> Iterator[Installation]:
    """Web server and worker of `config`, with a superuser."""
    folder = tmp_path_factory.mktemp("browser")
    port = closed_port()
    address = f"http://127.0.0.1:{port}/"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "tests",
        "HTTPS": "0",
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "BROKER_URL": valkey.broker_url(8),
        "CACHE_URL": valkey.cache_url(9),
        "MEDIA_ROOT": str(folder / "media"),
        "STATIC_ROOT": str(folder / "static"),
        "SERVE_MEDIA": "1",
        "ANONYMOUS_UPLOADS": "1",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
    }
    python = (sys.executable, "-m")
    # Each program runs as it would in production: from the checkout, told by its environment.
    with ExitStack() as stack, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(CHECKOUT)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
        _django("migrate", "--verbosity", "0")
        gunicorn = [*python, "gunicorn", "-c", "python:config.gunicorn", "config.wsgi"]
        celery = [*python, "celery", "--app", "config", "worker", "--hostname", "browser@test"]
        celery += ["--queues", "renditions,renditions.bulk", "--concurrency", "1"]
        celery += ["--without-mingle", "--without-gossip", "--loglevel", "INFO"]
        web = stack.enter_context(running(gunicorn, folder / "web.log"))
        worker = stack.enter_context(running(celery, folder / "worker.log"))
        _django("createsuperuser", "--no-input", "--username", ADMIN, "--email", "a@example.com")
        wait_until(lambda: _answers(f"{address}health/"), web)
        wait_until(lambda: "ready." in (folder / "worker.log").read_text(), worker)
        yield Installation(address, folder / "media", psutil.Process(worker.pid))


@pytest.fixture(autouse=True)
def _worker_goes_on(installation: Installation) -> Iterator[None]:
    yield
    installation.resume_worker()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, installation: Installation) -> Iterator[Page]:
    """A page of a new visitor; an error in its console fails the test."""
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        # Django's admin names no icon, so the browser looks for one by itself.
        if message.type in ("error", "warning") and not where.endswith("/favicon.ico"):
            errors.append(f"{message.text} ({where})")

    context = browser.new_context(
        base_url=installation.address, viewport={"width": 1200, "height": 900}
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors


def _chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("There is no Chromium on this machine.")


def _django(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "django", *arguments], check=True, capture_output=True)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except OSError:
        return False
