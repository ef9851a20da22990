"""Are there as many pixels in a PNG as its header says? Pillow doesn't mind fewer."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from .header import Header
from .png import png_blocks

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_WHOLE = ((0, 0, 1, 1),)
# Of each pass of Adam7 its first column and row, and how far apart its columns and rows are.
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
_NO_LIMIT = 1 << 62  # the header was walked within one before


def lacks_scanlines(file: BinaryIO) -> bool:
    """Whether the pixels of the PNG in `file` inflate to less than all rows; none is kept."""
    wanted = _raster_bytes(file)
    inflater = zlib.decompressobj()
    for piece in _pieces(file):
        while piece and wanted > 0:
            wanted -= len(inflater.decompress(piece, _PIECE_BYTES))
            piece = inflater.unconsumed_tail
    return wanted > len(inflater.flush())


def _raster_bytes(file: BinaryIO) -> int:
    """Return how many bytes all rows have, each with the number of its filter."""
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
    """Yield the deflated pixels, which are in blocks without others between them."""
    begun = False
    for name, _, length in png_blocks(file, Header("PNG"), _NO_LIMIT):
        if name != b"IDAT" and begun:
            return
        begun = name == b"IDAT"
        for position in range(0, length if begun else 0, _PIECE_BYTES):
            yield file.read(min(_PIECE_BYTES, length - position))
