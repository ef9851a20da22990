"""May this file be opened, and what is in it? All limits are checked before a pixel is decoded."""

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

from .formats import Format, format_named
from .geometry import Size
from .headers import Frames, Header, lacks_scanlines, read_header, survey_frames
from .integrity import (
    has_grey_corner,
    is_cut_short,
    is_mark_left,
    mark_end,
    mean_difference,
)
from .orientation import ORIENTATION_TAG, Orientation, upright_size

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_JPEG = format_named("JPEG")
_BUFFER_BYTES = 1 << 16

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a source may ask of us. A limit itself is still allowed."""

    max_pixels: int = 50_000_000
    max_side: int = 16_384  # px
    max_file_bytes: int = 100_000_000
    max_jpeg_scans: int = 100
    max_frame_pixels: int = 50_000_000  # of all frames of a kept animation together
    max_metadata_bytes: int = 16_000_000  # EXIF, XMP, profiles, comments, as stored
    max_decode_bytes: int = 370_000_000  # of memory, at the peak of a format's own decoder
    formats: tuple[str, ...] = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What the header says."""

    format: str
    size: Size  # upright
    stored_size: Size
    orientation: Orientation
    mode: str  # Pillow's
    icc_profile: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """An opened picture, not decoded yet."""

    file: BinaryIO
    header: Header
    image: Image.Image
    info: SourceInfo


class DecodedPicture(NamedTuple):
    image: Image.Image
    scale: float  # of its sides to the original's; the last row and column may be cut ones


def probe(file: BinaryIO, limits: Limits) -> SourceInfo:
    """Return what the header says; no pixel is decoded.

    Raises:
        SourceUnreadable: it is no picture, or a broken one.
        SourceRefused: one of its subclasses says which limit it breaks.
    """
    return open_source(file, limits).info


def check_integrity(file: BinaryIO, limits: Limits) -> SourceInfo:
    """Return what `probe` returns after decoding every pixel: this is a whole picture."""
    source = open_source(file, limits)
    decode(source, limits)
    return source.info


def difference(one: bytes, other: bytes, limits: Limits) -> float:
    """Return how far apart two picture files are on average, 0-255; 0 is the same picture.

    Raises:
        SourceUnreadable, SourceRefused: one of them is no picture, or above a limit.
    """
    images = [open_source(io.BytesIO(data), limits).image for data in (one, other)]
    with reading_pixels():
        return mean_difference(*images)


def open_source(file: BinaryIO, limits: Limits) -> Source:
    """Return the picture in `file`, judged by its content and inside `limits`, not yet decoded."""
    # Buffered, because headers are read a few bytes at a time.
    reader = io.BufferedReader(_Reader(file), _BUFFER_BYTES)
    _check(reader.seek(0, 2), limits.max_file_bytes, errors.FileTooLarge)
    header = read_header(
        reader,
        max_metadata_bytes=limits.max_metadata_bytes,
        max_scans=limits.max_jpeg_scans,
    )
    row = _accepted(header, limits)
    _check_header(header, row, limits)
    image = _open(reader, row)
    stored = Size(*image.size)
    if stored != header.size:
        _check_size(stored, row, limits)
    return Source(reader, header, image, _describe(image, header, row, _late_exif(reader, header)))


def decode(source: Source, limits: Limits, at_least: Size | None = None) -> DecodedPicture:
    """Return all pixels of the first frame of `source`, whose file is read for them once.

    Args:
        at_least: A JPEG may be decoded to an eighth, a quarter or half of its sides if that is not
            less than this; None: no pixel may be missing.

    Raises:
        SourceUnreadable: some pixels are missing or broken.
        DecodeTooLarge: there is no way to decode it within the limits.
    """
    image, scale = source.image, 1.0
    if source.info.format == "JPEG":
        draft = _affordable_draft(source, limits, at_least)
        drafted = image.draft(None, draft)
        scale = drafted[1][2] / source.info.stored_size.width if drafted else 1
    with reading_pixels():
        if _load(source):
            raise errors.SourceIncomplete("Some of the pixel data is missing.")
    return DecodedPicture(image, scale)


def _load(source: Source) -> bool:
    """Decode the picture; return whether data is missing that its decoder didn't miss."""
    image = source.image
    if source.info.format == "PNG":
        mark_end(image)
        image.load()
        return is_mark_left(image) and lacks_scanlines(source.file)
    image.load()
    return source.info.format == "JPEG" and has_grey_corner(image) and is_cut_short(source.file)


