"""The picture in a HEIF: which parts of the file are decoded for it, and what they need.

A camera stores a picture as one HEVC item, or as a grid of tiles, each an item of its own. Besides
it there may be previews, depth and gain maps, and the other pictures of a burst. Only the picture
and its alpha are decoded, so only these are measured.
"""

from typing import BinaryIO

from renditions.errors import SourceIncomplete, SourceUnreadable
from renditions.imaging.geometry import Size

from .boxes import NO_SIZE, UNIT_COST, Container, Item, Meta, larger
from .header import Header, Planes
from .hevc import HevcPictures

_PICTURE = b"hvc1"
_ALIGNMENT = 64  # px; the sides in the data are multiples of the size of a block
_TURNS = (b"irot", b"imir", b"clap")
# The decoder is started again for each tile: 0.14 ms, which is more than a small tile itself.
_TILE_COST = 8_000
# libheif compares items, too, but faster than libavif, and refuses more than 1000 items.
_COMPARISON_COST = 1 / 8


def read_heif(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Add up the cost of the metadata, and find the size and the planes of the picture."""
    container = Container(file, max_metadata_bytes, comparison_cost=_COMPARISON_COST)
    header.fault = container.fault
    for meta in container.metas:
        picture = _Picture(container, meta)
        try:
            picture.check_items()
            size = picture.add(meta.primary)
            if size.pixels:
                header.size = larger(header.size or NO_SIZE, size)
        except SourceUnreadable as fault:
            header.fault = header.fault or fault
        header.planes = picture.planes
        header.nclx = container.nclx(meta.item(meta.primary))
    header.metadata_bytes = container.cost


class _Picture:
    """Adds up what the decoder does for the picture of one `meta` box."""

    def __init__(self, container: Container, meta: Meta) -> None:
        self.planes = Planes(chroma=0)
        self._container = container
        self._meta = meta
        self._alphas: dict[int, list[int]] = {}  # by the item that they belong to
        self._coded: dict[int, Size] = {}  # sizes that are known already
        for number, item in meta.items.items():
            if container.is_alpha(item):
                for owner in item.references.get(b"auxl", ()):
                    self._alphas.setdefault(owner, []).append(number)

    def check_items(self) -> None:
        """Refuse what libheif would inflate, or would leave out."""
        for number, item in self._meta.items.items():
            if item.deflated:
                raise SourceUnreadable("Its metadata is compressed.")
            if item.is_cut:
                raise SourceIncomplete(f"The data of item {number} is after the end of the file.")

    def add(self, number: int) -> Size:
        """Add an item and its alpha; return the size of the largest picture that is decoded."""
        size = self._add_item(number)
        for alpha in self._alphas.get(number, ()):
            self.planes = self.planes._replace(alpha=True)
            size = larger(size, self._add_item(alpha))
        return size

    def _add_item(self, number: int) -> Size:
        item = self._meta.item(number)
        if any(sum(each.name == turn for each in item.properties) > 1 for turn in _TURNS):
            raise SourceUnreadable(f"Item {number} is turned several times.")
        if item.kind == _PICTURE:
            return self._add_coded(number, item)
        if item.kind == b"grid":
            return self._add_grid(item)
        raise SourceUnreadable(f"Item {number} is of the type {item.kind.decode('latin-1')!r}.")

    def _add_grid(self, item: Item) -> Size:
        file, (start, end) = self._container.data(item)
        file.seek(start)
        data = file.read(min(end - start, 12))
        width = 4 if data[1:2] and data[1] & 1 else 2
        if len(data) < 4 + 2 * width:
            raise SourceUnreadable("Its grid is incomplete.")
        rows, columns = data[2] + 1, data[3] + 1
        canvas = Size(*(int.from_bytes(data[at : at + width], "big") for at in (4, 4 + width)))
        tiles = item.references.get(b"dimg", [])
        tile = NO_SIZE
        for number in tiles:
            self._container.add_cost(_TILE_COST)
            if self._container.is_too_costly:
                break
            if self._meta.item(number).kind != _PICTURE:
                raise SourceUnreadable(f"Tile {number} of its grid is no picture.")
            tile = larger(tile, self.add(number))
        # Each tile begins inside the picture: otherwise, most of the work is for nothing.
        before_last = (columns - 1) * tile.width, (rows - 1) * tile.height
        if before_last[0] >= canvas.width or before_last[1] >= canvas.height:
            detail = f"A picture of {canvas} has {columns} x {rows} tiles of {tile}."
            raise SourceUnreadable(detail)
        return larger(canvas, larger(tile, self._container.size_in(item.property(b"ispe"))))

    def _add_coded(self, number: int, item: Item) -> Size:
        if number in self._coded or self._container.is_too_costly:
            return self._coded.get(number, NO_SIZE)
        pictures, container = HevcPictures(), self._container
        configuration = item.property(b"hvcC")
        if configuration:
            length = configuration.end - configuration.start
            units = pictures.add_configuration(container.body(configuration, length))
            container.add_cost(units * UNIT_COST)
        file, (start, end) = container.data(item)
        units = pictures.add(file, start, end, container.units_left)
        container.add_cost(units * UNIT_COST)
        told, found = container.size_in(item.property(b"ispe")), pictures.size
        if found.width > told.width + _ALIGNMENT or found.height > told.height + _ALIGNMENT:
            raise SourceUnreadable(f"A picture of {found} is declared as {told}.")
        if pictures.count > 1:
            raise SourceUnreadable(f"Item {number} holds {pictures.count} pictures.")
        self.planes = self.planes.joined(pictures.planes)
        self._coded[number] = told if told.pixels else found
        return self._coded[number]
