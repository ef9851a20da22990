"""Each guard and each hook names what exists, so that taking it out has an effect."""

import json
import re
import subprocess

import pytest

from tests.service.processes import CHECKOUT, PYTHON

from .guards import GUARDS
from .hooks import HOOKS

REPLACED = re.compile(r"[\w.]+")


@pytest.fixture(scope="module")
def replaced() -> dict[str, list[str]]:
    """What each patch replaces, or its error."""
    command = [PYTHON, "-m", "tests.chaos.dry_run"]
    run = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = json.loads(run.stdout)
    return found


@pytest.mark.parametrize("guard", GUARDS)
def test_guard_can_be_taken_out(guard: str, replaced: dict[str, list[str]]):
    """Each name that a guard replaces exists in the product and is used through its module."""
    assert replaced[guard]
    assert all(map(REPLACED.fullmatch, replaced[guard])), replaced[guard]


@pytest.mark.parametrize("patch", [*HOOKS, "witness"])
def test_hook_can_be_applied(patch: str, replaced: dict[str, list[str]]):
    """Each name that a hook or the witness replaces exists in the product."""
    assert all(map(REPLACED.fullmatch, replaced[patch])), replaced[patch]
