"""Image file directories (IFD) of TIFF and EXIF: what reading one costs, and the size it states.

Pillow keeps the data of every entry, and makes an object of each number when it reads an entry. 16
MB of fractions, in a tag that should have one number, take 400 MB and ten seconds.
"""

from dataclasses import dataclass, field
from typing import BinaryIO, Literal

from renditions.imaging.geometry import Size

# Each block or entry, however short, costs Pillow an object and one pass of a Python loop.
BLOCK_OVERHEAD_BYTES = 512

# Type of a value: its bytes in the file, by TIFF 6.0 and the BigTIFF design.
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_VALUE_BYTES |= {13: 4, 16: 8}
# Type of a value: its bytes in memory, rounded. A number is one object, a fraction is several.
_VALUE_COSTS = dict.fromkeys(_VALUE_BYTES, 32) | {1: 1, 2: 1, 5: 512, 7: 1, 10: 512}
_WIDTH, _HEIGHT = 256, 257

_ByteOrder = Literal["little", "big"]


@dataclass(slots=True)
class Ifd:
    """What the first directory of a file says, and what it costs to read."""

    values: dict[int, int] = field(default_factory=dict)  # by tag; only those in the entry itself
    counts: dict[int, int] = field(default_factory=dict)  # by tag: number of values
    data_bytes: int = 0  # in the file, outside of the entries
    cost: int = 0  # bytes of memory

    @property
    def size(self) -> Size | None:
        return self.size_in(_WIDTH, _HEIGHT)

    def size_in(self, width: int, height: int) -> Size | None:
        """Return the size with the values of these two tags; None if one is missing or 0."""
        size = Size(self.values.get(width, 0), self.values.get(height, 0))
        return size if size.pixels else None


def read_ifd(file: BinaryIO, max_cost: int) -> Ifd:
    """Return the first directory of the TIFF structure that fills `file`.

    An entry whose data is outside of the file, or longer than the file, costs nothing: Pillow skips
    it.
    """
    end = file.seek(0, 2)
    file.seek(0)
    start = file.read(16)
    order: _ByteOrder = "big" if start[:1] == b"M" else "little"
    big = 43 in start[2:4]  # BigTIFF: all numbers have twice the width
    pointer, offset_bytes, count_bytes = (start[8:], 8, 8) if big else (start[4:8], 4, 2)
    file.seek(min(int.from_bytes(pointer, order), end))
    ifd = Ifd()
    for _ in range(int.from_bytes(file.read(count_bytes), order)):
        entry = file.read(4 + 2 * offset_bytes)
        if len(entry) < 4 + 2 * offset_bytes or ifd.cost > max_cost:
            break
        _add(ifd, entry, offset_bytes, order, end)
    return ifd


def _add(ifd: Ifd, entry: bytes, offset_bytes: int, order: _ByteOrder, end: int) -> None:
    tag, kind = (int.from_bytes(entry[i : i + 2], order) for i in (0, 2))
    count = int.from_bytes(entry[4 : 4 + offset_bytes], order)
    place = entry[4 + offset_bytes :]
    length = count * _VALUE_BYTES.get(kind, 0)
    ifd.cost += BLOCK_OVERHEAD_BYTES
    ifd.counts.setdefault(tag, count)  # the first of several entries counts
    if length <= offset_bytes:
        ifd.values.setdefault(tag, int.from_bytes(place[:length], order))
        return
    ifd.data_bytes += length
    if int.from_bytes(place, order) + length <= end and ifd.data_bytes <= end:
        ifd.cost += count * _VALUE_COSTS[kind]
