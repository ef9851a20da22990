"""The installation as a visitor meets it: real web server, real worker, headless Chromium."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.service import commands
from tests.service.installation import manage, web_server
from tests.service.processes import Process, logged
from tests.service.servers import Valkey

ADMIN, PASSWORD = "admin", "for this test"
TIMEOUT_MS = 15_000


@dataclass(frozen=True, slots=True)
class Gallery:
    """A gallery where everyone may upload."""

    address: str
    media: Path
    worker: Process

    def suspend_worker(self) -> None:
        """Stop the worker and its pool for a while, so that no rendition is made."""
        for process in self.worker.tree():
            process.suspend()

    def resume_worker(self) -> None:
        for process in self.worker.tree():
            process.resume()


@pytest.fixture(scope="package")
def gallery(tmp_path_factory: pytest.TempPathFactory, valkey: Valkey) -> Iterator[Gallery]:
    """A gallery with a superuser."""
    folder = tmp_path_factory.mktemp("browser")
    # Databases of the shared server that no other test uses.
    broker, cache = valkey.broker_url(8), valkey.cache_url(9)
    command = commands.worker("config", "browser@test", "--concurrency", "1")
    with web_server(folder, broker, cache, ANONYMOUS_UPLOADS="1") as web:
        user = ("--username", ADMIN, "--email", "a@example.com")
        password = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        with Process(
            command,
            folder / "worker.log",
            environment=web.environment,
            is_ready=logged(commands.WORKER_READY),
        ) as worker:
            manage({**web.environment, **password}, "createsuperuser", "--no-input", *user)
            worker.wait_until_ready()
            yield Gallery(web.address, folder / "media", worker)


@pytest.fixture(autouse=True)
def _worker_runs(gallery: Gallery) -> Iterator[None]:
    yield
    gallery.resume_worker()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, gallery: Gallery) -> Iterator[Page]:
    """A page of a new visitor. An error in its console fails the test."""
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        # Django's admin has no icon, so the browser asks for /favicon.ico, which does not exist.
        if message.type in ("error", "warning") and not where.endswith("/favicon.ico"):
            errors.append(f"{message.text} ({where})")

    context = browser.new_context(base_url=gallery.address, viewport={"width": 1200, "height": 900})
    context.set_default_timeout(TIMEOUT_MS)
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
