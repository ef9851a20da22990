"""The installation as a visitor meets it: real web server, real worker, headless Chromium."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.conftest import four_corners, hole
from tests.service import commands
from tests.service.installation import Installation, manage, web_server
from tests.service.processes import START_S, Process, logged
from tests.service.servers import Valkey, unused_port
from tests.service.waiting import wait_for

ADMIN, PASSWORD = "admin", "for this test"
# Two busy cores: a page that refreshes itself each five seconds may need several turns.
TIMEOUT_MS = 30_000


@dataclass(frozen=True, slots=True)
class Gallery:
    """A gallery where everyone may upload."""

    web: Installation
    media: Path
    worker: Process

    @property
    def address(self) -> str:
        return self.web.address

    def add(self, title: str, content: bytes, name: str = "a.jpg") -> Mapping[str, Any]:
        """Upload a photo, wait until its renditions are made, and return what the API says."""
        address = self.web.upload(content, name, title=title).json()["url"]

        def made() -> Mapping[str, Any] | None:
            photo: Mapping[str, Any] = self.web.get(address).json()
            return photo if photo["warm"]["state"] == "done" else None

        return wait_for(made, START_S, f"the renditions of {title} are made")

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
    settings = {"ANONYMOUS_UPLOADS": "1", "UPLOAD_RATE": "1000/min"}
    with web_server(folder, broker, cache, **settings) as web:
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
            yield Gallery(web, folder / "media", worker)


@pytest.fixture(autouse=True)
def _worker_runs(gallery: Gallery) -> Iterator[None]:
    yield
    gallery.resume_worker()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def album(gallery: Gallery) -> list[str]:
    """The titles of photos of several shapes, all made; the last one is transparent."""
    shapes = {"wide": (2000, 1000), "tall": (900, 1600), "square": (1700, 1700), "small": (90, 60)}
    for title, size in shapes.items():
        gallery.add(title, four_corners(*size))
    gallery.add("transparent", hole(800, 600), "hole.png")
    return [*shapes, "transparent"]


@pytest.fixture(scope="package")
def site(gallery: Gallery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a second site over the same photos, whose pages show them in every way."""
    port = unused_port()
    environment = {
        **gallery.web.environment,
        "DJANGO_SETTINGS_MODULE": "tests.browser.site.settings",
        "PORT": str(port),
    }
    log = tmp_path_factory.mktemp("site") / "site.log"
    command = commands.web("config.wsgi")
    with Installation(Process(command, log, environment=environment), port, environment) as web:
        wait_for(web.answers, START_S, "the second site answers")
        yield web.address


Visitor = Callable[..., Page]


@pytest.fixture
def visitor(browser: Browser, gallery: Gallery) -> Iterator[Visitor]:
    """A function that returns the page of a new visitor, whose browser has the given options.

    An error in its console fails the test.
    """
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            _new_page(browser, **{"base_url": gallery.address, **options})
        )


@pytest.fixture
def page(visitor: Visitor) -> Page:
    """A page of a new visitor. An error in its console fails the test."""
    return visitor(viewport={"width": 1200, "height": 900})


@contextmanager
def _new_page(browser: Browser, **options: Any) -> Iterator[Page]:
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        # Django's admin has no icon, so the browser asks for /favicon.ico, which does not exist.
        if message.type in ("error", "warning") and not where.endswith("/favicon.ico"):
            errors.append(f"{message.text} ({where})")

    context = browser.new_context(**options)
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert not errors


def _chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("There is no Chromium on this machine.")
