"""The frames of an animation, and when each is shown.

All frames at once may need far more memory than one picture. So they are composed once to learn
what they have in common, and again for each rendition. If they are few and small, they are kept.

Frames of a GIF are composed here, as browsers do: nothing is seen where no frame has been drawn, or
where one was cleared. Pillow shows a colour of the palette there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import count
from typing import Any, BinaryIO

from PIL import Image

from renditions.errors import DecodeTooLarge

from .decoders import free_frames
from .formats import Format, format_named
from .geometry import Size
from .headers import GifFrame, gif_frames, survey_frames
from .modes import GREYSCALE_MODES, is_opaque
from .sources import Limits, Source, check_frames, decode, open_source, reading_pixels

# Memory of a frame in the decoder and in the pipeline. Measured with Pillow 13; libwebp needs most.
_BYTES_PER_PIXEL = 28

# In an animated rendition. A frame takes at least half a millisecond, however small it is.
MAX_FRAMES = 5000
_MAX_KEPT_PIXELS = 10_000_000  # in all frames together, 4 bytes each
# Limits of the formats. Browsers show a frame of less than 20 ms for 100 ms.
_MAX_GIF_TICKS, _TICK_MS, _MIN_TICKS = 65_535, 10, 2
_MAX_WEBP_MS, _MAX_LOOPS = 0xFFFFFF, 65_535

# What becomes of a frame of a GIF before the next one. Browsers take the unknown 4 for 3.
_CLEAR, _RESTORE = 2, (3, 4)
_CLEARED = (0, 0, 0, 0)

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
    frames = check_frames(source, limits)
    with reading_pixels():
        if not getattr(source.image, "is_animated", False):
            return None
    needed = frame_bytes(source.info.size)
    if needed > limits.max_decode_bytes:
        raise DecodeTooLarge(needed, limits.max_decode_bytes)
    # Of more frames than a rendition may have, only the first one is used.
    return _scan(source, limits) if frames <= MAX_FRAMES else _first_of(source, limits, frames)


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


@dataclass(frozen=True, slots=True)
class _Frame:
    image: Image.Image  # composed, RGB or RGBA; it may be changed
    duration_ms: int
    grey: bool


def _scan(source: Source, limits: Limits) -> Animation:
    """Return the animation after a look at each of its frames, up to one frame too many."""
    durations, kept = list[int](), list[Image.Image]()
    first, grey, transparent, pixels = source.image, True, False, 0
    for frame in _composed(source, limits):
        first = frame.image.copy() if not durations else first
        durations.append(frame.duration_ms)
        grey = grey and frame.grey
        transparent = transparent or not is_opaque(frame.image)
        pixels += frame.image.width * frame.image.height
        if pixels <= _MAX_KEPT_PIXELS:
            kept.append(frame.image)
        else:
            kept.clear()
    mode = ("L" if grey else "RGB") + ("A" if transparent else "")
    free_frames(source.image)
    compose_again = partial(_compose_again, source.file, limits)
    frames = (lambda: (frame.copy() for frame in kept)) if kept else compose_again
    return Animation(first, mode, tuple(durations), _plays(source.image), frames)


def _first_of(source: Source, limits: Limits, frames: int) -> Animation:
    """Return an animation of so many `frames` that has the picture of the first one only."""
    first = next(_composed(source, limits))
    mode = ("L" if first.grey else "RGB") + ("" if is_opaque(first.image) else "A")
    durations = (first.duration_ms,) * frames
    free_frames(source.image)
    return Animation(first.image, mode, durations, _plays(source.image), lambda: iter(()))


def _compose_again(file: BinaryIO, limits: Limits) -> Frames:
    # Opened again: a decoder that seeks back may keep a state of later frames.
    for frame in _composed(open_source(file, limits), limits):
        yield frame.image


def _composed(source: Source, limits: Limits) -> Iterator[_Frame]:
    """Yield each frame of `source` as it is seen."""
    return _of_gif(source, limits) if source.info.format == "GIF" else _of_pillow(source.image)


def _of_pillow(image: Image.Image) -> Iterator[_Frame]:
    with reading_pixels():
        for number in count():
            try:
                image.seek(number)
            except EOFError:
                return
            image.load()
            yield _Frame(
                image.convert("RGBA" if image.has_transparency_data else "RGB"),
                int(image.info.get("duration") or 0),
                image.mode in GREYSCALE_MODES,
            )


def _of_gif(source: Source, limits: Limits) -> Iterator[_Frame]:
    canvas = Image.new("RGBA", source.info.size.as_tuple, _CLEARED)
    for frame in gif_frames(source.file):
        before = canvas.copy() if frame.disposal in _RESTORE else canvas
        grey = _draw(frame, canvas, limits)
        yield _Frame(canvas.copy(), frame.duration_ms, grey)
        canvas = before
        if frame.disposal == _CLEAR:
            canvas.paste(_CLEARED, _box(frame))


def _draw(frame: GifFrame, canvas: Image.Image, limits: Limits) -> bool:
    """Draw `frame` on `canvas`; return whether it has no colours."""
    if not frame.size.pixels:
        return True
    picture = decode(open_source(BytesIO(frame.file), limits), limits).image
    drawn = picture.convert("RGBA")
    canvas.paste(drawn, (frame.left, frame.top), drawn)
    return picture.mode in GREYSCALE_MODES


def _box(frame: GifFrame) -> tuple[int, int, int, int]:
    return frame.left, frame.top, frame.left + frame.size.width, frame.top + frame.size.height


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
