"""The page of the operator: a real service under load and with parts missing, in a browser."""

import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, expect

from tests.conftest import four_corners
from tests.service import commands, servers
from tests.service.installation import Installation, manage, web_server
from tests.service.processes import START_S, Process, logged
from tests.service.servers import Valkey
from tests.service.waiting import wait_for

from .conftest import ADMIN, PASSWORD, Visitor

pytestmark = pytest.mark.browser

OVERVIEW = "/admin/rendition_workers/overview/"
JOBS = "/admin/rendition_workers/warmjob/"
WHOLE = four_corners(1200, 800)
CUT_OFF = WHOLE[: len(WHOLE) // 2]
BOTH = "renditions,renditions.bulk"
NOW = "strftime('%Y-%m-%d %H:%M:%f')"
TABLES = (
    *(f"rendition_workers_{each}" for each in ("supersededjob", "warmjob", "warmrun", "event")),
    *(f"rendition_workers_{each}" for each in ("heartbeat", "workernode", "throughput")),
    "gallery_photo",
)


@dataclass(slots=True)
class Service:
    """All parts of a service, each of which can be stopped."""

    web: Installation
    folder: Path
    broker: Valkey

    @contextmanager
    def worker(self, name: str = "first@test", queues: str = BOTH) -> Iterator[Process]:
        command = commands.worker("config", name, "--concurrency", "1")
        command[command.index("--queues") + 1] = queues
        yield from self._run(command, name, commands.WORKER_READY)

    @contextmanager
    def beat(self) -> Iterator[Process]:
        command = commands.beat("config", str(self.folder / "schedule"))
        yield from self._run(command, "beat", "beat: Starting...")

    def _run(self, command: list[str], name: str, ready: str) -> Iterator[Process]:
        log, environment = self.folder / f"{name}.log", self.web.environment
        process = Process(command, log, environment=environment, is_ready=logged(ready))
        with process:
            yield process.wait_until_ready()

    def upload(self, content: bytes, name: str = "harbour.jpg") -> None:
        assert self.web.upload(content, name, title=name).status_code == 201

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Change the rows of the ledger, as time does: the tests do not wait for hours."""
        path = self.folder / "db.sqlite3"
        with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as database:
            return database.execute(statement).fetchall()

    def age(self, table: str, column: str, where: str = "1") -> None:
        """Put the time in `column` back by two hours."""
        earlier = f"strftime('%Y-%m-%d %H:%M:%f', {column}, '-2 hours')"
        self.sql(f"UPDATE rendition_workers_{table} SET {column} = {earlier} WHERE {where}")

    def seen(self, table: str, where: str = "1") -> bool:
        """Whether the ledger has such a row."""
        return bool(self.sql(f"SELECT 1 FROM rendition_workers_{table} WHERE {where} LIMIT 1"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A web server with a broker of its own, and a superuser."""
    folder = tmp_path_factory.mktemp("seat")
    settings = {"ANONYMOUS_UPLOADS": "1", "UPLOAD_RATE": "1000/min"}
    with (
        servers.valkey() as broker,
        web_server(folder, broker.broker_url(0), broker.cache_url(1), **settings) as web,
    ):
        user = ("--username", ADMIN, "--email", "a@example.com")
        password = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        manage({**web.environment, **password}, "createsuperuser", "--no-input", *user)
        yield Service(web, folder, broker)


@pytest.fixture
def service(installed: Service) -> Service:
    """The web server, which has no picture and no job. Nothing else runs yet."""
    for table in TABLES:
        installed.sql(f"DELETE FROM {table}")
        installed.sql(f"DELETE FROM sqlite_sequence WHERE name = '{table}'")
    installed.broker.client().flushall()
    return installed


@pytest.fixture
def seat(visitor: Visitor, service: Service) -> Page:
    """The browser of the operator, with the page open. An error in its console fails the test."""
    page = visitor(base_url=service.web.address, viewport={"width": 1280, "height": 900})
    open_page(page)
    return page


def test_the_page_follows_a_service_under_load(seat: Page, service: Service, tmp_path: Path):
    """Without a reload: the queue grows, a worker takes it, and all is made and counted."""
    seat.evaluate("window.neverReloaded = true")
    for number in range(5):
        service.upload(WHOLE, f"harbour{number}.jpg")
    service.upload(CUT_OFF, "storm.jpg")
    shows(tile(seat, "Queued"), "6")
    shows(alarm(seat, "No worker runs."), "celery -A YOUR_PROJECT worker")
    photograph(seat, tmp_path / "no_worker.png")

    # A beat would send its first sweep after half a minute.
    service.sql(f"INSERT INTO rendition_workers_heartbeat VALUES ('beat', {NOW}), ('sweep', {NOW})")
    with service.worker():
        wait_for(lambda: not service.seen("warmjob", "state != 'failed'"), START_S, "all is made")

        shows(tile(seat, "Made in 60 minutes"), "5")
        shows(tile(seat, "Queued"), "0")
        shows(tile(seat, "Failed"), "1")
        shows(alarm(seat, "1 job has failed."), "retry")
        expect(alarms(seat)).to_have_count(1)
        shows(region(seat, "Workers"), "first@test")
        expect(region(seat, "The last 60 minutes").get_by_role("img")).to_have_accessible_name(
            "In the last 60 minutes 5 jobs were made, and 1 failed."
        )
        assert seat.evaluate("window.neverReloaded") is True
        photograph(seat, tmp_path / "load.png")
        region(seat, "Failures").get_by_role("link", name="unreadable").click()
        expect(seat.get_by_role("row").filter(has_text="storm.jpg")).to_have_count(1)
        photograph(seat, tmp_path / "jobs.png")


def test_a_queue_that_no_worker_consumes_is_named(seat: Page, service: Service, tmp_path: Path):
    """A worker for uploads alone leaves the other queue to nobody."""
    with service.worker(queues="renditions"):
        shows(alarm(seat, "No worker consumes the queue renditions.bulk."), f"-Q {BOTH}")
        shows(region(seat, "Broker and beat"), "0 workers consume it")
        photograph(seat, tmp_path / "unconsumed.png")


def test_a_killed_worker_is_named(seat: Page, service: Service, tmp_path: Path):
    """A worker that was killed is marked after a minute, with what to do; one that stops is not."""
    with service.worker("second@test") as stopped, service.worker("first@test") as killed:
        shows(region(seat, "Workers"), "second@test")
        shows(region(seat, "Workers"), "first@test")
        killed.end(signal.SIGKILL)
        service.age("workernode", "seen_at", "name = 'first@test'")
        shows(alarm(seat, "A worker has gone without a word: first@test."), "Start it again")
        shows(region(seat, "Workers"), "gone without a word")
        photograph(seat, tmp_path / "killed.png")

        stopped.end()
        shows(alarm(seat, "No worker runs."), "celery -A YOUR_PROJECT worker")
        expect(region(seat, "Workers").get_by_text("second@test")).to_have_count(0)


def test_a_stopped_beat_is_named(seat: Page, service: Service, tmp_path: Path):
    with service.worker():
        with service.beat():
            wait_for(lambda: service.seen("heartbeat", "name = 'sweep'"), START_S, "a sweep")
            expect(alarm(seat, "Beat does not run.")).to_have_count(0)
        service.age("heartbeat", "beaten_at")
        shows(alarm(seat, "Beat does not run."), "celery -A YOUR_PROJECT beat")
        shows(region(seat, "Broker and beat"), "2 hours ago")
        photograph(seat, tmp_path / "beat.png")


def test_a_stopped_broker_is_named_at_once(seat: Page, service: Service, tmp_path: Path):
    """The page answers without the broker, and is well again with it."""
    service.upload(WHOLE)
    service.broker.end()
    shows(alarm(seat, "The broker does not answer."), "No job is lost")
    shows(tile(seat, "Queued"), "1")
    photograph(seat, tmp_path / "broker.png")

    service.broker.start()
    expect(alarm(seat, "The broker does not answer.")).to_have_count(0)


def test_a_hidden_tab_asks_nothing(seat: Page):
    """It asks at once when it is shown again."""
    asked: list[str] = []
    seat.on("request", lambda request: asked.append(request.url))
    seat.wait_for_load_state("networkidle")
    hide = """hidden => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    seat.evaluate(hide, True)
    asked.clear()
    seat.wait_for_timeout(6_000)  # longer than the time between two requests
    assert asked == []

    with seat.expect_request("**/overview/part/"):
        seat.evaluate(hide, False)


def test_a_server_that_is_away_is_said_and_its_return_too(browser: Browser, seat: Page):
    # Another one: the browser logs such an answer as an error.
    context = browser.new_context(storage_state=seat.context.storage_state())
    page = context.new_page()
    page.goto(seat.url)
    page.route("**/overview/part/", lambda route: route.fulfill(status=502))
    trouble = page.get_by_role("alert").filter(has_text="The server does not answer.")
    expect(trouble).to_be_visible()
    page.unroute("**/overview/part/")
    expect(trouble).to_be_hidden()
    context.close()


def test_without_javascript_the_page_and_its_buttons_work(
    browser: Browser, seat: Page, service: Service
):
    """A reload shows the state, and a run is paused, resumed and cancelled by a form."""
    fill(service)
    context = browser.new_context(
        base_url=service.web.address,
        java_script_enabled=False,
        storage_state=seat.context.storage_state(),
    )
    page = context.new_page()
    page.goto(OVERVIEW)
    shows(tile(page, "Failed"), "1,234")
    page.get_by_role("button", name="Pause gallery.Photo.image: Make renditions").click()
    expect(page.get_by_text("1 bulk run was paused.")).to_be_visible()
    page.get_by_role("button", name="Resume gallery.Photo.image: Make renditions").click()
    expect(page.get_by_text("1 bulk run was resumed.")).to_be_visible()
    expect(page).to_have_url(re.compile(f"{OVERVIEW}$"))
    page.get_by_role("link", name="gallery.Photo.image").first.click()
    page.get_by_role("button", name="Cancel gallery.Photo.image: Make renditions").click()
    expect(page.get_by_text("1 bulk run was cancelled.")).to_be_visible()
    context.close()


def test_a_cancel_is_asked_about(seat: Page, service: Service):
    fill(service)
    cancel = seat.get_by_role("button", name="Cancel gallery.Photo.image: Make renditions")
    expect(cancel).to_be_visible()
    asked: list[str] = []

    def refuse(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    seat.once("dialog", refuse)
    cancel.click()

    assert "Its jobs that wait are deleted." in asked[0]
    assert service.seen("warmrun", "state = 'running'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_screen_shows_all_of_it(seat: Page, service: Service, tmp_path: Path, scheme: str):
    """No page scrolls sideways, and the policy of the site is not violated."""
    fill(service)
    seat.emulate_media(color_scheme=scheme)
    seat.add_init_script(
        "window.violations = [];"
        "document.addEventListener('securitypolicyviolation',"
        " event => violations.push(event.violatedDirective))"
    )
    pages = {
        "overview": OVERVIEW,
        "failures": f"{JOBS}failures/",
        "jobs": JOBS,
        "job": f"{JOBS}1/change/",
        "run": "/admin/rendition_workers/warmrun/1/change/",
    }
    for name, address in pages.items():
        for width in (390, 768, 1280):
            seat.set_viewport_size({"width": width, "height": 844})
            seat.goto(address)
            photograph(seat, tmp_path / f"{name}-{width}.png")
            assert seat.evaluate("document.documentElement.scrollWidth") <= width
            assert seat.evaluate("window.violations") == []


# Rows of a long day, beside those that a test makes.
FILL = """
from datetime import timedelta
from django.db.models.functions import Now, TruncMinute
from workers.models import *
from workers.statements import insert_absent
now = dict.fromkeys(("queued_at", "changed_at"), Now() - timedelta(hours=3))
base = {"model_label": "gallery.Photo", "field_name": "image", **now}
texts = {
    "storage": "The file storage did not answer.",
    "unreadable": "The upload is incomplete. Upload the file again.",
    "poison": "The worker died at each attempt. Replace the picture, or give the workers more "
    "memory or time, then retry.",
}
for start, (kind, number) in enumerate({"storage": 1100, "unreadable": 130, "poison": 4}.items()):
    row = {**base, "state": "failed", "kind": kind, "headline": texts[kind], "due_at": None,
           "detail": "photos/2026/" + "long-name-" * 12 + ".jpg: TimeoutError: timed out"}
    insert_absent("default", WarmJob, row, "object_pk",
                  [str(start * 9999 + n) for n in range(number)])
due = {**base, "due_at": Now() - timedelta(minutes=4)}
insert_absent("default", WarmJob, due, "object_pk", [str(50000 + n) for n in range(2345)])
lease = {**base, "state": "warming", "lease_until": Now() + timedelta(hours=1), "due_at": Now(),
         "lease_worker": "renditions@app-server-1.example.com", "changed_at": Now()}
insert_absent("default", WarmJob, lease, "object_pk", ["60001", "60002"])
seen = {"queues": ["renditions", "renditions.bulk"], "processes": 4, "release": "0.1.0",
        "started_at": Now() - timedelta(hours=5)}
WorkerNode.objects.create(
    name="renditions@app-server-1.example.com", seen_at=Now() + timedelta(hours=1), **seen)
WorkerNode.objects.create(
    name="renditions@app-server-2.example.com", seen_at=Now() - timedelta(hours=2), **seen)
for n in range(60):
    minute = TruncMinute(Now()) - timedelta(minutes=n)
    made = 140 + (n * 37) % 90 - (80 if 20 < n < 30 else 0)
    Throughput.objects.create(minute=minute, process="x:1", made=made, failed=40 * (20 < n < 25))
for name in ("sweep", "beat"):
    Heartbeat.objects.create(name=name, beaten_at=Now())
run = {"model_label": "gallery.Photo", "field_name": "image", "total": 250_000}
first = WarmRun.objects.create(planned=90_000, created=80_123, failed=112, current=8_765, **run)
WarmRun.objects.filter(pk=first.pk).update(resumed_at=Now() - timedelta(hours=1))
WarmRun.objects.create(kind="prune", state="paused", planned=31_000, kept=30_100, deleted=900,
                       **{**run, "total": None})
"""


def fill(service: Service) -> None:
    manage(service.web.environment, "shell", "-c", FILL)


def open_page(page: Page, address: str = OVERVIEW) -> None:
    page.goto(address)
    if "/login/" in page.url:
        page.get_by_label("Username").fill(ADMIN)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()


def alarms(page: Page) -> Locator:
    return page.get_by_role("list", name="What needs a hand").get_by_role("listitem")


def alarm(page: Page, headline: str) -> Locator:
    return alarms(page).filter(has_text=headline)


def tile(page: Page, label: str) -> Locator:
    """Return the big number with this label."""
    item = page.locator(".rendition-tiles li").filter(has=page.get_by_text(label, exact=True))
    return item.locator(".rendition-number")


def region(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name)


def shows(place: Locator, text: str) -> None:
    """Wait for the text: the page asks each five seconds."""
    expect(place).to_contain_text(text)


def photograph(page: Page, path: Path) -> None:
    page.screenshot(path=path, full_page=True)
