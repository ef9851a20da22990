"""`make demo`: the supervisor with a real Valkey, worker, beat and web server."""

import io
import json
import re
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from tests.conftest import four_corners
from tests.service.installation import Installation, start_demo
from tests.service.processes import CHECKOUT, PYTHON, clean
from tests.service.servers import unused_port
from tests.service.waiting import wait_for

pytestmark = pytest.mark.smoke

# Words that only the command of this process has.
WORKER = "--concurrency"
PICTURE = four_corners(64, 48)
README = (CHECKOUT / "README.md").read_text()

SIZES = {
    "hero": (1600, 800),
    "card": (600, 400),
    "square": (400, 400),
    "tall": (400, 600),
    "negative": (400, 400),
    "small": (200, 100),
}


def warm_state(demo: Installation, photo: dict[str, Any]) -> str:
    return str(demo.get(f"api/photos/{photo['id']}/").json()["warm"]["state"])


def wait_until_done(demo: Installation, photo: dict[str, Any], within_s: float = 60) -> None:
    wait_for(lambda: warm_state(demo, photo) == "done", within_s, f"{photo['title']} is done")


def all_named(demo: Installation, name: str) -> list[psutil.Process]:
    """Return the processes of the demo that have `name` in their command."""
    found = []
    for process in demo.process.tree()[1:]:
        # It may have ended meanwhile.
        with suppress(psutil.Error):
            if name in " ".join(process.cmdline()):
                found.append(process)
    return found


def named(demo: Installation, name: str) -> psutil.Process:
    """Return the first of them; wait if it is being restarted."""
    return wait_for(lambda: all_named(demo, name), 60, f"{name} runs")[0]


def refusal(demo: Installation) -> str:
    """Return the message of a demo that cannot start."""
    with demo:
        assert demo.process.wait(60) == 1
    return demo.process.output()


def test_every_rendition_of_an_upload_is_served(demo: Installation):
    """After an upload, each address serves a picture of the right size, the right side up."""
    photo = demo.upload(four_corners(1000, 500)).json()

    wait_until_done(demo, photo)

    for name, size in SIZES.items():
        served = demo.get(photo["image"][name])
        with Image.open(io.BytesIO(served.content)) as image:
            assert image.size == size, name
            corner = image.convert("RGB").getpixel((2, 2))
        assert served.headers["Content-Type"] == "image/jpeg"
        # The top left corner of the original is red.
        bright, dark = (corner[0], corner[1]) if name != "negative" else (corner[1], corner[0])
        assert bright > 200, name
        assert dark < 60, name


