"""The frames of a moving picture, with what it takes to show them in the same rhythm again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image

from .formats import Format, format_named
from .sources import Limits, Source, check_frames, reading_pixels


@dataclass(frozen=True, slots=True)
class Animation:
    """Frames as they are seen: what a format keeps as differences is composed already."""

    frames: tuple[Image.Image, ...]
    durations_ms: tuple[int, ...]
    plays: int  # 0: for ever

    def timing_for(self, row: Format) -> dict[str, Any]:
        """Return Pillow's options that make `row` play like this."""
        timing: dict[str, Any] = {"duration": list(self.durations_ms)}
        if row.name == "GIF":
            # Frames that one can see through must not be laid over each other.
            timing["disposal"] = 2 if any(frame.mode == "RGBA" for frame in self.frames) else 1
            # A GIF counts repetitions, and one showing is no loop.
            if self.plays != 1:
                timing["loop"] = max(self.plays - 1, 0)
        elif row.name == "WEBP":
            timing["loop"] = self.plays
        return timing


def read_animation(source: Source, limits: Limits) -> Animation | None:
    """Return all frames of `source`, or None if it stands still.

    Raises:
        TooManyFramePixels: before a frame is decoded.
    """
    if not format_named(source.info.format).animated:
        return None
    check_frames(source, limits)
    image = source.image
    frames, durations = [], []
    with reading_pixels():
        for frame in _frames(image):
            frames.append(frame.convert("RGBA" if frame.has_transparency_data else "RGB"))
            durations.append(int(frame.info.get("duration") or 0))
    return Animation(tuple(frames), tuple(durations), _plays(image)) if len(frames) > 1 else None


def _frames(image: Image.Image) -> Iterator[Image.Image]:
    number = 0
    while True:
        try:
            image.seek(number)
        except EOFError:
            return
        image.load()
        yield image
        number += 1


def _plays(image: Image.Image) -> int:
    loop = image.info.get("loop")
    if image.format == "GIF":
        return 1 if loop is None else (int(loop) + 1 if loop else 0)
    return int(loop or 0)
