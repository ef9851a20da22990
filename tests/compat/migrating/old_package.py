"""The real django-versatileimagefield, installed in a folder that only old projects import."""

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
    """Return the folder of the package. The first call installs it from PyPI."""
    if FOLDER.exists():
        return FOLDER
    FOLDER.parent.mkdir(exist_ok=True)
    # Two processes may install at once. Each uses its own folder, and the first one renames it.
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
