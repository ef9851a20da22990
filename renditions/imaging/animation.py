"""The frames of an animation, and when each is shown.

All frames at once may need far more memory than one picture. So they are composed once to learn
what they have in common, and again for each rendition. If they are few and small, they are kept.
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
from .headers import survey_frames
from .modes import GREYSCALE_MODES, is_opaque
from .sources import Limits, Source, check_frames, open_source, reading_pixels

# Memory of a frame in the decoder and in the pipeline. Measured with Pillow 13; libwebp needs most.
_BYTES_PER_PIXEL = 28

_MAX_KEPT_PIXELS = 10_000_000  # in all frames together, 4 bytes each
# Limits of the formats. Browsers show a frame of less than 20 ms for 100 ms.
_MAX_GIF_TICKS, _TICK_MS, _MIN_TICKS = 65_535, 10, 2
_MAX_WEBP_MS, _MAX_LOOPS = 0xFFFFFF, 65_535

Frames = Iterator[Image.Image]

# The pages of a TIFF and the pictures of an MPO, which is a JPEG, are no frames.
_WITH_FRAMES = ("GIF", "WEBP", "AVIF", "PNG")


@dataclass(frozen=True, slots=True)
class Animation:
    """Composed frames: each is a full picture, not a difference to the frame before."""

    first: Image.Image  # a copy that may be changed
    mode: str  # can hold every frame: L, LA, RGB or RGBA
    durations_ms: tuple[int, ...]
    plays: int  # 0: without end
    frames: Callable[[], Frames]  # RGB or RGBA; they may be changed

    @property
    def transparent(self) -> bool:
        """Whether a frame has transparent pixels."""
        return self.mode.endswith("A")

    def timing_for(self, output_format: Format) -> dict[str, Any]:
        """Return the options of Pillow that give a file in `output_format` the same timing."""
        timing: dict[str, Any] = {"duration": list(self.durations_ms)}
        if output_format.name == "GIF":
            timing["duration"] = _in_ticks(self.durations_ms)
            # 2: clear the frame before the next one, which would be seen through it.
            timing["disposal"] = 2 if self.transparent else 1
            # A GIF counts repetitions; it has no loop if it plays once.
            if self.plays != 1:
                timing["loop"] = min(max(self.plays - 1, 0), _MAX_LOOPS)
        elif output_format.name == "WEBP":
            timing["duration"] = [min(ms, _MAX_WEBP_MS) for ms in self.durations_ms]
            timing["loop"] = min(self.plays, _MAX_LOOPS)
        return timing


def read_animation(source: Source, limits: Limits) -> Animation | None:
    """Return the animation in `source`, or None if it is a still picture.

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


def has_frames(source: Source) -> bool:
    """Whether there is more than one frame. Nothing is decoded."""
    canvas = source.info.stored_size
    if source.info.format not in _WITH_FRAMES:
        return False
    # Counting ends at the second frame.
    frames = survey_frames(source.file, source.info.format, canvas, canvas.pixels)
    if frames is None:
        return bool(getattr(source.image, "is_animated", False))
    return frames.count > 1


def frame_bytes(source: Size) -> int:
    """Return the memory that the decoder and the pipeline need for frames of size `source`."""
    return source.pixels * _BYTES_PER_PIXEL


def _scan(source: Source, limits: Limits) -> Animation:
    """Return the animation after a look at each of its frames."""
    image, durations, kept = source.image, list[int](), list[Image.Image]()
    first, grey, transparent, pixels = image, True, False, 0
    for frame in _composed(image):
        first = frame.copy() if not durations else first
        durations.append(int(image.info.get("duration") or 0))
        grey = grey and image.mode in GREYSCALE_MODES
        transparent = transparent or not is_opaque(frame)
        pixels += frame.width * frame.height
        if pixels <= _MAX_KEPT_PIXELS:
            kept.append(frame)
        else:
            kept.clear()
    mode = ("L" if grey else "RGB") + ("A" if transparent else "")
    # Opened again: a decoder that seeks back may keep a state of later frames.
    compose_again = partial(_compose_again, source.file, limits)
    frames = (lambda: (frame.copy() for frame in kept)) if kept else compose_again
    return Animation(first, mode, tuple(durations), _plays(image), frames)


def _compose_again(file: BinaryIO, limits: Limits) -> Frames:
    return _composed(open_source(file, limits).image)


def _composed(image: Image.Image) -> Frames:
    """Yield each frame of `image` as it is seen."""
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
    """Return durations in whole ticks of a GIF.

    Each frame ends as near as possible to its end in the original: rounding does not add up.
    """
    due, shown, found = 0, 0, []
    for ms in durations_ms:
        due += ms
        shortest = min(-(-ms // _TICK_MS), _MIN_TICKS)
        ticks = min(max(round((due - shown) / _TICK_MS), shortest), _MAX_GIF_TICKS)
        shown += ticks * _TICK_MS
        found.append(ticks * _TICK_MS)
    return found
