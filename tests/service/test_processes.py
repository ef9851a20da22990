"""The harness itself: no process stays behind, and a failure shows what was logged."""

import os
import re
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from .processes import CHECKOUT, PYTHON, Process, inherited, logged, logs
from .waiting import NotInTime, wait_for

SLEEP = [PYTHON, "-c", "import time; print('asleep', flush=True); time.sleep(60)"]


@pytest.fixture
def process(tmp_path: Path):
    with Process(SLEEP, tmp_path / "sleep.log", is_ready=logged("asleep")) as process:
        yield process.wait_until_ready()


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="only the kernel of Linux does this")
def test_process_dies_with_the_tests(tmp_path: Path):
    """A process is killed even when the tests are killed with SIGKILL."""
    tests = (
        "from pathlib import Path\n"
        "from tests.service.test_processes import SLEEP\n"
        "from tests.service.processes import Process\n"
        "import os, signal\n"
        f"print(Process(SLEEP, Path({str(tmp_path / 'log')!r})).pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [PYTHON, "-c", tests], cwd=CHECKOUT, env=inherited(), capture_output=True, check=False
    )

    assert killed.returncode == -signal.SIGKILL
    pid = int(killed.stdout)
    wait_for(lambda: _has_ended(pid), 10, "the process has ended")


def _has_ended(pid: int) -> bool:
    try:
        # In a container without an init process, it stays a zombie.
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_process_can_be_started_again(process: Process):
    """After a kill it starts with a new process id, and is ready when its new log says so."""
    first = process.pid
    process.end(signal.SIGKILL)
    assert not process.is_ready()

    process.start()

    assert process.wait_until_ready().pid != first


def test_process_that_ends_early_shows_its_log(tmp_path: Path):
    """Waiting for a process that has ended fails at once, with its log."""
    command = [PYTHON, "-c", "print('no such table')"]
    with (
        Process(command, tmp_path / "a.log", is_ready=lambda _: False) as process,
        pytest.raises(AssertionError, match="a ended:\nno such table"),
    ):
        process.wait_until_ready()


def test_failed_test_shows_the_logs_of_running_processes(process: Process):
    """The logs of processes that were not ended are there for the report."""
    assert logs()["sleep"] == "asleep"
    process.end()
    assert "sleep" not in logs()


def test_waiting_says_what_did_not_happen():
    """A condition that stays false fails with its description."""
    message = re.escape("Not within 0.01 s: the sky falls.")
    with pytest.raises(NotInTime, match=message):
        wait_for(lambda: False, 0.01, "the sky falls")
