"""The real django-versatileimagefield, in a folder of its own, where only old projects look."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
VERSION = "3.1"
FOLDER = ROOT / "var" / f"django-versatileimagefield-{VERSION}"


def installed() -> Path:
    """Return the folder that holds the package, installed from PyPI if need be."""
    if (FOLDER / "versatileimagefield").exists():
        return FOLDER
    subprocess.run(
        [*_installer(), "--quiet", "--no-deps", "--target", str(FOLDER),
         f"django-versatileimagefield=={VERSION}"],
        check=True,
    )  # fmt: skip
    return FOLDER


def _installer() -> list[str]:
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install"]
