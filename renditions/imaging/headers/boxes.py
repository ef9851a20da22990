"""The boxes of AVIF and HEIF files, by ISO/IEC 14496-12 and 23008-12, and what reading them costs.

A file of this family has items: pictures, tiles of pictures, EXIF. `meta` has tables of them: their
types, properties, references to one another and places in the file. An animation has a track, with
a table of its frames.

libavif and libheif read the boxes before the size of the picture is known. Wherever a box names an
item, they search other items: 130 KB that name 65,000 items take libavif a minute.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice
from typing import BinaryIO, NamedTuple

from renditions.errors import SourceUnreadable
from renditions.imaging.geometry import Size

from .header import Nclx
from .ifd import BLOCK_OVERHEAD_BYTES, read_ifd
from .sample_table import sample_locations, samples_cost

# From the file to the table of frames.
_BRANCHES = {b"": b"moov", b"moov": b"trak", b"trak": b"mdia", b"mdia": b"minf", b"minf": b"stbl"}
_FRAME_COST = UNIT_COST = 128  # bytes of memory, and time
NO_SIZE = Size(0, 0)

_SINGLE = (b"iinf", b"iloc", b"idat", b"iprp", b"iref", b"pitm")
_ALPHA = (
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
    b"urn:mpeg:hevc:2015:auxid:1",
    b"urn:mpeg:avc:2015:auxid:1",
)

Place = tuple[int, int]  # offset in the file, length


class Property(NamedTuple):
    """A property of items. Its body is at `start`."""

    name: bytes
    start: int
    end: int


_NO_PROPERTY = Property(b"", 0, 0)


@dataclass(slots=True)
class Item:
    kind: bytes = b""
    deflated: bool = False  # or compressed in another way; only of metadata
    extents: list[Place] = field(default_factory=list)  # parts of the file; together, its data
    is_cut: bool = False  # the file ends before its data does
    properties: list[Property] = field(default_factory=list)
    # By type of reference: the numbers of the items that it names.
    references: dict[bytes, list[int]] = field(default_factory=dict)

    def property(self, name: bytes) -> Property | None:
        return next((each for each in self.properties if each.name == name), None)


@dataclass(slots=True)
class Meta:
    """What one `meta` box tells of its items."""

    primary: int = 0  # the number of the item that is the picture
    items: dict[int, Item] = field(default_factory=dict)
    largest: Size = NO_SIZE  # in a property

    def item(self, number: int) -> Item:
        return self.items.setdefault(number, Item())


class Container:
    """The items and tracks of a file. Costs are added up until they exceed the limit."""

    def __init__(self, file: BinaryIO, limit: int, comparison_cost: float = 1) -> None:
        """Read all boxes of `file`.

        Args:
            limit: Bytes of metadata. Above it, reading ends, and items and tracks are missing.
            comparison_cost: Bytes for each comparison of two items. With 1, 4000 items are 16 MB,
                or 0.1 s in libavif.
        """
        self.metas: list[Meta] = []
        self.tracks: list[dict[bytes, int]] = []  # offsets of the sample tables, by name
        self.fault: SourceUnreadable | None = None
        self.file = file
        self._bytes = 0
        self._items_named = 0
        self._limit = limit
        self._comparison_cost = comparison_cost
        self._end = file.seek(0, 2)
        self._add_branch(b"", 0, self._end)

    @property
    def cost(self) -> int:
        """In bytes of metadata."""
        return self._bytes + int(self._items_named**2 * self._comparison_cost)

    @property
    def is_too_costly(self) -> bool:
        return self.cost > self._limit

    @property
    def units_left(self) -> int:
        """How many more units of compressed data may be read."""
        return max(self._limit - self.cost, 0) // UNIT_COST

    def add_cost(self, amount: int) -> None:
        self._bytes += amount

    def size_in(self, found: Property | None) -> Size:
        """Return the size in an `ispe` property."""
        if found is None:
            return NO_SIZE
        self.file.seek(found.start + 4)
        return Size(self._number(4), self._number(4))

    def body(self, found: Property, most: int) -> bytes:
        """Return the first bytes of a property, `most` at most."""
        self.file.seek(found.start)
        return self.file.read(min(found.end - found.start, most))

    def is_alpha(self, item: Item) -> bool:
        """Whether `item` is the alpha of another one."""
        kind = item.property(b"auxC")
        return kind is not None and self.body(kind, 64)[4:].split(b"\0")[0] in _ALPHA

    def nclx(self, item: Item) -> Nclx | None:
        """Return the colours of `item` if they are stated by numbers, not by an ICC profile."""
        for each in item.properties:
            if each.name == b"colr":
                stated = self.body(each, 11)
                if stated[:4] == b"nclx" and len(stated) == 11:
                    return Nclx(
                        *struct.unpack(
                            ">3H?", stated[4:10] + (stated[10] & 0x80).to_bytes(1, "big")
                        )
                    )
        return None

    def data(self, item: Item) -> tuple[BinaryIO, Place]:
        """Return a file with the data of `item`, and where in this file the data is."""
        if len(item.extents) == 1:
            start, length = item.extents[0]
            return self.file, (start, start + length)
        # Decoders join them in memory, too.
        self._bytes += sum(length for _, length in item.extents)
        joined = b"" if self.is_too_costly else self._joined(item.extents)
        return BytesIO(joined), (0, len(joined))

    def frames(self, tables: dict[bytes, int], codec: bytes) -> Iterator[Place]:
        """Yield where each frame of a track is; nothing if `codec` is not that of the track."""
        if self._track_holds(tables, codec):
            for start, length in sample_locations(self.file, tables):
                yield start, min(start + length, self._end)

    def _boxes(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield the name of each box, and where its body starts and ends."""
        while start + 8 <= end and self.cost <= self._limit:
            self.file.seek(start)
            size, name, body = self._number(4), self.file.read(4), start + 8
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
            if name == b"mini" and not parent:
                self._add_fault("It has its tables in the short form.")
            if name == b"stbl":
                self._add_track({name: body for name, body, _ in self._boxes(body, box_end)})
            elif name == _BRANCHES.get(parent):
                self._add_branch(name, body, box_end)
            elif name == b"meta":
                self._add_meta(body + 4, box_end)

    def _add_track(self, tables: dict[bytes, int]) -> None:
        self._bytes += samples_cost(self.file, tables, _FRAME_COST)
        if not self.is_too_costly:
            self.tracks.append(tables)

    def _track_holds(self, tables: dict[bytes, int], codec: bytes) -> bool:
        """Whether the track has pictures. It may have sound instead."""
        if b"stsd" not in tables:
            return False
        start = tables[b"stsd"]
        self.file.seek(start + 4)
        count, entries = self._number(4), self._boxes(start + 8, self._end)
        return any(entry[0] == codec for entry in islice(entries, count))

    def _add_meta(self, start: int, end: int) -> None:
        found, meta = {}, Meta()
        add = {
            b"iprp": self._add_properties,
            b"iref": self._add_references,
            b"pitm": self._add_primary,
        }
        for name, body, box_end in self._boxes(start, end):
            if name in found and name in _SINGLE:
                self._add_fault(f"It has two tables {name.decode()!r}.")
            found[name] = body, box_end
            if name in add:
                add[name](meta, body, box_end)
        if b"iinf" in found and b"iloc" in found:
            self._add_kinds(meta, *found[b"iinf"])
            inside, _ = found.get(b"idat", (0, 0))
            self._add_contents(meta, found[b"iloc"][0], inside)
        self.metas.append(meta)

    def _add_primary(self, meta: Meta, start: int, end: int) -> None:
        self.file.seek(start)
        meta.primary = self._number(4 if self._number(4) >> 24 else 2)

    def _add_kinds(self, meta: Meta, start: int, end: int) -> None:
        for number, kind, deflated in self._item_kinds(start, end):
            item = meta.item(number)
            if item.kind:
                self._add_fault(f"It has two items {number}.")
            item.kind, item.deflated = kind, deflated

    def _add_references(self, meta: Meta, start: int, end: int) -> None:
        self._items_named += (end - start) // 2  # two bytes can name an item
        self.file.seek(start)
        width = 4 if self._number(4) >> 24 else 2
        for name, body, box_end in self._boxes(start + 4, end):
            self.file.seek(body)
            item, count = self._number(width), self._number(2)
            named = self.file.read(max(min(count * width, box_end - self.file.tell()), 0))
            meta.item(item).references.setdefault(name, []).extend(_numbers(named, width))

    def _add_properties(self, meta: Meta, start: int, end: int) -> None:
        properties: list[Property] = []
        for name, body, box_end in self._boxes(start, end):
            if name == b"ipco":
                if properties:
                    self._add_fault("It has two tables 'ipco'.")
                properties = [Property(*each) for each in self._boxes(body, box_end)]
                for each in properties:
                    if each.name == b"ispe":
                        meta.largest = larger(meta.largest, self.size_in(each))
            elif name == b"ipma":
                self._add_associations(meta, properties, body, box_end)

    def _add_associations(
        self, meta: Meta, properties: list[Property], start: int, end: int
    ) -> None:
        self._items_named += (end - start) // 3  # three bytes can name an item
        if self.is_too_costly:
            return
        for item, indexes in self._associations(start, end):
            known = [index for index in indexes if 0 < index <= len(properties)]
            meta.item(item).properties += [properties[index - 1] for index in known]

    def _associations(self, start: int, end: int) -> Iterator[tuple[int, list[int]]]:
        """Yield each item with the numbers of its properties."""
        self.file.seek(start)
        version_and_flags = self._number(4)
        item_bytes = 4 if version_and_flags >> 24 else 2
        index_bytes = 1 + (version_and_flags & 1)
        for _ in range(self._number(4)):
            if self.file.tell() >= end:
                return
            item = self._number(item_bytes)
            indexes = self.file.read(self._number(1) * index_bytes)
            # The highest bit is a flag: the property is essential.
            mask = (1 << 8 * index_bytes - 1) - 1
            yield item, [index & mask for index in _numbers(indexes, index_bytes)]

    def _item_kinds(self, start: int, end: int) -> Iterator[tuple[int, bytes, bool]]:
        """Yield the number of each item, its type, and whether its data is compressed."""
        self.file.seek(start)
        count_bytes = 4 if self._number(4) >> 24 else 2
        for name, body, box_end in self._boxes(start + 4 + count_bytes, end):
            self._items_named += 1
            self.file.seek(body)
            version = self._number(4) >> 24
            if name == b"infe" and version >= 2:
                item = self._number(2 if version == 2 else 4)
                self.file.seek(2, 1)
                kind = self.file.read(4)
                # After it: a name, and for metadata a type and an encoding.
                texts = self.file.read(max(min(box_end - self.file.tell(), 1000), 0)).split(b"\0")
                yield item, kind, kind == b"mime" and len(texts) > 2 and bool(texts[2])

    def _add_contents(self, meta: Meta, start: int, inside: int) -> None:
        """Find the data of each item, and add the costs of EXIF and XMP.

        Args:
            meta: The items with their types.
            start: Offset of the body of the `iloc` box, the table of locations.
            inside: Offset of the body of the `idat` box; some locations are relative to it.
        """
        for number, extents, is_cut in self._locations(start, inside):
            item = meta.item(number)
            if item.extents:
                self._add_fault(f"The data of item {number} has two places.")
            item.extents, item.is_cut = extents, is_cut
            if item.kind in (b"Exif", b"mime"):
                self._bytes += sum(length for _, length in extents)
            if item.kind == b"Exif" and not self.is_too_costly:
                self._add_exif(extents)

    def _locations(self, start: int, inside: int) -> Iterator[tuple[int, list[Place], bool]]:
        """Yield the number of each item, where its data is, and whether some of it is missing."""
        self.file.seek(start)
        version = self._number(4) >> 24
        widths = self._number(2)
        of_offset, of_length, of_base, of_index = (widths >> shift & 15 for shift in (12, 8, 4, 0))
        of_item = 4 if version == 2 else 2
        for _ in range(self._number(of_item)):
            item = self._number(of_item)
            base = inside if version and self._number(2) & 15 == 1 else 0
            self.file.seek(2, 1)
            base += self._number(of_base)
            extents, is_cut = [], False
            for _ in range(self._number(2)):
                self.file.seek(of_index if version else 0, 1)
                offset, length = base + self._number(of_offset), self._number(of_length)
                is_cut = is_cut or offset + max(length, 1) > self._end
                offset = min(offset, self._end)
                extents.append((offset, min(length or self._end, self._end - offset)))
            self._items_named += 1
            self._bytes += len(extents) * BLOCK_OVERHEAD_BYTES
            if self.cost > self._limit:
                return
            position = self.file.tell()
            yield item, extents, is_cut
            self.file.seek(position)

    def _add_fault(self, detail: str) -> None:
        """Refuse the file: of two tables or items, each decoder chooses another one."""
        self.fault = self.fault or SourceUnreadable(detail)

    def _joined(self, extents: list[Place]) -> bytes:
        data = bytearray()
        for offset, length in extents:
            self.file.seek(offset)
            data += self.file.read(length)
        return bytes(data)

    def _add_exif(self, extents: list[Place]) -> None:
        exif = self._joined(extents)
        # The first four bytes are the offset of the TIFF structure, counted from their end.
        exif = exif[4 + int.from_bytes(exif[:4], "big") :]
        self._bytes += read_ifd(BytesIO(exif), self._limit).cost

    def _number(self, width: int) -> int:
        return int.from_bytes(self.file.read(width), "big")


def _numbers(data: bytes, width: int) -> list[int]:
    return [int.from_bytes(data[i : i + width], "big") for i in range(0, len(data), width)]


def larger(one: Size, other: Size) -> Size:
    """Return the smallest size that covers both."""
    return Size(max(one.width, other.width), max(one.height, other.height))
