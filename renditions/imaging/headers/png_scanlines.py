"""Does a PNG have all scanlines? Pillow accepts fewer without an error."""

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


def lacks_scanlines(file: BinaryIO) -> bool:
    """Whether the pixel data of the PNG in `file` inflates to less than all scanlines."""
    wanted = _raster_bytes(file)
    inflater = zlib.decompressobj()
    for piece in _pieces(file):
        while piece and wanted > 0:
            wanted -= len(inflater.decompress(piece, _PIECE_BYTES))
            piece = inflater.unconsumed_tail
    return wanted > len(inflater.flush())


def _raster_bytes(file: BinaryIO) -> int:
    """Return the bytes of all scanlines, each with one byte for its filter."""
    file.seek(16)
    start = file.read(13)
    width, height = (int.from_bytes(start[i : i + 4], "big") for i in (0, 4))
    bits = start[8] * _CHANNELS[start[9]]
    total = 0
    for left, top, x_step, y_step in _PASSES if start[12] else _WHOLE:
        columns, rows = -((left - width) // x_step), -((top - height) // y_step)
        if columns > 0:
            total += max(rows, 0) * (1 + (columns * bits + 7) // 8)
    return total


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield the deflated pixels in pieces. No other chunks are between their chunks."""
    begun = False
    for name, _, length in png_chunks(file, Header("PNG"), _NO_LIMIT):
        if name != b"IDAT" and begun:
            return
        begun = name == b"IDAT"
        for position in range(0, length if begun else 0, _PIECE_BYTES):
            yield file.read(min(_PIECE_BYTES, length - position))
