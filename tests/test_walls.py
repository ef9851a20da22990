"""Walls between the rooms that import-linter cannot hold."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import workers

PURE = ["errors", "imaging.rendering", "planning.plans", "planning.paths", "planning.registry"]


@pytest.mark.parametrize("module", PURE)
def test_the_pure_modules_need_no_django(module):
    """Imaging and the values can be imported where Django cannot."""
    code = f"import sys; sys.modules['django'] = None; import renditions.{module}"

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_workers_touch_no_files():
    """Which file holds a rendition is not the workers' business."""
    imports = re.compile(r"^\s*(from|import) (django\.core\.files|PIL)\b", re.MULTILINE)
    offenders = [
        path.name
        for path in Path(str(workers.__file__)).parent.rglob("*.py")
        if imports.search(path.read_text())
    ]

    assert offenders == []
