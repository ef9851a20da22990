"""What a header says, whatever the format, and what metadata costs."""

from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from renditions.errors import SourceUnreadable
from renditions.imaging.geometry import Size

from .ifd import read_ifd

_EXIF_NAME = b"Exif\0\0"


@dataclass(slots=True)
class Header:
    """What was found before the pixels."""

    format: str | None  # None: no format that we know
    size: Size | None = None  # as stored; None: only the decoder can tell
    tile: Size | None = None  # that is decoded at once, of a TIFF; it may reach out of the picture
    fault: SourceUnreadable | None = None  # why the file cannot be decoded completely
    metadata_bytes: int = 0
    scans: int = 1  # of a JPEG; counting ends above the limit
    coefficient_bytes: int = 0  # that a decoder keeps of a JPEG with several scans
    late_exif: tuple[int, int] | None = None  # of a PNG, behind its pixels: offset, length


@dataclass(frozen=True, slots=True)
class Frames:
    """How much there is to an animation."""

    count: int
    canvas: Size  # that all frames are laid on


def add_exif(header: Header, exif: bytes, max_metadata_bytes: int) -> None:
    """Count what `exif` becomes."""
    exif = exif.removeprefix(_EXIF_NAME).removeprefix(_EXIF_NAME)  # once more, as Pillow does
    header.metadata_bytes += read_ifd(BytesIO(exif), max_metadata_bytes).cost


def size_of(width: bytes, height: bytes, order: Literal["big", "little"], plus: int = 0) -> Size:
    """Return the size whose sides are these bytes, and `plus` each."""
    return Size(int.from_bytes(width, order) + plus, int.from_bytes(height, order) + plus)
