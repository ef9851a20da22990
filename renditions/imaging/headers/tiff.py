"""The first image file directory of a TIFF."""

from typing import BinaryIO

from renditions.errors import SourceIncomplete
from renditions.imaging.geometry import Size

from .header import Header
from .ifd import Ifd, read_ifd

_COMPRESSION, _CHANNELS, _PLANES = 259, 277, 284
_STRIPS, _STRIP_ROWS = 273, 278
_TILES, _TILE_WIDTH, _TILE_HEIGHT = 324, 322, 323
_NOT_COMPRESSED, _PLANE_FOR_EACH_CHANNEL = 1, 2


def read_tiff(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Fill `header` from the first directory. Pictures of other directories are not read."""
    ifd = read_ifd(file, max_metadata_bytes)
    header.size, header.metadata_bytes = ifd.size, ifd.cost
    header.tile = ifd.size_in(_TILE_WIDTH, _TILE_HEIGHT)
    # libtiff, which decodes compressed data, reports missing parts itself.
    raw = ifd.values.get(_COMPRESSION, _NOT_COMPRESSED) == _NOT_COMPRESSED
    if raw and ifd.size and _lacks_parts(ifd, ifd.size):
        header.fault = SourceIncomplete("Some of the strips or tiles are missing.")


def _lacks_parts(ifd: Ifd, size: Size) -> bool:
    """Whether there are fewer strips or tiles than a picture of this size needs."""
    parts = _STRIPS if _STRIPS in ifd.counts else _TILES
    if parts == _STRIPS:
        part = Size(size.width, ifd.values.get(_STRIP_ROWS, 0) or size.height)
    else:
        part = ifd.size_in(_TILE_WIDTH, _TILE_HEIGHT) or size
    planes = 1
    if ifd.values.get(_PLANES) == _PLANE_FOR_EACH_CHANNEL:
        planes = ifd.values.get(_CHANNELS, 1)
    wanted = -(-size.width // part.width) * -(-size.height // part.height) * planes
    return 0 < ifd.counts.get(parts, 0) < wanted
