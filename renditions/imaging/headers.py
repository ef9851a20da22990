"""What a file says about itself, read without any decoder.

Every number here is found by seeking over the file's blocks: nothing is inflated or decoded, and
nothing larger than a block header is kept, EXIF apart. A file that can't be followed gives what was
found so far; whether it is a picture is for the decoder to say.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Literal

from .boxes import AvifWalk
from .directories import BLOCK_OVERHEAD_BYTES, read_directory
from .geometry import Size

_MAGIC = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "WEBP"),
    (re.compile(rb".{4}ftyp.{0,64}?avi[fs]", re.DOTALL), "AVIF"),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "TIFF"),
    (re.compile(rb"BM"), "BMP"),
)


@dataclass(slots=True)
class Header:
    """What was found before the pixels."""

    format: str | None  # None: no format that we know
    size: Size | None = None  # as stored; None: only the decoder can tell
    metadata_bytes: int = 0
    scans: int = 1  # of a JPEG; counting ends above the limit
    coefficient_bytes: int = 0  # that a decoder keeps of a JPEG with several scans
    late_exif: tuple[int, int] | None = None  # of a PNG, behind its pixels: offset, length


def read_header(file: BinaryIO, *, max_metadata_bytes: int, max_scans: int) -> Header:
    """Return what `file` says of itself; reading ends where a limit is broken."""
    file.seek(0)
    start = file.read(96)
    header = Header(next((name for magic, name in _MAGIC if magic.match(start)), None))
    walk = _WALKS.get(header.format or "")
    if walk:
        file.seek(0)
        walk(file, header, max_metadata_bytes, max_scans)
    file.seek(0)
    return header


_START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_BASELINE = {0xC0, 0xC1}
_STANDALONE = {0x01, *range(0xD0, 0xD9)}  # markers with no length behind them
_END_OF_IMAGE, _START_OF_SCAN = 0xD9, 0xDA
_METADATA = {*range(0xE0, 0xF0), 0xFE}
_EXIF_SEGMENT, _EXIF_NAME = 0xE1, b"Exif\0\0"


def _jpeg(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    exif = _read_jpeg(file, header, max_metadata_bytes, max_scans)
    _add_exif(header, exif, max_metadata_bytes)


def _add_exif(header: Header, exif: bytes, max_metadata_bytes: int) -> None:
    exif = exif.removeprefix(_EXIF_NAME).removeprefix(_EXIF_NAME)  # once more, as Pillow does
    header.metadata_bytes += read_directory(BytesIO(exif), max_metadata_bytes).cost


def _read_jpeg(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> bytes:
    """Fill `header` and return EXIF, whose segments Pillow joins."""
    file.seek(2)
    frame, baseline, exif = b"", False, bytearray()
    while header.metadata_bytes <= max_metadata_bytes:
        most = (max_metadata_bytes - header.metadata_bytes) // BLOCK_OVERHEAD_BYTES + 1
        marker, length, passed = _jpeg_segment(file, most)
        header.metadata_bytes += passed * BLOCK_OVERHEAD_BYTES
        if marker is None:
            break
        if marker == _START_OF_SCAN:
            # A baseline scan with all components in it is the only one the decoder reads.
            scan = file.read(length)
            if not (baseline and scan[:1] == frame[5:6]):
                _count_scans(file, header, max_metadata_bytes, max_scans)
                header.coefficient_bytes = _coefficient_bytes(frame)
            break
        if marker in _START_OF_FRAME:
            frame, baseline = file.read(length), marker in _BASELINE
            header.size = _size(frame[3:5], frame[1:3], "big")
            length = 0
        if marker in _METADATA:
            header.metadata_bytes += length
        if marker == _EXIF_SEGMENT:
            exif += _exif_of_segment(file, length)
            length = 0
        file.seek(length, 1)
    return bytes(exif)


def _exif_of_segment(file: BinaryIO, length: int) -> bytes:
    """Return EXIF, or nothing where another standard uses the segment; go to its end."""
    end = file.tell() + length
    name = file.read(len(_EXIF_NAME))
    exif = file.read(max(length - len(name), 0)) if name == _EXIF_NAME else b""
    file.seek(end)
    return exif


def _jpeg_segment(file: BinaryIO, max_passed: int) -> tuple[int | None, int, int]:
    """Return the next marker, the bytes behind its length field and how many were passed over.

    The marker is None at the end, and after `max_passed` bytes that say nothing.
    """
    byte, passed = file.read(1), 0
    while byte and byte != b"\xff" and passed < max_passed:
        byte, passed = file.read(1), passed + 1
    while byte == b"\xff" and passed <= max_passed:
        byte, passed = file.read(1), passed + 1
    if not byte or byte[0] == _END_OF_IMAGE or passed > max_passed:
        return None, 0, passed
    if byte[0] in _STANDALONE or byte[0] == 0:
        return byte[0], 0, passed
    length = int.from_bytes(file.read(2), "big")
    return (byte[0], length - 2, passed) if length >= 2 else (None, 0, passed)


# In the data of a scan 0xFF is followed by 0, by a restart marker or by itself.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")


def _count_scans(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Count the scans of the picture, the one whose header was just read included."""
    data, position = file.read(), 0
    while header.scans <= max_scans and header.metadata_bytes <= max_metadata_bytes:
        found = _MARKER.search(data, position)
        if found is None or found[0][1] == _END_OF_IMAGE:
            break
        header.scans += found[0][1] == _START_OF_SCAN
        header.metadata_bytes += BLOCK_OVERHEAD_BYTES
        length = int.from_bytes(data[found.end() : found.end() + 2], "big")
        position = found.end() + max(length, 2)


