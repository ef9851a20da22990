"""The short version of `make corpus`."""

import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and rlimits")
def test_every_bomb_is_refused_at_once():
    """Each bomb in less than a second and 150 MB, with its own error."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.corpus", "--bombs"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert run.stdout.endswith("0 faults\n"), run.stdout + run.stderr
