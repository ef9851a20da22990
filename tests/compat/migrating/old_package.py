"""The real django-versatileimagefield, in a folder of its own, where only old projects look."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[3]
VERSION = "3.1"
FOLDER = ROOT / "var" / f"django-versatileimagefield-{VERSION}"


def installed() -> Path:
    """Return the folder that holds the package, installed from PyPI if need be."""
    if FOLDER.exists():
        return FOLDER
    FOLDER.parent.mkdir(exist_ok=True)
    # Two processes may be at it: each installs for itself, and the first to end puts it there.
    with tempfile.TemporaryDirectory(dir=FOLDER.parent) as folder:
        target = Path(folder) / "package"
        package = f"django-versatileimagefield=={VERSION}"
        subprocess.run(
            [*_installer(), "--quiet", "--no-deps", "--target", str(target), package], check=True
        )
        with contextlib.suppress(OSError):
            target.rename(FOLDER)
    return FOLDER


def _installer() -> list[str]:
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install"]