def _coefficient_bytes(frame: bytes) -> int:
    """Return what the coefficients of all components take, two bytes each."""
    factors = [(sampling >> 4, sampling & 15) for sampling in frame[7::3]]
    across, down = (max((factor[i] for factor in factors), default=1) or 1 for i in (0, 1))
    samples = sum(horizontal * vertical for horizontal, vertical in factors)
    return 2 * _size(frame[3:5], frame[1:3], "big").pixels * samples // (across * down)


_EXIF_AS_TEXT = b"Raw profile type exif\0"  # in hexadecimal, by ImageMagick
_EXIF_AS_TEXT_COST = 32  # a fraction is 16 digits


def _png(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    end = file.seek(0, 2)
    file.seek(8)
    pixels_begun = False
    while header.metadata_bytes <= max_metadata_bytes:
        block = file.read(8)
        length, name = int.from_bytes(block[:4], "big"), block[4:]
        if len(block) < 8 or name == b"IEND":
            return
        body = file.tell()
        if name == b"IHDR":
            sides = file.read(8)
            header.size = _size(sides[:4], sides[4:], "big")
        elif name == b"IDAT":
            pixels_begun = True
            header.metadata_bytes += BLOCK_OVERHEAD_BYTES
        else:
            header.metadata_bytes += min(length, end - body) + BLOCK_OVERHEAD_BYTES
        if name == b"eXIf" and pixels_begun:
            header.late_exif = body, length
        if name == b"eXIf" and header.metadata_bytes <= max_metadata_bytes:
            _add_exif(header, file.read(length), max_metadata_bytes)
        if name in (b"tEXt", b"iTXt") and file.read(len(_EXIF_AS_TEXT)) == _EXIF_AS_TEXT:
            header.metadata_bytes += length * _EXIF_AS_TEXT_COST
        file.seek(body + length + 4)


def _gif(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Read up to the first frame, which may be larger than the screen it is shown on."""
    start = file.read(13)
    if len(start) < 13:
        return
    screen = _size(start[6:8], start[8:10], "little")
    file.seek(_palette_bytes(start[10]), 1)
    while header.metadata_bytes <= max_metadata_bytes:
        kind = file.read(1)
        header.metadata_bytes += BLOCK_OVERHEAD_BYTES
        if kind == b"!":
            file.seek(1, 1)
            header.metadata_bytes += _skip_gif_blocks(file, max_metadata_bytes)
        elif kind == b",":
            place = file.read(8)
            left, top, width, height = (
                int.from_bytes(place[i : i + 2], "little") for i in (0, 2, 4, 6)
            )
            header.size = Size(max(screen.width, left + width), max(screen.height, top + height))
            return
        elif not kind or kind == b";":
            return


def count_frames(file: BinaryIO, format_name: str, max_frames: int) -> int | None:
    """Return how many frames `file` has, or a number above `max_frames`; None: only Pillow knows.

    Pillow's own count composes the frames of a GIF.
    """
    count = {"GIF": _count_gif_frames, "WEBP": _count_webp_frames}.get(format_name)
    return count(file, max_frames) if count else None


_MAX_GIF_COST = 200_000_000
_GIF_TURN_COST = 3 * BLOCK_OVERHEAD_BYTES


def _count_gif_frames(file: BinaryIO, max_frames: int) -> int:
    file.seek(10)
    flags = file.read(3)[:1] or b"\0"
    file.seek(_palette_bytes(flags[0]), 1)
    frames, cost = 0, 0
    while frames <= max_frames:
        kind = file.read(1)
        cost += _GIF_TURN_COST
        if kind == b"!":
            file.seek(1, 1)
        elif kind == b",":
            frames += 1
            place = file.read(9)
            file.seek(_palette_bytes(place[-1] if place else 0) + 1, 1)
        elif not kind or kind == b";":
            break
        if kind in (b"!", b","):
            cost += _skip_gif_blocks(file, _MAX_GIF_COST)
        if cost > _MAX_GIF_COST:  # blocks of a byte each; nobody's encoder does that
            return max_frames + 1
    return frames


def _count_webp_frames(file: BinaryIO, max_frames: int) -> int:
    file.seek(12)
    frames = 0
    while frames <= max_frames and len(block := file.read(8)) == 8:
        frames += block[:4] == b"ANMF"
        length = int.from_bytes(block[4:], "little")
        file.seek(length + length % 2, 1)
    return frames


def _skip_gif_blocks(file: BinaryIO, max_cost: int) -> int:
    """Go to the end of a chain of sub-blocks; return what it costs to read them, in bytes."""
    cost = 0
    while cost <= max_cost and (length := file.read(1)):
        cost += length[0] + BLOCK_OVERHEAD_BYTES
        if length == b"\0":
            break
        file.seek(length[0], 1)
    return cost


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 128 else 0


def _webp(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    start = file.read(30)
    header.size = _webp_size(start)
    file.seek(12)
    while header.metadata_bytes <= max_metadata_bytes:
        block = file.read(8)
        if len(block) < 8:
            return
        length = int.from_bytes(block[4:], "little")
        if block[:4] in (b"ICCP", b"EXIF", b"XMP "):
            header.metadata_bytes += length
        header.metadata_bytes += BLOCK_OVERHEAD_BYTES
        body = file.tell()
        if block[:4] == b"EXIF" and header.metadata_bytes <= max_metadata_bytes:
            _add_exif(header, file.read(length), max_metadata_bytes)
        file.seek(body + length + length % 2)


def _webp_size(start: bytes) -> Size | None:
    if len(start) < 30:
        return None
    if start[12:16] == b"VP8X":
        return _size(start[24:27], start[27:30], "little", 1)
    if start[12:16] == b"VP8L":
        bits = int.from_bytes(start[21:25], "little")
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    width, height = (int.from_bytes(start[i : i + 2], "little") & 0x3FFF for i in (26, 28))
    return Size(width, height)


def _size(width: bytes, height: bytes, order: Literal["big", "little"], plus: int = 0) -> Size:
    return Size(int.from_bytes(width, order) + plus, int.from_bytes(height, order) + plus)


def _avif(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    header.metadata_bytes = AvifWalk(file, max_metadata_bytes).cost


def _tiff(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    directory = read_directory(file, max_metadata_bytes)
    header.size, header.metadata_bytes = directory.size, directory.cost


_Walk = Callable[[BinaryIO, Header, int, int], None]
_WALKS: dict[str, _Walk] = {"JPEG": _jpeg, "PNG": _png, "GIF": _gif, "WEBP": _webp}
_WALKS |= {"AVIF": _avif, "TIFF": _tiff}
