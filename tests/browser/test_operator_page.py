"""The page of the operator in a browser: it follows a real service, whose parts are stopped."""

import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, StorageState, expect

from tests.conftest import four_corners
from tests.service import commands, servers
from tests.service.installation import Installation, manage, web_server
from tests.service.processes import START_S, Process, logged
from tests.service.servers import Valkey
from tests.service.waiting import wait_for

from .conftest import ADMIN, PASSWORD, TIMEOUT_MS, Visitor

pytestmark = pytest.mark.browser

OVERVIEW = "/admin/rendition_workers/overview/"
JOBS = "/admin/rendition_workers/warmjob/"
RUNS = "/admin/rendition_workers/warmrun/"
RUN = f"{RUNS}1/change/"
WHOLE = four_corners(1200, 800)
CUT_OFF = WHOLE[: len(WHOLE) // 2]
BOTH = "renditions,renditions.bulk"
TABLES = (
    *(f"rendition_workers_{each}" for each in ("supersededjob", "warmjob", "warmrun", "event")),
    *("rendition_workers_throughput", "gallery_photo"),
)
# The page asks each 5 s, and each 15 s while it has no answer.
TURN_MS, LONG_TURN_MS = 5_000, 15_000


@dataclass(slots=True)
class Service:
    """All parts of a service, each of which can be stopped. They run at the start of a test."""

    web: Installation
    folder: Path
    broker: Valkey
    worker: Process
    beat: Process

    @property
    def address(self) -> str:
        return self.web.address

    def suspend_worker(self) -> None:
        for process in self.worker.tree():
            process.suspend()

    def resume_worker(self) -> None:
        for process in self.worker.tree():
            process.resume()

    def revive(self) -> None:
        """Start what a test has stopped."""
        self.resume_worker()
        for part in (self.broker, self.worker, self.beat):
            if not part.runs:
                part.start()
        for part in (self.broker, self.worker, self.beat):
            part.wait_until_ready()

    def clear(self) -> None:
        """Delete all pictures, jobs and runs."""
        for table in TABLES:
            self.sql(f"DELETE FROM {table}")
            self.sql(f"DELETE FROM sqlite_sequence WHERE name = '{table}'")

    def upload(self, content: bytes, name: str) -> None:
        assert self.web.upload(content, name, title=name).status_code == 201

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Change the rows of the ledger, as time does: the tests do not wait for hours."""
        path = self.folder / "db.sqlite3"
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as database:
            return database.execute(statement).fetchall()

    def age(self, table: str, column: str, where: str = "1") -> None:
        """Put the time in `column` back by two hours."""
        earlier = f"strftime('%Y-%m-%d %H:%M:%f', {column}, '-2 hours')"
        self.sql(f"UPDATE rendition_workers_{table} SET {column} = {earlier} WHERE {where}")

    def seen(self, table: str, where: str = "1") -> bool:
        """Whether the ledger has such a row."""
        return bool(self.sql(f"SELECT 1 FROM rendition_workers_{table} WHERE {where} LIMIT 1"))


def start_worker(web: Installation, folder: Path, name: str, queues: str = BOTH) -> Process:
    """Start a worker; it may not be ready yet."""
    command = commands.worker("config", name, "--concurrency", "1")
    command[command.index("--queues") + 1] = queues
    log, is_ready = folder / f"{name}.log", logged(commands.WORKER_READY)
    return Process(command, log, environment=web.environment, is_ready=is_ready)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of this file's own, for its parts are stopped. `visitor` goes to its address."""
    folder = tmp_path_factory.mktemp("operator")
    settings = {
        "DJANGO_SETTINGS_MODULE": "tests.browser.operator_settings",
        "ANONYMOUS_UPLOADS": "1",
        "UPLOAD_RATE": "1000/min",
    }
    with (
        servers.valkey() as broker,
        web_server(folder, broker.broker_url(0), broker.cache_url(1), **settings) as web,
        start_worker(web, folder, "first@test") as worker,
        Process(
            commands.beat("config", str(folder / "schedule")),
            folder / "beat.log",
            environment=web.environment,
            is_ready=logged("beat: Starting..."),
        ) as beat,
    ):
        user = ("--username", ADMIN, "--email", "a@example.com")
        password = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        manage({**web.environment, **password}, "createsuperuser", "--no-input", *user)
        yield Service(web, folder, broker, worker, beat)


@pytest.fixture(scope="module")
def logged_in(browser: Browser, gallery: Service) -> StorageState:
    """The cookies of the operator."""
    context = browser.new_context(base_url=gallery.address)
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    page.goto("/admin/")
    page.get_by_label("Username").fill(ADMIN)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_title(re.compile("Site administration"))
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def service(gallery: Service) -> Service:
    """The service, whose parts all run. It has no picture and no job."""
    gallery.revive()
    gallery.clear()
    gallery.sql("DELETE FROM rendition_workers_workernode WHERE name LIKE '%.example.com'")
    return gallery


@pytest.fixture
def long_day(gallery: Service) -> Service:
    """The rows of a long day; no part runs that would change them."""
    if not gallery.seen("workernode", "name = 'renditions@app-server-1.example.com'"):
        for part in (gallery.worker, gallery.beat):
            part.end(signal.SIGKILL)
        gallery.clear()
        for table in ("heartbeat", "workernode"):
            gallery.sql(f"DELETE FROM rendition_workers_{table}")
        manage(gallery.web.environment, "shell", "-c", FILL)
    return gallery


@pytest.fixture
def desk(visitor: Visitor, logged_in: StorageState) -> Page:
    """The browser of the operator. An error in its console fails the test."""
    return visitor(viewport={"width": 1280, "height": 900}, storage_state=logged_in)


@pytest.fixture
def seat(desk: Page, service: Service) -> Page:
    """The page, which shows that all is well."""
    desk.goto(OVERVIEW)
    shows(summary(desk), "All is well.")
    return desk


# ---- it follows the service ----------------------------------------------------------------------


def test_the_page_follows_a_service_under_load(seat: Page, service: Service):
    """Without a reload: the queue grows, a worker takes it, and all is made and counted."""
    seat.evaluate("window.neverReloaded = true")
    service.suspend_worker()
    for number in range(5):
        service.upload(WHOLE, f"harbour{number}.jpg")
    service.upload(CUT_OFF, "storm.jpg")
    shows(tile(seat, "Queued"), "6")

    service.resume_worker()
    wait_for(lambda: not service.seen("warmjob", "state != 'failed'"), START_S, "all is made")

    shows(tile(seat, "Made in 60 minutes"), "5")
    shows(tile(seat, "Queued"), "0")
    shows(tile(seat, "Failed"), "1")
    shows(alarm(seat, "1 job has failed."), "retry")
    expect(alarms(seat)).to_have_count(1)
    expect(region(seat, "The last 60 minutes").get_by_role("img")).to_have_accessible_name(
        "In the last 60 minutes 5 jobs were made, and 1 failed."
    )
    assert seat.evaluate("window.neverReloaded") is True
    region(seat, "Failures").get_by_role("link", name="unreadable").click()
    expect(seat.get_by_role("row").filter(has_text="storm.jpg")).to_have_count(1)


def test_a_killed_worker_and_its_queue_are_named_until_it_is_back(seat: Page, service: Service):
    """A worker for uploads alone does not replace it. One that is stopped is not missed."""
    service.worker.end(signal.SIGKILL)
    service.age("workernode", "seen_at")
    shows(alarm(seat, "No worker runs."), "celery -A YOUR_PROJECT worker")
    shows(tile(seat, "Workers"), "0")
    shows(region(seat, "Workers"), "gone without a word")

    with start_worker(service.web, service.folder, "uploads@test", "renditions") as other:
        shows(alarm(seat, "A worker has gone without a word: first@test."), "Start it again")
        shows(alarm(seat, "No worker consumes the queue renditions.bulk."), f"-Q {BOTH}")
        shows(region(seat, "Broker and beat"), "0 workers consume it")
        service.worker.start()
        shows(summary(seat), "All is well.")

        other.end()
    expect(region(seat, "Workers").get_by_text("uploads@test")).to_have_count(0)
    shows(summary(seat), "All is well.")


def test_a_stopped_beat_is_named_until_it_is_back(seat: Page, service: Service):
    service.beat.end()
    service.age("heartbeat", "beaten_at")
    shows(alarm(seat, "Beat does not run."), "celery -A YOUR_PROJECT beat")
    shows(region(seat, "Broker and beat"), "2 hours ago")

    service.beat.start()
    shows(summary(seat), "All is well.")


def test_a_stopped_broker_is_named_until_it_is_back(seat: Page, service: Service):
    """The page answers without the broker, and shows what is owed."""
    service.broker.end()
    shows(alarm(seat, "The broker does not answer."), "No job is lost")
    service.upload(WHOLE, "harbour.jpg")
    shows(tile(seat, "Queued"), "1")

    service.broker.start()
    expect(alarm(seat, "The broker does not answer.")).to_have_count(0)
    shows(tile(seat, "Made in 60 minutes"), "1")


# ---- when it asks --------------------------------------------------------------------------------


def test_a_hidden_tab_asks_nothing(desk: Page, long_day: Service):
    """It asks at once when it is shown again."""
    desk.clock.install()
    desk.goto(OVERVIEW)
    with desk.expect_response("**/overview/part/"):
        desk.clock.run_for(TURN_MS)
    asked: list[str] = []
    desk.on("request", lambda request: asked.append(request.url))
    hide = """hidden => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    desk.evaluate(hide, True)
    desk.clock.run_for(20 * TURN_MS)
    assert asked == []

    with desk.expect_request("**/overview/part/"):
        desk.evaluate(hide, False)
        desk.clock.run_for(1)


def test_a_server_that_is_away_is_said_and_its_return_too(
    browser: Browser, logged_in: StorageState, long_day: Service
):
    # Not the usual page: the browser logs such an answer as an error.
    context = browser.new_context(base_url=long_day.address, storage_state=logged_in)
    page = context.new_page()
    page.clock.install()
    page.goto(OVERVIEW)
    page.route("**/overview/part/", lambda route: route.fulfill(status=502))
    away = page.get_by_role("alert").filter(has_text="The server does not answer.")
    ended = page.get_by_role("alert").filter(has_text="Your session has ended.")
    page.clock.run_for(TURN_MS)
    expect(away).to_be_visible()

    page.unroute("**/overview/part/")
    page.clock.run_for(LONG_TURN_MS)
    expect(away).to_be_hidden()
    expect(ended).to_be_hidden()

    context.clear_cookies()
    page.clock.run_for(TURN_MS)
    expect(ended).to_be_visible()
    context.close()


# ---- what a person does --------------------------------------------------------------------------


def test_without_javascript_the_page_and_its_buttons_work(
    browser: Browser, logged_in: StorageState, long_day: Service
):
    """A reload shows the state, and a run is paused and resumed by a form, on each page."""
    context = browser.new_context(
        base_url=long_day.address, java_script_enabled=False, storage_state=logged_in
    )
    page = context.new_page()
    page.goto(OVERVIEW)
    shows(tile(page, "Failed"), "1,234")
    page.get_by_role("button", name="Pause gallery.Photo.image: Make renditions").click()
    expect(page.get_by_text("1 bulk run was paused.")).to_be_visible()
    expect(page).to_have_url(re.compile(f"{OVERVIEW}$"))

    page.goto(RUN)
    page.get_by_role("button", name="Resume gallery.Photo.image: Make renditions").click()
    expect(page.get_by_text("1 bulk run was resumed.")).to_be_visible()
    expect(page).to_have_url(re.compile(f"{RUN}$"))
    context.close()


def test_a_cancel_is_asked_about(desk: Page, long_day: Service):
    desk.goto(OVERVIEW)
    asked: list[str] = []

    def refuse(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    desk.once("dialog", refuse)
    desk.get_by_role("button", name="Cancel gallery.Photo.image: Make renditions").click()

    assert "Its jobs that wait are deleted." in asked[0]
    assert long_day.seen("warmrun", "id = 1 AND state = 'running'")


# ---- how it looks --------------------------------------------------------------------------------

WATCH_POLICY = """
    window.violations = [];
    document.addEventListener(
        "securitypolicyviolation", event => violations.push(event.violatedDirective)
    );
"""
# What a person would have to scroll sideways, or cannot see at all: the page, or a part of it.
CUT_OFF_PARTS = """() => {
    const page = document.documentElement;
    return [page, ...document.querySelectorAll("#content *")]
        .filter(part => part === page || getComputedStyle(part).overflowX !== "visible")
        .filter(part => part.clientWidth && part.scrollWidth > part.clientWidth)
        .map(part => part.outerHTML.slice(0, 200));
}"""
# Texts whose contrast is less than 4.5 (WCAG 2, level AA). The formulas are those of
# https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
# The filters beside a list are Django's: some of their links are paler in its dark theme.
PALE_TEXTS = """() => {
    document.getAnimations().forEach(animation => animation.finish());
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
    const rgba = colour => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const linear = part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const luminance = colour => {
        const [r, g, b] = rgba(colour).map(part => linear(part / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const background = part => {
        const colour = getComputedStyle(part).backgroundColor;
        return rgba(colour)[3] || !part.parentElement ? colour : background(part.parentElement);
    };
    const place = document.querySelector("#result_list") ?? document.querySelector("#content-main");
    const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
    const pale = [];
    while (walker.nextNode()) {
        const text = walker.currentNode.data.trim(), part = walker.currentNode.parentElement;
        if (!text || !part.checkVisibility()) continue;
        const pair = [getComputedStyle(part).color, background(part)].map(luminance);
        const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
        if (contrast < 4.5) pale.push(`${text.slice(0, 60)}: ${contrast.toFixed(2)}`);
    }
    return pale;
}"""


@pytest.mark.parametrize(
    "address", [OVERVIEW, f"{JOBS}failures/", JOBS, f"{JOBS}1/change/", RUNS, RUN]
)
def test_every_screen_shows_all_of_it(desk: Page, long_day: Service, address: str):
    """Nothing scrolls sideways, light or dark, and a strict policy is not violated."""
    desk.add_init_script(WATCH_POLICY)
    policy = desk.goto(address).headers["content-security-policy"]
    assert policy == "default-src 'self'"

    for scheme in ("light", "dark"):
        desk.emulate_media(color_scheme=scheme)
        for width in (390, 768, 1280):
            desk.set_viewport_size({"width": width, "height": 844})
            assert desk.evaluate(CUT_OFF_PARTS) == [], (scheme, width)
        assert desk.evaluate(PALE_TEXTS) == [], scheme
    assert desk.evaluate("window.violations") == []


# Rows of a long day.
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


# ---- parts of the page ---------------------------------------------------------------------------


def summary(page: Page) -> Locator:
    """Return the line that says whether all is well."""
    return page.get_by_role("status")


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
