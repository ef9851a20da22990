"""The test pictures of Pillow, from its source distribution on PyPI."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import PIL


def pillow_pictures(cache: Path) -> Path:
    """Return the folder with the pictures, which are fetched once."""
    folder = cache / f"pillow-{PIL.__version__}"
    if not folder.exists():
        unpacked = cache / "unpacked"
        with tarfile.open(_download(cache)) as archive:
            archive.extractall(unpacked, filter="data")
        shutil.move(unpacked / f"pillow-{PIL.__version__}" / "Tests", folder)
        shutil.rmtree(unpacked)
    return folder


def _download(cache: Path) -> Path:
    cache.mkdir(parents=True, exist_ok=True)
    command = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(cache)]
    # A virtual environment made by uv has no pip.
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
        pip = [shutil.which("pip3") or shutil.which("pip") or "pip"]
    subprocess.run([*pip, *command, f"pillow=={PIL.__version__}"], check=True)
    return next(cache.glob("[Pp]illow-*.tar.gz"))
