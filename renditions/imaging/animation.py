"""The frames of a moving picture, with what it takes to show them in the same rhythm again.

All frames at once would be far more than a picture may take. So they are composed once to learn
what they have in common, and again for each rendition; few and small ones are kept.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, BinaryIO

from PIL import Image

from renditions.errors import DecodeTooLarge, SourceUnreadable

from .formats import Format, format_named
from .geometry import Size
from .modes import GREYS, is_opaque
from .sources import Limits, Source, check_frames, open_source, reading_pixels

# Of a frame in its decoder and on its way. Measured with Pillow 13, where libwebp needs most.
_BYTES_PER_PIXEL = 28

_MAX_KEPT_PIXELS = 10_000_000  # of all frames, 4 bytes each
# What the formats can say. Browsers show nothing for less than 20 ms, but for 100.
_MAX_GIF_TICKS, _TICK_MS, _LEAST_TICKS = 65_535, 10, 2
_MAX_WEBP_MS, _MAX_LOOPS = 0xFFFFFF, 65_535

Frames = Iterator[Image.Image]


@dataclass(frozen=True, slots=True)
class Animation:
    """Frames as they are seen: what a format keeps as differences is composed already."""

    first: Image.Image  # a copy, which may be changed
    mode: str  # that can hold every frame: L, LA, RGB or RGBA
    durations_ms: tuple[int, ...]
    plays: int  # 0: for ever
    frames: Callable[[], Frames]  # RGB or RGBA, and may be changed

    @property
    def transparent(self) -> bool:
        """Whether something can be seen through some frame."""
        return self.mode.endswith("A")

    def timing_for(self, row: Format) -> dict[str, Any]:
        """Return Pillow's options that make `row` play like this."""
        timing: dict[str, Any] = {"duration": list(self.durations_ms)}
        if row.name == "GIF":
            timing["duration"] = _in_ticks(self.durations_ms)
            # Frames that one can see through must not be laid over each other.
            timing["disposal"] = 2 if self.transparent else 1
            # A GIF counts repetitions, and one showing is no loop.
            if self.plays != 1:
                timing["loop"] = min(max(self.plays - 1, 0), _MAX_LOOPS)
        elif row.name == "WEBP":
            timing["duration"] = [min(ms, _MAX_WEBP_MS) for ms in self.durations_ms]
            timing["loop"] = min(self.plays, _MAX_LOOPS)
        return timing


def read_animation(source: Source, limits: Limits) -> Animation | None:
    """Return what all frames of `source` have in common, or None if it stands still.

    Raises:
        TooManyFramePixels, DecodeTooLarge: before a frame is decoded.
    """
    if not format_named(source.info.format).animated:
        return None
    check_frames(source, limits)
    with reading_pixels():
        if not getattr(source.image, "is_animated", False):
            return None
    needed = frame_bytes(source.info.size)
    if needed > limits.max_decode_bytes:
        raise DecodeTooLarge(needed, limits.max_decode_bytes)
    return _scan(source, limits)


def frame_bytes(source: Size) -> int:
    """Return how much memory it takes to make frames from those of size `source`."""
    return source.pixels * _BYTES_PER_PIXEL


def _scan(source: Source, limits: Limits) -> Animation:
    """Return the animation after looking at each of its frames."""
    image, durations, kept = source.image, list[int](), list[Image.Image]()
    first, grey, transparent, pixels = image, True, False, 0
    for frame in _composed(image):
        first = frame.copy() if not durations else first
        durations.append(int(image.info.get("duration") or 0))
        grey = grey and image.mode in GREYS
        transparent = transparent or not is_opaque(frame)
        pixels += frame.width * frame.height
        if pixels <= _MAX_KEPT_PIXELS:
            kept.append(frame)
        else:
            kept.clear()
    mode = ("L" if grey else "RGB") + ("A" if transparent else "")
    # Opened anew, because a decoder that goes back may not begin with a clean slate.
    anew = partial(_composed_anew, source.file, limits)
    frames = (lambda: (frame.copy() for frame in kept)) if kept else anew
    return Animation(first, mode, tuple(durations), _plays(image), frames)


def _composed_anew(file: BinaryIO, limits: Limits) -> Frames:
    return _composed(open_source(file, limits).image)


def _composed(image: Image.Image) -> Frames:
    """Go through the frames of `image` and yield what is to be seen at each."""
    with reading_pixels():
        for number in count():
            try:
                image.seek(number)
            except EOFError:
                return
            image.load()
            if image.mode == "P" and image.palette is None:
                raise SourceUnreadable("Pillow loses the palette after a greyscale frame.")
            yield image.convert("RGBA" if image.has_transparency_data else "RGB")


def _plays(image: Image.Image) -> int:
    loop = image.info.get("loop")
    if image.format == "GIF":
        return 1 if loop is None else (int(loop) + 1 if loop else 0)
    return int(loop or 0)


def _in_ticks(durations_ms: tuple[int, ...]) -> list[int]:
    """Return durations that a GIF can say and that end where the frames end, as near as it can."""
    due, shown, found = 0, 0, []
    for ms in durations_ms:
        due += ms
        least = min(-(-ms // _TICK_MS), _LEAST_TICKS)
        ticks = min(max(round((due - shown) / _TICK_MS), least), _MAX_GIF_TICKS)
        shown += ticks * _TICK_MS
        found.append(ticks * _TICK_MS)
    return found
