"""What the headers of all formats have in common, and what EXIF costs."""

from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from renditions.errors import SourceUnreadable
from renditions.imaging.geometry import Size

from .ifd import read_ifd

_EXIF_NAME = b"Exif\0\0"


@dataclass(slots=True)
class Header:
    """What was found without a decoder."""

    format: str | None  # None: no known format
    size: Size | None = None  # as stored; None: only the decoder can tell
    tile: Size | None = None  # of a TIFF, decoded at once; it may be larger than the picture
    fault: SourceUnreadable | None = None  # why the file cannot be decoded completely
    metadata_bytes: int = 0
    scans: int = 1  # of a JPEG; counting ends above the limit
    coefficient_bytes: int = 0  # memory of the decoder for a JPEG with several scans
    late_exif: tuple[int, int] | None = None  # of a PNG, after the pixels: offset, length


@dataclass(frozen=True, slots=True)
class Frames:
    count: int
    canvas: Size  # all frames are composed on it


def add_exif(header: Header, exif: bytes, max_metadata_bytes: int) -> None:
    """Add the cost of `exif` to the metadata of `header`."""
    exif = exif.removeprefix(_EXIF_NAME).removeprefix(_EXIF_NAME)  # twice, as Pillow does
    header.metadata_bytes += read_ifd(BytesIO(exif), max_metadata_bytes).cost


def size_of(width: bytes, height: bytes, order: Literal["big", "little"], plus: int = 0) -> Size:
    """Return the size with these sides, each increased by `plus`."""
    return Size(int.from_bytes(width, order) + plus, int.from_bytes(height, order) + plus)
