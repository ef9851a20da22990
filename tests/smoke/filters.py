"""A filter that notes each call, and that waits at pictures of one shape."""

import os
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

HOLD = "hold"  # file: SLOW pictures wait while it exists
NOTES = "notes"  # file: a line for each call, with the process id

MAX_WAIT_S = 30


class Watched(Filter):
    """Returns the picture unchanged."""

    def apply(self, image: Image.Image) -> Image.Image:
        folder = Path(Environment.of_this_process().folder)
        with (folder / NOTES).open("a") as file:
            # A write this short is never mixed with that of another process.
            file.write(f"{os.getpid()}\n")
        if image.width * SLOW[1] == image.height * SLOW[0]:
            with suppress(NotInTime):
                wait_for(lambda: not (folder / HOLD).exists(), MAX_WAIT_S, "the test lets go")
        return image


def register() -> None:
    """Register the filter in this process, so that rendition keys may name it."""
    if not registry.has_filter(NAME):
        registry.register_filter(NAME, Watched)
