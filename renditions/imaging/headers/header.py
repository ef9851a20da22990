"""What the headers of all formats have in common, and what EXIF costs."""

from dataclasses import dataclass
from io import BytesIO
from typing import Literal, NamedTuple

from renditions.errors import SourceUnreadable
from renditions.imaging.geometry import Size

from .ifd import read_ifd

_EXIF_NAME = b"Exif\0\0"


class Nclx(NamedTuple):
    """Colours stated by code points of ITU-T H.273."""

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


class Planes(NamedTuple):
    """How a decoder keeps the pixels of a picture before it makes RGB of them."""

    bits: int = 8  # of a sample
    chroma: float = 0.5  # samples of both colours for each pixel: 0 in greyscale, 2 in 4:4:4
    alpha: bool = False

    @property
    def bytes_per_pixel(self) -> float:
        return (1 + self.chroma + self.alpha) * (1 if self.bits <= 8 else 2)

    def joined(self, other: "Planes") -> "Planes":
        """Return planes that can hold either."""
        return Planes(
            max(self.bits, other.bits), max(self.chroma, other.chroma), self.alpha or other.alpha
        )


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
    planes: Planes | None = None  # of an AVIF or a HEIF
    nclx: Nclx | None = None  # of an AVIF or a HEIF without an ICC profile
    lossless: bool = False  # of a WebP
    alpha: bool = False  # of a WebP that is not lossless
    moving: bool = False  # of a WebP: it is an animation
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
