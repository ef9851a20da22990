"""The systemd units of the docs are valid, and start what exists."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.service.processes import CHECKOUT
from workers.conf import BULK_QUEUE, QUEUE, WORKER_SETTINGS

UNITS = CHECKOUT / "docs/systemd"
VERIFY = shutil.which("systemd-analyze")


def text_of(unit: str) -> str:
    return (UNITS / unit).read_text()


@pytest.mark.skipif(not VERIFY, reason="systemd-analyze is not installed.")
@pytest.mark.parametrize("unit", sorted(path.name for path in UNITS.iterdir()))
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
    unit = tmp_path / "renditions-beat.service"
    unit.write_text(text_of(unit.name).replace("Restart=always", "Restart=allways"))

    checked = subprocess.run(
        [str(VERIFY), "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )

    assert "allways" in checked.stderr


def test_the_worker_consumes_both_queues_and_may_end_its_job():
    unit = text_of("renditions-worker@.service")

    assert f"-Q {QUEUE},{BULK_QUEUE} " in unit
    stop_s = int(re.search(r"TimeoutStopSec=(\d+)", unit)[1])
    assert stop_s > WORKER_SETTINGS["HARD_TIME_LIMIT_S"].default
