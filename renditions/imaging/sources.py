"""May this file be opened, and what is in it? Limits are checked before a pixel is decoded."""

import io
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TypeVar

from PIL import Image, UnidentifiedImageError

from renditions import errors

from .decoders import memory_needed, open_image
from .formats import FORMATS, Format, default_formats, format_named
from .geometry import Size
from .headers import Frames, Header, read_header, survey_frames
from .integrity import mean_difference
from .loading import load, with_end_marker
from .orientation import ORIENTATION_TAG, Orientation, upright_size

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_JPEG = format_named("JPEG")
_BUFFER_BYTES = 1 << 16
# Of the rows of an incomplete picture. Below it, what is missing is seen at once.
_MIN_SHARE_OF_ROWS = 0.95

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that an original may need. The limit itself is still allowed."""

    max_pixels: int = 50_000_000
    max_side: int = 16_384  # px
    max_file_bytes: int = 100_000_000
    max_jpeg_scans: int = 100
    max_frame_pixels: int = 50_000_000  # in all frames of a kept animation together
    max_metadata_bytes: int = 16_000_000  # EXIF, XMP, profiles and comments
    max_decode_bytes: int = 410_000_000  # peak memory of the decoder
    formats: tuple[str, ...] = field(default_factory=default_formats)
    incomplete: str = "refuse"  # or "accept": a JPEG or a PNG may lack a few of its last rows

    @property
    def accepts_incomplete(self) -> bool:
        return self.incomplete == "accept"


_UNLIMITED = 1 << 62
_ANY_SIZE = Limits(
    max_pixels=_UNLIMITED,
    max_side=_UNLIMITED,
    max_file_bytes=_UNLIMITED,
    max_decode_bytes=_UNLIMITED,
    formats=tuple(each.name for each in FORMATS),
    incomplete="accept",
)


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Facts from the header."""

    format: str
    size: Size  # upright
    stored_size: Size  # before it is turned upright
    orientation: Orientation
    mode: str  # Pillow's name
    icc_profile: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """An opened picture that is not decoded yet."""

    file: BinaryIO
    header: Header
    image: Image.Image
    info: SourceInfo


class DecodedPicture(NamedTuple):
    image: Image.Image
    scale: float  # its sides by those of the original; its last row and column may be partial
    share_of_rows: float  # that are there; below 1: the file lacks its end


def probe(file: BinaryIO, limits: Limits) -> SourceInfo:
    """Return the facts from the header. No pixel is decoded.

    Raises:
        SourceUnreadable: the file is damaged.
        SourceRefused: the subclass says which limit it breaks.
    """
    return open_source(file, limits).info


def upright_size_of(file: BinaryIO) -> Size:
    """Return the size of a picture in any format of the table, however large it is.

    Raises:
        SourceUnreadable, SourceRefused: it is no picture, or its header is too long.
    """
    return probe(file, _ANY_SIZE).size


def check_integrity(file: BinaryIO, limits: Limits) -> SourceInfo:
    """Return what `probe` returns, after every pixel was decoded: the picture is complete."""
    source = open_source(file, limits)
    decode(source, limits)
    return source.info


def difference(one: bytes, other: bytes, limits: Limits) -> float:
    """Return the mean difference of the pictures in two files, 0-255; 0: they are the same.

    Raises:
        SourceUnreadable, SourceRefused: for one of them.
    """
    images = [open_source(io.BytesIO(data), limits).image for data in (one, other)]
    with reading_pixels():
        return mean_difference(*images)


