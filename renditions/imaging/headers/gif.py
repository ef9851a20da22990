"""The blocks of a GIF, by the GIF89a specification."""

from typing import BinaryIO

from renditions.imaging.geometry import Size

from .header import Frames, Header, size_of
from .ifd import BLOCK_OVERHEAD_BYTES

_MAX_GIF_COST = 200_000_000
_GIF_BLOCK_COST = 3 * BLOCK_OVERHEAD_BYTES


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


def _grown(canvas: Size, place: bytes) -> Size:
    """Return `canvas`, enlarged to hold a frame at `place`, as Pillow does."""
    left, top, width, height = (int.from_bytes(place[i : i + 2], "little") for i in (0, 2, 4, 6))
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
    return 3 << ((flags & 7) + 1) if flags & 128 else 0
