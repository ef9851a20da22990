"""The systemd units of the docs are valid, and start what exists."""

import re
import shlex
import shutil
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import four_corners
from tests.service.installation import web_server
from tests.service.processes import CHECKOUT, PYTHON, Process, logged
from tests.service.servers import Valkey
from tests.service.waiting import wait_for
from workers.conf import BULK_QUEUE, QUEUE, WORKER_SETTINGS

UNITS = CHECKOUT / "docs/systemd"
NAMES = sorted(path.name for path in UNITS.iterdir())
WORKERS = ("renditions-worker@.service", "renditions-bulk@.service")
SERVICES = (*WORKERS, "renditions-beat.service", "renditions-web.service")
VERIFY = shutil.which("systemd-analyze")

# The names of the example, and what stands for them here.
PROGRAMS = {
    "/srv/myproject/.venv/bin/celery": [PYTHON, "-m", "celery"],
    "/srv/myproject/.venv/bin/gunicorn": [PYTHON, "-m", "gunicorn"],
    "/srv/myproject/.venv/bin/python": [PYTHON],
}
HOST = "here"


def options(unit: str) -> dict[str, list[str]]:
    """Return the values of each option of a unit: an option may have several."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", (UNITS / unit).read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def seconds(unit: str, option: str) -> int:
    """Return the number of seconds that an option of a unit is."""
    (value,) = options(unit)[option]
    return int(value)


def command(unit: str, state: str = "/var/lib/renditions-beat") -> list[str]:
    """Return what the unit starts, with the service of `config/` as the project.

    Args:
        state: The folder that stands for the one of beat.
    """
    (line,) = options(unit)["ExecStart"]
    for text, here in {"%i": "1", "%H": HOST, "/var/lib/renditions-beat": state}.items():
        line = line.replace(text, here)
    program, *arguments = shlex.split(line)
    return [*PROGRAMS[program], *(each.replace("myproject", "config") for each in arguments)]


def option_of(unit: str, name: str) -> str:
    """Return the value of an option of the command that a unit starts."""
    arguments = command(unit)
    return arguments[arguments.index(name) + 1]


@pytest.mark.skipif(not VERIFY, reason="systemd-analyze is not installed.")
@pytest.mark.parametrize("unit", NAMES)
def test_systemd_finds_no_fault(unit: str, tmp_path: Path):
    """The programs and the user of the example do not exist here, so others stand for them."""
    for path in UNITS.iterdir():
        text = re.sub(r"^(ExecStart=)\S+", r"\1/bin/true", path.read_text(), flags=re.MULTILINE)
        text = re.sub(r"^(User|Group)=.*", r"\1=root", text, flags=re.MULTILINE)
        (tmp_path / path.name.replace("@.", "@1.")).write_text(text)

    checked = subprocess.run(
        [str(VERIFY), "verify", "--man=no", str(tmp_path / unit.replace("@.", "@1."))],
        capture_output=True,
        text=True,
        check=False,
    )

    ours = [line for line in checked.stderr.splitlines() if "renditions-" in line]
    assert (checked.returncode, ours) == (0, []), checked.stderr


@pytest.mark.skipif(not VERIFY, reason="systemd-analyze is not installed.")
def test_systemd_would_find_a_fault(tmp_path: Path):
    """The test above is not green because systemd says nothing."""
    unit = tmp_path / "renditions-beat.service"
    text = (UNITS / unit.name).read_text()
    unit.write_text(text.replace("Restart=always", "Restart=allways"))

    checked = subprocess.run(
        [str(VERIFY), "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )

    assert "allways" in checked.stderr


def test_the_workers_consume_both_queues():
    """Each queue has a worker, and no worker consumes a queue that is not ours."""
    assert [option_of(unit, "-Q") for unit in WORKERS] == [QUEUE, BULK_QUEUE]


def test_workers_have_node_names_of_their_own():
    """A worker that starts releases the jobs of its node name, so two must not share one."""
    assert len({option_of(unit, "-n") for unit in WORKERS}) == len(WORKERS)


@pytest.mark.parametrize("unit", WORKERS)
def test_a_job_may_end_before_its_worker_is_killed(unit: str):
    """A worker gets longer than the hard time limit, and its processes no signal meanwhile."""
    assert seconds(unit, "TimeoutStopSec") > WORKER_SETTINGS["HARD_TIME_LIMIT_S"].default
    assert options(unit)["KillMode"] == ["mixed"]


@pytest.mark.parametrize("unit", WORKERS)
def test_the_memory_of_a_worker_holds_all_its_jobs(unit: str):
    """Each process may need JOB_MEMORY_MB, so the limit of the unit does not end good jobs."""
    processes = int(option_of(unit, "--concurrency"))
    (limit,) = options(unit)["MemoryMax"]

    # In MiB, and something is left for the main process.
    assert int(limit.removesuffix("G")) * 1024 > processes * (
        WORKER_SETTINGS["JOB_MEMORY_MB"].default + 128
    )


@pytest.mark.parametrize("unit", SERVICES)
def test_units_start_again_without_end(unit: str):
    """A database that was away for an hour does not leave a process stopped."""
    assert options(unit)["Restart"] == ["always"]
    assert options(unit)["StartLimitIntervalSec"] == ["0"]


@pytest.mark.parametrize("unit", [name for name in NAMES if name.endswith(".service")])
def test_units_may_write_only_where_they_must(unit: str):
    """Whoever makes pictures may write to their folder; the rest of the system is read-only."""
    makes_pictures = unit not in ("renditions-beat.service", "renditions-probe.service")

    assert options(unit)["ProtectSystem"] == ["strict"]
    assert options(unit)["NoNewPrivileges"] == ["yes"]
    assert options(unit)["PrivateTmp"] == ["yes"]
    assert options(unit).get("ReadWritePaths", []) == (
        ["/srv/myproject/media"] if makes_pictures else []
    )


@pytest.mark.smoke
def test_the_units_run_a_service(tmp_path: Path, valkey: Valkey):
    """Workers and beat of the units make a picture, the probe is content, and SIGTERM ends them."""
    addresses = valkey.broker_url(12), valkey.cache_url(13)
    with web_server(tmp_path, *addresses, ANONYMOUS_UPLOADS="1") as web, ExitStack() as stack:

        def start(unit: str, ready: str) -> Process:
            log = tmp_path / f"{unit}.log"
            arguments = command(unit, str(tmp_path))
            process = Process(arguments, log, environment=web.environment, is_ready=logged(ready))
            return stack.enter_context(process)

        processes = [start(unit, " ready.") for unit in WORKERS]
        processes.append(start("renditions-beat.service", "beat: Starting"))
        for process in processes:
            process.wait_until_ready()

        photo = web.upload(four_corners(640, 480)).json()
        wait_for(lambda: web.get(photo["image"]["small"]).ok, 60, "the picture is made")
        probe = command("renditions-probe.service")
        told = subprocess.run(
            probe, cwd=CHECKOUT, env=web.environment, capture_output=True, text=True, check=False
        )
        assert told.returncode == 0, told.stdout + told.stderr
        assert f"renditions-1@{HOST} runs: {QUEUE}, " in told.stdout
        assert f"renditions-bulk-1@{HOST} runs: {BULK_QUEUE}, " in told.stdout

        for process in processes:
            process.send(signal.SIGTERM)
        assert [process.wait(60) for process in processes] == [0, 0, 0]
        stopped = subprocess.run(
            probe, cwd=CHECKOUT, env=web.environment, capture_output=True, text=True, check=False
        )
        assert stopped.returncode == 1
        assert "No worker runs." in stopped.stderr


def test_gunicorn_accepts_the_command_of_the_web_server(tmp_path: Path):
    """Its options exist, and the module that it names can be imported."""
    program = command("renditions-web.service")
    variables = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "tests",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(CHECKOUT),
    }

    checked = subprocess.run(
        [*program, "--check-config"],
        cwd=CHECKOUT, env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert checked.returncode == 0, checked.stderr