def open_source(file: BinaryIO, limits: Limits) -> Source:
    """Return the picture in `file`, within `limits`. The content tells its format."""
    # Buffered: headers are read a few bytes at a time.
    reader = io.BufferedReader(_Reader(file), _BUFFER_BYTES)
    _check(reader.seek(0, 2), limits.max_file_bytes, errors.FileTooLarge)
    header = read_header(
        reader,
        max_metadata_bytes=limits.max_metadata_bytes,
        max_scans=limits.max_jpeg_scans,
    )
    source_format = _accepted(header, limits)
    _check_header(header, source_format, limits)
    is_lenient = limits.accepts_incomplete and source_format is _JPEG
    pixels = with_end_marker(reader) if is_lenient else reader
    image = _open(pixels, source_format)
    stored = Size(*image.size)
    if stored != header.size:
        _check_size(stored, header, source_format, limits)
    return Source(
        pixels, header, image, _describe(image, header, source_format, _late_exif(reader, header))
    )


def decode(source: Source, limits: Limits, at_least: Size | None = None) -> DecodedPicture:
    """Return the first frame of `source`. Its file is read once.

    Args:
        at_least: The size that is needed. A JPEG is decoded to an eighth, a quarter or half of its
            sides if that is not smaller. None: every pixel is needed.

    Raises:
        SourceUnreadable: some pixels are missing or damaged.
        DecodeTooLarge: it cannot be decoded within the limits.
    """
    image, scale = source.image, 1.0
    if source.info.format == "JPEG":
        draft = _affordable_draft(source, limits, at_least)
        drafted = image.draft(None, draft)
        scale = drafted[1][2] / source.info.stored_size.width if drafted else 1
    with reading_pixels():
        image, share = load(image, source.file, is_lenient=limits.accepts_incomplete)
    if share < (_MIN_SHARE_OF_ROWS if limits.accepts_incomplete else 1):
        raise errors.SourceIncomplete("Some of the pixel data is missing.")
    return DecodedPicture(image, scale, share)


def check_frames(source: Source, limits: Limits) -> int:
    """Refuse an animation whose frames together have too many pixels. Nothing is decoded.

    Returns:
        The number of frames.
    """
    source_format, first = format_named(source.info.format), source.info.stored_size
    frames = survey_frames(source.file, source_format.name, first, limits.max_frame_pixels)
    if frames is None:
        frames = Frames(getattr(source.image, "n_frames", 1), first)
    _check_size(frames.canvas, source.header, source_format, limits)
    pixels = frames.count * frames.canvas.pixels
    _check(pixels, limits.max_frame_pixels, errors.TooManyFramePixels)
    return frames.count


