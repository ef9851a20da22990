"""A filter that notes each call, and that waits or fails as the shape of the picture says."""

import os
import resource
import signal
import time
from contextlib import suppress
from pathlib import Path

from PIL import Image

from renditions.imaging.filters import Filter
from renditions.registry import versatileimagefield_registry as registry
from tests.service.waiting import NotInTime, wait_for

from .environment import Environment

NAME = "watched"

# Sizes of originals. The filter sees a thumbnail of them, which keeps the ratio of the sides.
ORDINARY = (320, 200)
SLOW = (640, 480)
DEADLY = (640, 320)
STUBBORN = (640, 160)
TORN = (640, 600)

TORN_AFTER_BYTES = 100

HOLD = "hold"  # file: SLOW pictures wait while it exists
NOTES = "notes"  # file: a line for each call, with the process id
TORN_ONCE = "torn"  # file: exists after a process was told to die while writing

MAX_WAIT_S = 30


def note(folder: Path) -> None:
    """Append one line; a write this short is never mixed with that of another process."""
    with (folder / NOTES).open("a") as file:
        file.write(f"{os.getpid()}\n")


class Watched(Filter):
    """Returns the picture unchanged, or does not return."""

    def apply(self, image: Image.Image) -> Image.Image:
        folder = Path(Environment.of_this_process().folder)
        note(folder)
        if _is_like(image, DEADLY):
            os.kill(os.getpid(), signal.SIGKILL)
        if _is_like(image, STUBBORN):
            # Like a long call into C: the signal of the soft time limit has no effect.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
            time.sleep(MAX_WAIT_S)
        if _is_like(image, TORN) and not (folder / TORN_ONCE).exists():
            (folder / TORN_ONCE).touch()
            _die_while_writing()
        if _is_like(image, SLOW):
            _wait_while_there(folder / HOLD)
        return image


def register() -> None:
    """Register the filter in this process, so that rendition keys may name it."""
    if not registry.has_filter(NAME):
        registry.register_filter(NAME, Watched)


def _is_like(image: Image.Image, original: tuple[int, int]) -> bool:
    return image.width * original[1] == image.height * original[0]


def _die_while_writing() -> None:
    """Let the kernel kill this process in the middle of the next file that it writes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (TORN_AFTER_BYTES, TORN_AFTER_BYTES))


def _wait_while_there(path: Path) -> None:
    with suppress(NotInTime):
        wait_for(lambda: not path.exists(), MAX_WAIT_S, "the test lets go")
