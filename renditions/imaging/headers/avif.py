"""The boxes of an AVIF, by ISO/IEC 14496-12 and 23008-12: what it costs to read and decode them.

libavif reads the boxes before the size of the picture is known. Wherever a box names an item, it
searches all other items: 130 KB that name 65,000 items take a minute. The size in a box is only the
size that the decoded picture is scaled to.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from io import BytesIO
from itertools import islice
from typing import BinaryIO

from renditions.errors import SourceUnreadable
from renditions.imaging.geometry import Size

from .av1 import FrameSizes
from .header import Header
from .ifd import BLOCK_OVERHEAD_BYTES, read_ifd
from .sample_table import sample_locations, samples_cost

# From the file to the table of frames.
_BRANCHES = {b"": b"moov", b"moov": b"trak", b"trak": b"mdia", b"mdia": b"minf", b"minf": b"stbl"}
_FRAME_COST = _UNIT_COST = 128  # bytes of memory, and time
_ALIGNMENT = 64  # px; encoders may round the sides up to a multiple
_NO_SIZE = Size(0, 0)

_Extents = list[tuple[int, int]]  # offset in the file, length


def read_avif(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Add up the cost of the metadata, and find the largest picture that is decoded."""
    walk = _Walk(file, max_metadata_bytes)
    header.metadata_bytes, header.fault = walk.cost, walk.fault
    if walk.size.pixels:
        header.size = walk.size