def test_broken_picture_says_why(demo: Installation):
    """An incomplete picture fails, with a reason for each rendition, in the API and on its page."""
    whole = io.BytesIO()
    Image.effect_noise((600, 400), 60).save(whole, "JPEG")
    photo = demo.upload(whole.getvalue()[: len(whole.getvalue()) // 3]).json()

    wait_for(lambda: warm_state(demo, photo) == "failed", 60, "the photo has failed")

    warm = demo.get(f"api/photos/{photo['id']}/").json()["warm"]
    page = demo.get(f"photos/{photo['id']}/").text
    assert warm["created"] == []
    assert len(warm["failed"]) == len(SIZES)
    reason = "The upload is incomplete. Upload the file again."
    assert all(failure["reason"] == reason for failure in warm["failed"])
    assert all(failure["detail"] for failure in warm["failed"])
    assert "could not be made" in page
    assert 'class="state failed"' in page


def test_focal_point_is_moved_in_the_admin(demo: Installation):
    """An editor logs in with the printed password, moves a focal point, and new crops are made."""
    photo = demo.upload(four_corners(1000, 500), title="To be moved").json()
    wait_until_done(demo, photo)
    password = re.search(r"user: (\w+) +password: (\S+)", demo.process.output())
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


@pytest.mark.parametrize("name", ["beat-schedule", "gunicorn"])
def test_killed_process_is_started_again(demo: Installation, name: str):
    """A process that is killed with SIGKILL is started again, and uploads work."""
    victim = named(demo, name)
    victim.kill()
    psutil.wait_procs([victim], timeout=10)

    wait_for(lambda: all_named(demo, name), 60, f"another {name} runs")
    wait_for(demo.answers, 60, "the web server answers")
    assert demo.upload(PICTURE).status_code == 201


def test_second_demo_in_the_same_folder_is_refused(demo: Installation):
    """A second start in the same folder fails and names the process that runs there."""
    output = refusal(start_demo(Path(demo.environment["DEMO_DIR"])))

    assert f"(process {demo.process.pid})" in output
    assert "DEMO_DIR=" in output


def test_taken_port_is_refused(tmp_path: Path):
    """A port that is in use ends the start, and the message names another one."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        output = refusal(start_demo(tmp_path, port))

    assert f"port {port} is taken" in output
    assert f"make demo PORT={port + 1}" in output


@pytest.mark.parametrize("address", ["redis://:secret@127.0.0.1:{}/0", "127.0.0.1:{}"])
def test_missing_broker_is_refused(tmp_path: Path, address: str):
    """If no server answers at REDIS_URL, the start ends and names it, without the password."""
    port = unused_port()
    output = refusal(start_demo(tmp_path, REDIS_URL=address.format(port)))

    assert f"127.0.0.1:{port}" in output
    assert "REDIS_URL" in output
    assert "secret" not in output
    assert "Traceback" not in output
    assert not (tmp_path / "supervisord.conf").exists()


def test_start_without_broker_names_the_logs(tmp_path: Path):
    """If the broker never answers, the banner says so and names the folder of the logs."""
    # In a process of its own, because importing `config` sets the Celery application.
    code = """
import os, subprocess, sys
from config.demo import banner, environment
os.environ.update(environment.Demo.from_environment().variables())
subprocess.run([sys.executable, "-m", "django", "migrate", "-v0"], check=True)
banner.START_S = 0
banner.main()
"""
    variables = clean(
        PORT=str(unused_port()),
        DEMO_DIR=str(tmp_path),
        REDIS_URL=f"redis://127.0.0.1:{unused_port()}",
    )
    told = subprocess.run(
        [PYTHON, "-c", code],
        env=variables,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    ).stderr

    assert "The broker does not answer" in told
    assert str(tmp_path / "log") in told


def test_demo_leaves_no_process_and_keeps_the_photos(tmp_path: Path):
    """Ctrl-C and even kill -9 end all processes; the next start has the photos."""
    # Too deep for a unix socket, and with a space.
    folder = tmp_path / "deep down" / ("x" * 60) / ("y" * 60)
    demo = start_demo(folder)
    demo.process.wait_until_ready()
    photo = demo.upload(PICTURE).json()
    wait_until_done(demo, photo)
    first_run = demo.process.tree()
    demo.process.send(signal.SIGINT)
    demo.process.wait(60)
    output = demo.process.output()
    stopped = [line.split()[4] for line in output.splitlines() if " stopped: " in line]

    assert output.count("password: ") == 1
    assert stopped == ["web", "beat", "worker", "valkey"]
    assert [process for process in first_run if process.is_running()] == []

    demo.process.start()
    demo.process.wait_until_ready()
    second_run = demo.process.tree()
    kept = demo.get(f"api/photos/{photo['id']}/").json()
    demo.session.close()
    demo.process.end(signal.SIGKILL)

    assert kept["title"] == photo["title"]
    assert kept["warm"]["state"] == "done"
    assert len(second_run) >= len(first_run) - 1
    psutil.wait_procs(second_run, timeout=5)
    assert [process for process in second_run if process.is_running()] == []


def test_other_users_cannot_reach_valkey(demo: Installation):
    """The Valkey of the demo has no port, and only this user may open its socket."""
    valkey = named(demo, "valkey-server")

    assert valkey.net_connections("inet") == []
    socket_path = next(each.laddr for each in valkey.net_connections("unix") if each.laddr)
    assert Path(socket_path).parent.stat().st_mode & 0o077 == 0


def test_printed_command_lists_the_processes(demo: Installation):
    """The command in the banner lists the processes."""
    listed = supervisorctl(demo, "status")

    running = [line.split()[0] for line in listed.splitlines() if "RUNNING" in line]
    assert sorted(running) == ["beat", "valkey", "web", "worker"]


@pytest.mark.parametrize(("name", "process"), [("worker", WORKER), ("valkey", "valkey-server")])
def test_kill_command_of_the_readme(demo: Installation, name: str, process: str):
    """The README's command kills a process and its children, and they are started again."""
    (order,) = re.findall(rf"supervisord.conf (signal KILL {name}) ", README)
    victims = all_named(demo, process)

    supervisorctl(demo, *order.split())

    gone, alive = psutil.wait_procs(victims, timeout=10)
    assert gone
    assert alive == []
    wait_for(lambda: all_named(demo, process), 60, f"another {name} runs")
    wait_until_done(demo, demo.upload(PICTURE).json(), within_s=90)


def supervisorctl(demo: Installation, *command: str) -> str:
    """Return what the supervisor of the demo answers."""
    config = Path(demo.environment["DEMO_DIR"]) / "supervisord.conf"
    return subprocess.run(
        [PYTHON, "-m", "supervisor.supervisorctl", "-c", str(config), *command],
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def test_a_management_command_asks_the_running_demo(demo: Installation):
    """It has the database, the broker and the cache of the demo."""
    command = [PYTHON, "-m", "config.demo.manage", "renditions", "status", "--json"]

    def status() -> dict[str, Any]:
        done = subprocess.run(
            command, cwd=CHECKOUT, env=demo.environment, capture_output=True, text=True, check=False
        )
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    # Beat sends its first sweep after 30 s.
    told = wait_for(lambda: (found := status())["ok"] and found, 90, "the demo is well")
    assert [worker["queues"] for worker in told["workers"]] == [["renditions", "renditions.bulk"]]
    assert told["fields"] == ["gallery.Photo.image"]
    assert told["broker_trouble"] is None


def test_there_is_nothing_to_manage_before_the_first_demo(tmp_path: Path):
    """It says so, and makes no folder."""
    done = subprocess.run(
        [PYTHON, "-m", "config.demo.manage", "renditions", "status"],
        cwd=CHECKOUT,
        env=clean(DEMO_DIR=str(tmp_path / "none")),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "Start it first: make demo" in done.stderr
    assert not (tmp_path / "none").exists()
