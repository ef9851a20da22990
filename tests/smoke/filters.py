"""A filter that the tests watch: it notes its work, and fails as the picture's shape says."""

import os
import resource
import signal
import time
from pathlib import Path

from PIL import Image

from renditions.imaging.filters import Filter
from renditions.registry import versatileimagefield_registry as registry

from .place import Place

NAME = "watched"

# Widths and heights of originals. `thumbnail__64x64` keeps the shape, so the filter knows them.
ORDINARY = (320, 200)
SLOW = (640, 480)
DEADLY = (640, 320)
STUBBORN = (640, 160)
TORN = (640, 600)

TORN_AFTER_BYTES = 100

HOLD = "hold"  # file: slow pictures wait while it is there
NOTES = "notes"  # file: a line for each time the filter was begun
TORN_ONCE = "torn"  # file: there once a process was killed as it wrote

PATIENCE_S = 30


def note(folder: Path) -> None:
    """Write one line whole, whoever else writes."""
    with (folder / NOTES).open("a") as file:
        file.write(f"{os.getpid()}\n")


class Watched(Filter):
    """Leaves the pixels as they are."""

    def apply(self, image: Image.Image) -> Image.Image:
        """Return `image`, or do not."""
        folder = Path(Place.of_this_process().folder)
        note(folder)
        if _is_like(image, DEADLY):
            os.kill(os.getpid(), signal.SIGKILL)
        if _is_like(image, STUBBORN):
            # As a call into C that takes long: the soft limit's signal comes after it.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
            time.sleep(PATIENCE_S)
        if _is_like(image, TORN) and not (folder / TORN_ONCE).exists():
            (folder / TORN_ONCE).touch()
            _die_while_writing()
        if _is_like(image, SLOW):
            _wait_while_there(folder / HOLD)
        return image


def register() -> None:
    """Let rendition keys name it, in this process."""
    if not registry.has_filter(NAME):
        registry.register_filter(NAME, Watched)


def _is_like(image: Image.Image, original: tuple[int, int]) -> bool:
    return image.width * original[1] == image.height * original[0]


def _die_while_writing() -> None:
    """Have the kernel kill this process in the middle of the next file that it writes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (TORN_AFTER_BYTES, TORN_AFTER_BYTES))


def _wait_while_there(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
