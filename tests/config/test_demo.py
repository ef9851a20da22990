"""`make demo`, for real: Valkey, worker processes, beat, the web server and their supervisor."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from .conftest import (
    CHECKOUT,
    Service,
    environment,
    eventually,
    free_port,
    picture,
    start_demo,
    wait_until_ready,
)

pytestmark = pytest.mark.smoke

WORKER = "--concurrency"  # beat has none
README = (CHECKOUT / "README.md").read_text()

SIZES = {
    "hero": (1600, 800),
    "large": (1000, 500),
    "medium": (1000, 500),
    "card": (600, 400),
    "square": (400, 400),
    "tall": (400, 600),
    "negative": (400, 400),
    "small": (200, 100),
}


def warm_state(demo: Service, photo: dict[str, Any]) -> str:
    return str(demo.get(f"api/photos/{photo['id']}/").json()["warm"]["state"])


def wait_until_done(demo: Service, photo: dict[str, Any], patience_s: float = 60) -> None:
    eventually(lambda: warm_state(demo, photo) == "done", patience_s, f"done: {photo['title']}")


def all_named(demo: Service, name: str) -> list[psutil.Process]:
    """Return the processes of the demo whose command holds `name`."""
    found = []
    for process in demo.tree()[1:]:
        # It may end between two looks.
        with suppress(psutil.Error):
            if name in " ".join(process.cmdline()):
                found.append(process)
    return found


def named(demo: Service, name: str) -> psutil.Process:
    """Return the first of them, waiting for one that is just being started again."""
    return eventually(lambda: all_named(demo, name), 60, name)[0]


def test_every_rendition_of_an_upload_is_served(demo: Service):
    """Seconds after an upload every address serves a picture of the right size and side up."""
    photo = demo.upload(picture((1000, 500))).json()

    wait_until_done(demo, photo)

    for name, size in SIZES.items():
        served = demo.get(photo["image"][name])
        with Image.open(io.BytesIO(served.content)) as image:
            assert image.size == size, name
            corner = image.convert("RGB").getpixel((2, 2))
        assert served.headers["Content-Type"] == "image/jpeg"
        # Red lies top left in the original.
        bright, dark = (corner[0], corner[1]) if name != "negative" else (corner[1], corner[0])
        assert bright > 200, name
        assert dark < 60, name


def test_broken_picture_says_why(demo: Service):
    """A picture that breaks off is taken, and ends as failed with the reason of each path."""
    whole = io.BytesIO()
    Image.effect_noise((600, 400), 60).save(whole, "JPEG")
    photo = demo.upload(whole.getvalue()[: len(whole.getvalue()) // 3]).json()

    eventually(lambda: warm_state(demo, photo) == "failed", 60, "failed")

    warm = demo.get(f"api/photos/{photo['id']}/").json()["warm"]
    page = demo.get(f"photos/{photo['id']}/").text
    assert warm["created"] == []
    assert len(warm["failed"]) == len(SIZES)
    assert all(len(failure["reason"]) > 20 for failure in warm["failed"])
    assert "could not be made" in page
    assert 'class="state failed"' in page


def test_focal_point_is_moved_in_the_admin(demo: Service):
    """With the printed login an editor moves a focal point, and every crop is made again."""
    photo = demo.upload(picture((1000, 500)), title="To be moved").json()
    wait_until_done(demo, photo)
    password = re.search(r"name: (\w+) +password: (\S+)", demo.said)
    assert password
    change = f"admin/gallery/photo/{photo['id']}/change/"

    demo.submit("admin/login/", username=password[1], password=password[2])
    wrong = demo.submit(change, title="To be moved", image_1="left")
    demo.submit(change, title="Moved", image_1="0.1x0.9")
    listed = demo.get("admin/gallery/photo/").text

    moved = demo.get(f"api/photos/{photo['id']}/").json()
    wait_until_done(demo, moved)
    demo.session.cookies.clear()
    assert "errorlist" in wrong.text
    assert "Moved" in listed
    assert "crop-c0-1__0-9-400x400" in moved["image"]["square"]
    assert all(demo.get(address).status_code == 200 for address in moved["image"].values())


@pytest.mark.parametrize("name", ["valkey-server", WORKER, "beat-schedule", "gunicorn"])
def test_what_dies_is_started_again(demo: Service, name: str):
    """A process that is killed with -9 is replaced, and uploads go on."""
    victim = named(demo, name)
    victim.kill()
    psutil.wait_procs([victim], timeout=10)

    eventually(lambda: all_named(demo, name), 60, f"another {name}")
    eventually(demo.answers, 60, "the web server answers")
    assert demo.upload(picture()).status_code == 201


def test_uploads_after_the_kills_are_made(demo: Service):
    """Whoever was killed, what is uploaded afterwards is made."""
    wait_until_done(demo, demo.upload(picture()).json(), patience_s=90)


def test_second_demo_is_told_about_the_first(demo: Service):
    """A second start in the same folder names the process that runs there."""
    folder = Path(named(demo, "gunicorn").environ()["DEMO_DIR"])
    second = start_demo(folder, free_port())

    output, _ = second.process.communicate(timeout=60)

    assert second.process.returncode == 1
    assert f"(process {demo.process.pid})" in output
    assert "DEMO_DIR=" in output


def test_taken_port_is_named(tmp_path: Path):
    """A port that somebody else has ends the start with a way out, before anything runs."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        demo = start_demo(tmp_path, port)
        output, _ = demo.process.communicate(timeout=60)

    assert demo.process.returncode == 1
    assert f"port {port} is taken" in output
    assert f"make demo PORT={port + 1}" in output