class _Walk:
    """Adds up costs until they exceed the limit."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self.size = _NO_SIZE  # the largest width, and the largest height
        self.fault: SourceUnreadable | None = None
        self._bytes = 0
        self._items_named = 0
        self._file = file
        self._limit = limit
        self._end = file.seek(0, 2)
        self._add_branch(b"", 0, self._end)

    @property
    def cost(self) -> int:
        """Bytes, and one for each comparison of two items: 4000 items are 16 MB, or 0.1 s."""
        return self._bytes + self._items_named**2

    def _boxes(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield the name of each box, and where its body starts and ends."""
        while start + 8 <= end and self.cost <= self._limit:
            self._file.seek(start)
            size, name, body = self._number(4), self._file.read(4), start + 8
            if size == 1:
                size, body = self._number(8), body + 8
            start = min(start + size, end) if size else end
            if start < body:
                return
            self._bytes += BLOCK_OVERHEAD_BYTES
            yield name, body, start

    def _add_branch(self, parent: bytes, start: int, end: int) -> None:
        for name, body, box_end in self._boxes(start, end):
            if name in (b"meta", b"moov"):
                self._bytes += box_end - body
            if name == b"stbl":
                self._add_frames({name: body for name, body, _ in self._boxes(body, box_end)})
            elif name == _BRANCHES.get(parent):
                self._add_branch(name, body, box_end)
            elif name == b"meta":
                self._add_items(body + 4, box_end)

    def _add_frames(self, tables: dict[bytes, int]) -> None:
        self._bytes += samples_cost(self._file, tables, _FRAME_COST)
        if self.cost > self._limit or not self._holds_av1(tables):
            return
        frames = FrameSizes()
        for start, length in sample_locations(self._file, tables):
            self._add_units(frames, self._file, start, min(start + length, self._end))
        self.size = _larger(self.size, frames.size)

    def _holds_av1(self, tables: dict[bytes, int]) -> bool:
        """Whether the track has pictures. It may have sound instead."""
        if b"stsd" not in tables:
            return False
        start = tables[b"stsd"]
        self._file.seek(start + 4)
        count, entries = self._number(4), self._boxes(start + 8, self._end)
        return any(entry[0] == b"av01" for entry in islice(entries, count))

    def _add_units(self, frames: FrameSizes, file: BinaryIO, start: int, end: int) -> None:
        left = max(self._limit - self.cost, 0) // _UNIT_COST
        self._bytes += frames.add(file, start, end, left) * _UNIT_COST

    def _add_items(self, start: int, end: int) -> None:
        found = {}
        properties = _Properties()
        for name, body, box_end in self._boxes(start, end):
            found[name] = body, box_end
            if name == b"iprp":
                self._add_properties(properties, body, box_end)
            elif name == b"iref":  # two bytes can name an item
                self._items_named += (box_end - body) // 2
        if b"iinf" in found and b"iloc" in found:
            kinds = dict(self._item_kinds(*found[b"iinf"]))
            inside, _ = found.get(b"idat", (0, 0))
            self._add_contents(kinds, properties, found[b"iloc"][0], inside)

    def _add_properties(self, properties: "_Properties", start: int, end: int) -> None:
        for name, body, box_end in self._boxes(start, end):
            if name == b"ipco":
                properties.sizes = list(self._property_sizes(body, box_end))
                properties.largest = reduce(_larger, properties.sizes, _NO_SIZE)
            elif name == b"ipma":  # three bytes can name an item
                self._items_named += (box_end - body) // 3
                if self.cost <= self._limit:
                    properties.of_items |= dict(self._associations(body, box_end))

    def _property_sizes(self, start: int, end: int) -> Iterator[Size]:
        """Yield the size in each property; `_NO_SIZE` for properties of other types."""
        for name, body, _ in self._boxes(start, end):
            self._file.seek(body + 4)
            yield Size(self._number(4), self._number(4)) if name == b"ispe" else _NO_SIZE

    def _associations(self, start: int, end: int) -> Iterator[tuple[int, list[int]]]:
        """Yield each item with the numbers of its properties."""
        self._file.seek(start)
        version_and_flags = self._number(4)
        item_bytes = 4 if version_and_flags >> 24 else 2
        index_bytes = 1 + (version_and_flags & 1)
        for _ in range(self._number(4)):
            if self._file.tell() >= end:
                return
            item = self._number(item_bytes)
            indexes = self._file.read(self._number(1) * index_bytes)
            # The highest bit is a flag: the property is essential.
            mask = (1 << 8 * index_bytes - 1) - 1
            yield (
                item,
                [
                    int.from_bytes(indexes[i : i + index_bytes], "big") & mask
                    for i in range(0, len(indexes), index_bytes)
                ],
            )

    def _item_kinds(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        self._file.seek(start)
        count_bytes = 4 if self._number(4) >> 24 else 2
        for name, body, _ in self._boxes(start + 4 + count_bytes, end):
            self._items_named += 1
            self._file.seek(body)
            version = self._number(4) >> 24
            if name == b"infe" and version >= 2:
                item = self._number(2 if version == 2 else 4)
                self._file.seek(2, 1)
                yield item, self._file.read(4)

    def _add_contents(
        self, kinds: dict[int, bytes], properties: "_Properties", start: int, inside: int
    ) -> None:
        """Add the costs of EXIF, XMP and pictures.

        Args:
            kinds: Type of each item, by its number.
            properties: Of the items.
            start: Offset of the body of the `iloc` box, the table of locations.
            inside: Offset of the body of the `idat` box; some locations are relative to it.
        """
        for item, extents in self._locations(start, inside):
            if kinds.get(item) in (b"Exif", b"mime"):
                self._bytes += sum(length for _, length in extents)
            if kinds.get(item) == b"Exif" and self.cost <= self._limit:
                self._add_exif(extents)
            if kinds.get(item) == b"av01":
                self._add_picture(extents, properties.size_of(item))

    def _locations(self, start: int, inside: int) -> Iterator[tuple[int, _Extents]]:
        self._file.seek(start)
        version = self._number(4) >> 24
        widths = self._number(2)
        of_offset, of_length, of_base, of_index = (widths >> shift & 15 for shift in (12, 8, 4, 0))
        of_item = 4 if version == 2 else 2
        for _ in range(self._number(of_item)):
            item = self._number(of_item)
            base = inside if version and self._number(2) & 15 == 1 else 0
            self._file.seek(2, 1)
            base += self._number(of_base)
            extents = []
            for _ in range(self._number(2)):
                self._file.seek(of_index if version else 0, 1)
                offset = min(base + self._number(of_offset), self._end)
                length = self._number(of_length) or self._end
                extents.append((offset, min(length, self._end - offset)))
            self._items_named += 1
            self._bytes += len(extents) * BLOCK_OVERHEAD_BYTES
            if self.cost > self._limit:
                return
            position = self._file.tell()
            yield item, extents
            self._file.seek(position)

    def _add_picture(self, extents: _Extents, told: Size) -> None:
        frames = FrameSizes()
        if len(extents) == 1:
            start, length = extents[0]
            self._add_units(frames, self._file, start, start + length)
        else:  # libavif joins them in memory
            self._bytes += sum(length for _, length in extents)
            if self.cost <= self._limit:
                data = self._joined(extents)
                self._add_units(frames, BytesIO(data), 0, len(data))
        found = frames.size
        if found.width > told.width + _ALIGNMENT or found.height > told.height + _ALIGNMENT:
            detail = f"A picture of {found} is declared as {told}."
            self.fault = SourceUnreadable(detail)
        self.size = _larger(self.size, found)

    def _joined(self, extents: _Extents) -> bytes:
        data = bytearray()
        for offset, length in extents:
            self._file.seek(offset)
            data += self._file.read(length)
        return bytes(data)

    def _add_exif(self, extents: _Extents) -> None:
        exif = self._joined(extents)
        # The first four bytes are the offset of the TIFF structure, counted from their end.
        exif = exif[4 + int.from_bytes(exif[:4], "big") :]
        self._bytes += read_ifd(BytesIO(exif), self._limit).cost

    def _number(self, width: int) -> int:
        return int.from_bytes(self._file.read(width), "big")


@dataclass(slots=True)
class _Properties:
    sizes: list[Size] = field(default_factory=list)  # of all properties, in order
    largest: Size = _NO_SIZE
    of_items: dict[int, list[int]] = field(default_factory=dict)  # item: numbers from 1

    def size_of(self, item: int) -> Size:
        """Return the first size of `item`; `largest` for an alpha item, which may have none."""
        sizes = [self.sizes[i - 1] for i in self.of_items.get(item, ()) if 0 < i <= len(self.sizes)]
        return next((size for size in sizes if size != _NO_SIZE), self.largest)


def _larger(one: Size, other: Size) -> Size:
    """Return the smallest size that covers both."""
    return Size(max(one.width, other.width), max(one.height, other.height))
