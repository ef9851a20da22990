"""Which rows of a PNG have pixels? Pillow accepts fewer without an error."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from .header import Header
from .png import png_chunks

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_WHOLE = ((0, 0, 1, 1),)
# First column and row of each pass of Adam7, and the steps between its columns and rows.
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_PIECE_BYTES = 1 << 16
_NO_LIMIT = 1 << 62  # `read_png` has checked the limits before


def missing_rows(file: BinaryIO) -> range:
    """Return the rows of the PNG in `file` that lack pixels.

    They are the last ones. Of an interlaced picture, they are the last ones with an odd number, or
    all.
    """
    file.seek(16)
    start = file.read(13)
    width, height = (int.from_bytes(start[i : i + 4], "big") for i in (0, 4))
    bits = start[8] * _CHANNELS[start[9]]
    passes = [
        (top, y_step, *_raster(width - left, height - top, x_step, y_step, bits))
        for left, top, x_step, y_step in (_PASSES if start[12] else _WHOLE)
    ]
    there = _inflated_bytes(file, sum(scanlines * length for *_, scanlines, length in passes))
    for *_, scanlines, length in passes[:-1]:
        there -= scanlines * length
        if there < 0:
            return range(height)
    top, y_step, _, length = passes[-1]
    return range(top + there // length * y_step, height, y_step) if length else range(0)


def _raster(width: int, height: int, x_step: int, y_step: int, bits: int) -> tuple[int, int]:
    """Return the number of scanlines of a pass, and their bytes, with one for the filter."""
    columns, rows = -(-width // x_step), -(-height // y_step)
    return (max(rows, 0), 1 + (columns * bits + 7) // 8) if columns > 0 else (0, 0)


def _inflated_bytes(file: BinaryIO, wanted: int) -> int:
    """Return how many bytes the pixel data of the PNG in `file` inflates to, `wanted` at most."""
    inflater, found = zlib.decompressobj(), 0
    for piece in _pieces(file):
        while piece and found < wanted:
            found += len(inflater.decompress(piece, _PIECE_BYTES))
            piece = inflater.unconsumed_tail
    return min(found + len(inflater.flush()), wanted)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield the deflated pixels in pieces. No other chunks are between their chunks."""
    begun = False
    for name, _, length in png_chunks(file, Header("PNG"), _NO_LIMIT):
        if name != b"IDAT" and begun:
            return
        begun = name == b"IDAT"
        for position in range(0, length if begun else 0, _PIECE_BYTES):
            yield file.read(min(_PIECE_BYTES, length - position))