def check_frames(source: Source, limits: Limits) -> None:
    """Refuse an animation whose frames have too many pixels together; nothing is decoded."""
    row, first = format_named(source.info.format), source.info.stored_size
    frames = survey_frames(source.file, row.name, first, limits.max_frame_pixels)
    if frames is None:
        frames = Frames(getattr(source.image, "n_frames", 1), first)
    _check_size(frames.canvas, row, limits)
    pixels = frames.count * frames.canvas.pixels
    _check(pixels, limits.max_frame_pixels, errors.TooManyFramePixels)


def _affordable_draft(source: Source, limits: Limits, at_least: Size | None) -> tuple[int, int]:
    """Return the size to decode to: `at_least`, or less where its memory can't be had."""
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
    if header.format is None or header.format not in limits.formats:
        raise errors.FormatRefused(header.format, limits.formats)
    return format_named(header.format)


def _check_header(header: Header, row: Format, limits: Limits) -> None:
    for size in filter(None, (header.size, header.tile)):
        _check_size(size, row, limits)
    _check(header.metadata_bytes, limits.max_metadata_bytes, errors.MetadataTooLarge)
    _check(header.scans, limits.max_jpeg_scans, errors.TooManyScans)
    if header.fault:
        raise header.fault


def _check_size(size: Size, row: Format, limits: Limits) -> None:
    if size.pixels < 1:
        raise errors.SourceUnreadable(f"Its size is {size}.")
    _check(max(size.as_tuple), limits.max_side, errors.SideTooLong)
    _check(size.pixels, limits.max_pixels, errors.TooManyPixels)
    if row is not _JPEG:  # whose decoder can be told to make less of it
        needed = size.pixels * row.decode_bytes_per_pixel
        _check(needed, limits.max_decode_bytes, errors.DecodeTooLarge)


def _check(value: int, limit: int, error: type[errors.LimitExceeded]) -> None:
    if value > limit:
        raise error(value, limit)


def _open(file: BinaryIO, row: Format) -> Image.Image:
    with reading_pixels(), _no_warnings():
        # Never without `formats`: PostScript would start Ghostscript.
        return Image.open(file, formats=[row.name])


def _describe(
    image: Image.Image, header: Header, row: Format, late_exif: bytes | None
) -> SourceInfo:
    stored = Size(*image.size)
    orientation = _orientation(image, late_exif)
    if row.name == "TIFF" and header.size:  # which Pillow turns itself, while it is decoded
        stored, orientation = upright_size(header.size, orientation), Orientation.UPRIGHT
    profile = image.info.get("icc_profile")
    return SourceInfo(
        format=row.name,
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
    """Return which way is up; broken EXIF says nothing."""
    try:
        with _no_warnings():
            exif = Image.Exif()
            if late_exif is not None:
                exif.load(late_exif)
            else:
                # Not image.getexif(): for a PNG that decodes the picture.
                exif = Image.Image.getexif(image)
        return Orientation(exif.get(ORIENTATION_TAG, 1))
    except _EXIF_ERRORS:
        return Orientation.UPRIGHT


# What Pillow 13 raises for hostile or broken files.
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
    """Turn whatever Pillow raises for a bad file into our errors."""
    try:
        yield
    except MemoryError as error:
        raise errors.OutOfMemory("While the picture was read.") from error
    except UnidentifiedImageError as error:  # whose own message names an object in memory
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
    """Keep Pillow from telling stderr, or from failing where warnings are errors.

    What it warns of, broken EXIF and large pictures, is judged here. The lock is because Python
    keeps one list of warning filters for all threads.
    """
    with _WARNINGS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_WARNINGS_LOCK = threading.Lock()


class _Reader(io.RawIOBase):
    """A file whose own failures can't be taken for a broken picture."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        data = self._ask(self._file.read, len(view))
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        return self._ask(self._file.read)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._ask(self._file.seek, offset, whence)
        return self._ask(self._file.tell)

    @staticmethod
    def _ask(method: Callable[..., T], *arguments: int) -> T:
        try:
            return method(*arguments)
        except OSError as error:
            raise errors.StorageFailed(f"The original cannot be read: {error}") from error
