"""The blocks of a WebP, by RFC 9649."""

from typing import BinaryIO

from renditions.imaging.geometry import Size

from .directories import BLOCK_OVERHEAD_BYTES
from .header import Frames, Header, add_exif, size_of


def read_webp(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Fill `header`, blocks behind the pixels included."""
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
            add_exif(header, file.read(length), max_metadata_bytes)
        file.seek(body + length + length % 2)


def _webp_size(start: bytes) -> Size | None:
    if len(start) < 30:
        return None
    if start[12:16] == b"VP8X":
        return size_of(start[24:27], start[27:30], "little", 1)
    if start[12:16] == b"VP8L":
        bits = int.from_bytes(start[21:25], "little")
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    width, height = (int.from_bytes(start[i : i + 2], "little") & 0x3FFF for i in (26, 28))
    return Size(width, height)


def survey_webp_frames(file: BinaryIO, canvas: Size, max_pixels: int) -> Frames:
    """Count the frames of an animation, none of which reaches out of `canvas`."""
    file.seek(12)
    frames = 0
    while frames * canvas.pixels <= max_pixels and len(block := file.read(8)) == 8:
        frames += block[:4] == b"ANMF"
        length = int.from_bytes(block[4:], "little")
        file.seek(length + length % 2, 1)
    return Frames(frames, canvas)
