"""The pictures of an AVIF: the size and the planes that they are decoded to.

The size in a box is only the size that the decoded picture is scaled to.
"""

from typing import BinaryIO

from renditions.errors import SourceUnreadable

from .av1 import FrameSizes
from .boxes import NO_SIZE, UNIT_COST, Container, Item, Meta, larger
from .header import Header, Planes

_PICTURE = b"av01"
_ALIGNMENT = 64  # px; encoders may round the sides up to a multiple


def read_avif(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Add up the cost of the metadata, and find the largest picture that is decoded."""
    container = Container(file, max_metadata_bytes)
    size, planes = NO_SIZE, Planes(chroma=0)
    for tables in container.tracks:
        frames = FrameSizes()
        for start, end in container.frames(tables, _PICTURE):
            _add_units(container, frames, (file, (start, end)))
        size, planes = larger(size, frames.size), planes.joined(frames.planes)
    for meta in container.metas:
        for item in meta.items.values():
            if item.kind == _PICTURE and item.extents and not container.is_too_costly:
                frames = FrameSizes()
                _add_units(container, frames, container.data(item))
                _check_declared(frames, container, meta, item, header)
                size, planes = larger(size, frames.size), planes.joined(frames.planes)
                planes = planes._replace(alpha=planes.alpha or container.is_alpha(item))
        primary = meta.items.get(meta.primary)
        header.nclx = container.nclx(primary) if primary else header.nclx
    header.metadata_bytes = container.cost
    header.fault = header.fault or container.fault
    if size.pixels:
        header.size, header.planes = size, planes


def _add_units(
    container: Container, frames: FrameSizes, data: tuple[BinaryIO, tuple[int, int]]
) -> None:
    file, (start, end) = data
    container.add_cost(frames.add(file, start, end, container.units_left) * UNIT_COST)


def _check_declared(
    frames: FrameSizes, container: Container, meta: Meta, item: Item, header: Header
) -> None:
    # An alpha item may have no size of its own.
    told, found = container.size_in(item.property(b"ispe")), frames.size
    told = meta.largest if told == NO_SIZE else told
    if found.width > told.width + _ALIGNMENT or found.height > told.height + _ALIGNMENT:
        header.fault = SourceUnreadable(f"A picture of {found} is declared as {told}.")
