"""The boxes of an AVIF, by ISO/IEC 14496-12 and 23008-12: what it costs to read them.

libavif reads them before anybody knows how large the picture is. It looks for each item among all
others, wherever one is named: 130 KB that name 65,000 items take a minute.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from .directories import BLOCK_OVERHEAD_BYTES, read_directory
from .header import Header

# From the file down to the table of frames.
_BRANCHES = {b"": b"moov", b"moov": b"trak", b"trak": b"mdia", b"mdia": b"minf", b"minf": b"stbl"}
_FRAME_COST = 128  # bytes of memory

_Extents = list[tuple[int, int]]  # offset in the file, length


def read_avif(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Count the metadata; the size is for the decoder to tell."""
    header.metadata_bytes = _Walk(file, max_metadata_bytes).cost


class _Walk:
    """Adds up costs, until they are above a limit."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._bytes = 0
        self._items_named = 0
        self._file = file
        self._limit = limit
        self._end = file.seek(0, 2)
        self._add_branch(b"", 0, self._end)

    @property
    def cost(self) -> int:
        """Bytes, and as many more as items are compared: 4000 are 16 MB, or 0.1 s."""
        return self._bytes + self._items_named**2

    def _boxes(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield of each box its name, where its body starts and where that ends."""
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
            if name == _BRANCHES.get(parent):
                self._add_branch(name, body, box_end)
            elif name == b"meta":
                self._add_items(body + 4, box_end)
            elif name == b"stsz":
                self._file.seek(body + 8)
                self._bytes += self._number(4) * _FRAME_COST

    def _add_items(self, start: int, end: int) -> None:
        found = {}
        for name, body, box_end in self._boxes(start, end):
            found[name] = body, box_end
            if name == b"iprp":
                self._add_properties(body, box_end)
            elif name == b"iref":  # two bytes name an item
                self._items_named += (box_end - body) // 2
        if b"iinf" in found and b"iloc" in found:
            kinds = dict(self._item_kinds(*found[b"iinf"]))
            inside, _ = found.get(b"idat", (0, 0))
            self._add_contents(kinds, found[b"iloc"][0], inside)

    def _add_properties(self, start: int, end: int) -> None:
        for name, body, box_end in self._boxes(start, end):
            if name == b"ipco":
                for _ in self._boxes(body, box_end):
                    pass  # each has been counted
            elif name == b"ipma":  # three bytes give an item no property
                self._items_named += (box_end - body) // 3

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

    def _add_contents(self, kinds: dict[int, bytes], start: int, inside: int) -> None:
        """Add EXIF and XMP.

        Args:
            kinds: Of items, by their numbers.
            start: Of the table of places.
            inside: Where the box begins that some places are counted from.
        """
        for item, extents in self._places(start, inside):
            if kinds.get(item) in (b"Exif", b"mime"):
                self._bytes += sum(length for _, length in extents)
            if kinds.get(item) == b"Exif" and self.cost <= self._limit:
                self._add_exif(extents)

    def _places(self, start: int, inside: int) -> Iterator[tuple[int, _Extents]]:
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

    def _add_exif(self, extents: _Extents) -> None:
        exif = bytearray()
        for offset, length in extents:
            self._file.seek(offset)
            exif += self._file.read(length)
        # Four bytes say how far behind them the TIFF structure begins.
        exif = exif[4 + int.from_bytes(exif[:4], "big") :]
        self._bytes += read_directory(BytesIO(exif), self._limit).cost

    def _number(self, width: int) -> int:
        return int.from_bytes(self._file.read(width), "big")