def _affordable_draft(source: Source, limits: Limits, at_least: Size | None) -> tuple[int, int]:
    """Return the size to decode to: `at_least`, or less if that needs too much memory."""
    stored, coefficients = source.info.stored_size, source.header.coefficient_bytes
    for divisor in (1, 2, 4, 8):
        size = Size(stored.width // divisor or 1, stored.height // divisor or 1)
        needed = coefficients + size.pixels * _JPEG.decode_bytes_per_pixel
        if needed <= limits.max_decode_bytes:
            return (min(at_least or stored, size, key=lambda s: s.pixels)).as_tuple
        if at_least is None:
            break
    raise errors.DecodeTooLarge(needed, limits.max_decode_bytes)


def _accepted(header: Header, limits: Limits) -> Format:
    accepted = tuple(name for name in limits.formats if format_named(name).is_installed)
    if header.format in accepted:
        return format_named(header.format)
    found = format_named(header.format) if header.format else None
    lacks = found.extra if found and not found.is_installed else ""
    raise errors.FormatRefused(header.format, accepted, lacks)


def _check_header(header: Header, source_format: Format, limits: Limits) -> None:
    for size in filter(None, (header.size, header.tile)):
        _check_size(size, header, source_format, limits)
    _check(header.metadata_bytes, limits.max_metadata_bytes, errors.MetadataTooLarge)
    _check(header.scans, limits.max_jpeg_scans, errors.TooManyScans)
    is_tolerated = isinstance(header.fault, errors.SourceIncomplete) and limits.accepts_incomplete
    if header.fault and not is_tolerated:
        raise header.fault


def _check_size(size: Size, header: Header, source_format: Format, limits: Limits) -> None:
    if size.pixels < 1:
        raise errors.SourceUnreadable(f"Its size is {size}.")
    _check(max(size.as_tuple), limits.max_side, errors.SideTooLong)
    _check(size.pixels, limits.max_pixels, errors.TooManyPixels)
    if source_format is not _JPEG:  # a JPEG can be decoded smaller
        needed = memory_needed(header, source_format, size)
        _check(needed, limits.max_decode_bytes, errors.DecodeTooLarge)


def _check(value: int, limit: int, error: type[errors.LimitExceeded]) -> None:
    if value > limit:
        raise error(value, limit)


def _open(file: BinaryIO, source_format: Format) -> Image.Image:
    with reading_pixels(), _no_warnings():
        return open_image(file, source_format)


def _describe(
    image: Image.Image, header: Header, source_format: Format, late_exif: bytes | None
) -> SourceInfo:
    stored = Size(*image.size)
    orientation = _orientation(image, late_exif)
    if source_format.name == "HEIF":  # libheif turns it, and EXIF only repeats how
        orientation = Orientation.UPRIGHT
    if source_format.name == "TIFF" and header.size:  # Pillow turns a TIFF upright while it decodes
        stored, orientation = upright_size(header.size, orientation), Orientation.UPRIGHT
    profile = image.info.get("icc_profile")
    return SourceInfo(
        format=source_format.name,
        size=upright_size(stored, orientation),
        stored_size=stored,
        orientation=orientation,
        mode=image.mode,
        icc_profile=profile if isinstance(profile, bytes) and profile else None,
    )


def _late_exif(file: BinaryIO, header: Header) -> bytes | None:
    if header.late_exif is None:
        return None
    offset, length = header.late_exif
    position = file.tell()
    file.seek(offset)
    data = file.read(length)
    file.seek(position)
    return data


def _orientation(image: Image.Image, late_exif: bytes | None) -> Orientation:
    """Return the orientation in EXIF; upright if EXIF is broken."""
    try:
        with _no_warnings():
            exif = Image.Exif()
            if late_exif is not None:
                exif.load(late_exif)
            else:
                # Not image.getexif(): of a PNG, that decodes the picture.
                exif = Image.Image.getexif(image)
        return Orientation(exif.get(ORIENTATION_TAG, 1))
    except _EXIF_ERRORS:
        return Orientation.UPRIGHT


# Pillow 13 raises these for hostile or broken files.
_EXIF_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)
_PIXEL_ERRORS = (*_EXIF_ERRORS, AssertionError, zlib.error)


@contextmanager
def reading_pixels() -> Iterator[None]:
    """Translate what Pillow raises for a bad file."""
    try:
        yield
    except MemoryError as error:
        raise errors.OutOfMemory("While the picture was read.") from error
    except UnidentifiedImageError as error:  # its message is the address of an object
        raise errors.SourceUnreadable("Pillow cannot identify the file.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        numbers = [int(number) for number in re.findall(r"\d+", str(error))]
        raise errors.TooManyPixels(*numbers[:2]) from error
    except _PIXEL_ERRORS as error:
        ends_early = "truncated" in str(error).lower()
        kind = errors.SourceIncomplete if ends_early else errors.SourceUnreadable
        raise kind(str(error)) from error


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Ignore the warnings of Pillow about broken EXIF and large pictures: this module checks both.

    The lock prevents a race: Python has one list of warning filters for all threads.
    """
    with _WARNINGS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_WARNINGS_LOCK = threading.Lock()


class _Reader(io.RawIOBase):
    """A file whose read errors are errors of the storage, not of the picture."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        data = self._call(self._file.read, len(view))
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        return self._call(self._file.read)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._call(self._file.seek, offset, whence)
        return self._call(self._file.tell)

    @staticmethod
    def _call(method: Callable[..., T], *arguments: int) -> T:
        try:
            return method(*arguments)
        except OSError as error:
            raise errors.StorageFailed(f"The original cannot be read: {error}") from error