@pytest.mark.parametrize("address", ["redis://:secret@127.0.0.1:{}/0", "127.0.0.1:{}"])
def test_broker_that_is_away_is_named(tmp_path: Path, address: str):
    """Where nothing answers at REDIS_URL, the start ends at once and says so, without a secret."""
    nobody = free_port()
    demo = start_demo(tmp_path, free_port(), REDIS_URL=address.format(nobody))
    output, _ = demo.process.communicate(timeout=20)

    assert demo.process.returncode == 1
    assert f"127.0.0.1:{nobody}" in output
    assert "REDIS_URL" in output
    assert "secret" not in output
    assert "Traceback" not in output
    assert not (tmp_path / "supervisord.conf").exists()


def test_who_does_not_answer_has_a_log(tmp_path: Path):
    """A part that never comes up ends the waiting with the log that says why."""
    # In a process of its own: whoever imports `config` has its Celery app.
    code = """
import os, subprocess, sys
from config.demo import places, welcome
os.environ.update(places.Demo.from_environment().environment())
subprocess.run([sys.executable, "-m", "django", "migrate", "-v0"], check=True)
welcome.PATIENCE_S = 0
welcome.main()
"""
    env = environment(
        PORT=str(free_port()),
        DEMO_DIR=str(tmp_path),
        REDIS_URL=f"redis://127.0.0.1:{free_port()}",
    )
    told = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    ).stderr

    assert "the broker does not answer" in told
    assert str(tmp_path / "log") in told


def test_demo_leaves_nothing_and_keeps_everything(tmp_path: Path):
    """Ctrl-C ends all; a second start has the photos; even kill -9 leaves no process behind."""
    # So deep that no socket fits in, and with a blank.
    folder = tmp_path / "deep down" / ("x" * 60) / ("y" * 60)
    demo = start_demo(folder, free_port())
    said = wait_until_ready(demo)
    photo = demo.upload(picture()).json()
    wait_until_done(demo, photo)
    first_run = demo.tree()
    demo.process.send_signal(signal.SIGINT)
    output, _ = demo.process.communicate(timeout=60)
    stopped = [line.split()[4] for line in output.splitlines() if " stopped: " in line]

    assert said.count("password: ") == 1
    assert stopped == ["web", "beat", "worker", "valkey"]
    assert [process for process in first_run if process.is_running()] == []

    demo = start_demo(folder, demo.port)
    wait_until_ready(demo)
    again = demo.tree()
    kept = demo.get(f"api/photos/{photo['id']}/").json()
    demo.session.close()
    os.kill(demo.process.pid, signal.SIGKILL)
    demo.process.communicate(timeout=10)

    assert kept["title"] == photo["title"]
    assert kept["warm"]["state"] == "done"
    assert len(again) >= len(first_run) - 1
    psutil.wait_procs(again, timeout=5)
    assert [process for process in again if process.is_running()] == []


@pytest.mark.browser
def test_page_shows_renditions_as_they_come(demo: Service, tmp_path: Path):
    """In a browser the page of a new photo goes from owed to done by itself."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = next(filter(os.path.exists, ("/usr/bin/chromium", "/usr/bin/google-chrome")), None)
    if chromium is None:
        pytest.skip("There is no Chromium here.")
    sent = tmp_path / "pier-at-noon.jpg"
    sent.write_bytes(picture((3000, 2000)))
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        # Nothing is made until the page has been looked at.
        worker = named(demo, WORKER)
        members = [worker, *worker.children(recursive=True)]
        for process in members:
            process.suspend()
        try:
            page.goto(demo.address)
            page.set_input_files("#id_image", str(sent))
            title = page.input_value("#id_title")
            page.click("button")
            page.wait_for_selector(".state.queued")
            waiting = page.locator(".empty").count()
        finally:
            for process in members:
                process.resume()
        page.wait_for_selector(".state.done", timeout=60_000)
        page.wait_for_load_state("networkidle")
        widths = page.eval_on_selector_all(
            ".renditions img", "all => all.map(each => { each.loading = 'eager'; return each.src })"
        )
        loaded = [demo.get(address).status_code for address in widths]
        browser.close()

    assert title == "pier at noon"
    assert waiting == len(SIZES)
    assert loaded == [200] * len(SIZES)
    assert complaints == []


def test_nothing_else_reaches_valkey(demo: Service):
    """The demo's Valkey listens on no port, and its socket is ours alone."""
    valkey = named(demo, "valkey-server")

    assert valkey.net_connections("inet") == []
    socket_path = next(each.laddr for each in valkey.net_connections("unix") if each.laddr)
    assert Path(socket_path).parent.stat().st_mode & 0o077 == 0


def test_supervisor_can_be_asked(demo: Service):
    """The command that the demo prints lists what runs, with process ids."""
    listed = supervisorctl(demo, "status")

    running = [line.split()[0] for line in listed.splitlines() if "RUNNING" in line]
    assert sorted(running) == ["beat", "valkey", "web", "worker"]


@pytest.mark.parametrize(("name", "process"), [("worker", WORKER), ("valkey", "valkey-server")])
def test_readme_kills_only_what_is_ours(demo: Service, name: str, process: str):
    """What the README says to kill is the demo's own, children included, and is started again."""
    (order,) = re.findall(rf"supervisord.conf (signal KILL {name}) ", README)
    victims = all_named(demo, process)

    supervisorctl(demo, *order.split())

    gone, alive = psutil.wait_procs(victims, timeout=10)
    assert gone
    assert alive == []
    eventually(lambda: all_named(demo, process), 60, f"another {name}")
    wait_until_done(demo, demo.upload(picture()).json(), patience_s=90)


def supervisorctl(demo: Service, *command: str) -> str:
    """Return what the supervisor of the demo answers."""
    config = Path(named(demo, "gunicorn").environ()["DEMO_DIR"]) / "supervisord.conf"
    return subprocess.run(
        [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(config), *command],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
