"""The blocks of a GIF, by the GIF89a specification."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from renditions.errors import SourceIncomplete
from renditions.imaging.geometry import Size

from .header import Frames, Header, size_of
from .ifd import BLOCK_OVERHEAD_BYTES

_MAX_GIF_COST = 200_000_000
_GIF_BLOCK_COST = 3 * BLOCK_OVERHEAD_BYTES
_CONTROL_EXTENSION, _HAS_PALETTE, _IS_TRANSPARENT = b"\xf9", 0x80, 0x01
_TICK_MS = 10


@dataclass(frozen=True, slots=True)
class GifFrame:
    """One frame, and what to do with its place before the next one."""

    left: int
    top: int
    size: Size
    disposal: int
    duration_ms: int
    file: bytes = field(repr=False)  # a GIF of this frame alone, without a place


def read_gif(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Read up to the first frame, which may be larger than the logical screen."""
    start = file.read(13)
    if len(start) < 13:
        return
    screen = size_of(start[6:8], start[8:10], "little")
    file.seek(_palette_bytes(start[10]), 1)
    while header.metadata_bytes <= max_metadata_bytes:
        kind = file.read(1)
        header.metadata_bytes += BLOCK_OVERHEAD_BYTES
        if kind == b"!":
            file.seek(1, 1)
            header.metadata_bytes += _skip_gif_blocks(file, max_metadata_bytes)
        elif kind == b",":
            header.size = _grown(screen, file.read(8))
            return
        elif not kind or kind == b";":
            return


def survey_gif_frames(file: BinaryIO, canvas: Size, max_pixels: int) -> Frames:
    """Count the frames without composing them. Each may enlarge `canvas`."""
    file.seek(10)
    flags = file.read(3)[:1] or b"\0"
    file.seek(_palette_bytes(flags[0]), 1)
    frames, cost = 0, 0
    while frames * canvas.pixels <= max_pixels:
        kind = file.read(1)
        cost += _GIF_BLOCK_COST
        if kind == b"!":
            file.seek(1, 1)
        elif kind == b",":
            frames += 1
            place = file.read(9)
            canvas = _grown(canvas, place)
            file.seek(_palette_bytes(place[-1] if place else 0) + 1, 1)
        elif not kind or kind == b";":
            break
        if kind in (b"!", b","):
            cost += _skip_gif_blocks(file, _MAX_GIF_COST)
        if cost > _MAX_GIF_COST:  # blocks of one byte each; no encoder writes that
            return Frames(max_pixels + 1, canvas)
    return Frames(frames, canvas)


def gif_frames(file: BinaryIO) -> Iterator[GifFrame]:
    """Yield the frames of a GIF that was surveyed. None of them is decoded."""
    file.seek(6)
    screen = file.read(7)
    palette = file.read(_palette_bytes(screen[4]))
    control = bytes(4)
    position = file.tell()
    while True:
        file.seek(position)
        kind = file.read(1)
        if kind == b"!":
            if file.read(1) == _CONTROL_EXTENSION:
                control = file.read(5)[1:].ljust(4, b"\0")
                file.seek(position + 2)
            _skip_gif_blocks(file, _MAX_GIF_COST)
        elif kind == b",":
            place = file.read(9)
            if len(place) < 9:
                raise SourceIncomplete("The last frame has no pixels.")
            pixels = file.tell()
            file.seek(_palette_bytes(place[8]) + 1, 1)
            _skip_gif_blocks(file, _MAX_GIF_COST)
            end = file.tell()
            file.seek(pixels)
            yield _frame(screen, palette, control, place, file.read(end - pixels))
            position, control = end, bytes(4)
            continue
        elif not kind or kind == b";":
            return
        position = file.tell()


def _frame(screen: bytes, palette: bytes, control: bytes, place: bytes, pixels: bytes) -> GifFrame:
    left, top = (int.from_bytes(place[i : i + 2], "little") for i in (0, 2))
    flags, size = control[0], place[4:8]
    if _palette_bytes(place[8]):
        # It has a palette of its own. Beside another, Pillow loses one that is a grey ramp.
        screen, palette = bytes(7), b""
    start = b"GIF89a" + size + screen[4:5] + bytes(2) + palette
    transparency = b"!\xf9\4" + bytes([flags & _IS_TRANSPARENT, 0, 0, control[3], 0])
    return GifFrame(
        left=left,
        top=top,
        size=size_of(size[:2], size[2:], "little"),
        disposal=flags >> 2 & 7,
        duration_ms=int.from_bytes(control[1:3], "little") * _TICK_MS,
        file=b"".join((start, transparency, b",", bytes(4), place[4:], pixels)),
    )


def _grown(canvas: Size, place: bytes) -> Size:
    """Return `canvas`, enlarged to hold a frame at `place`, as Pillow does."""
    left, top, width, height = struct.unpack("<4H", place[:8].ljust(8, b"\0"))
    return Size(max(canvas.width, left + width), max(canvas.height, top + height))


def _skip_gif_blocks(file: BinaryIO, max_cost: int) -> int:
    """Go to the end of a chain of sub-blocks; return the cost to read them, in bytes."""
    cost = 0
    while cost <= max_cost and (length := file.read(1)):
        cost += length[0] + BLOCK_OVERHEAD_BYTES
        if length == b"\0":
            break
        file.seek(length[0], 1)
    return cost


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & _HAS_PALETTE else 0
