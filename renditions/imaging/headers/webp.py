"""The chunks of a WebP, by RFC 9649."""

from collections.abc import Iterator
from typing import BinaryIO

from renditions.imaging.geometry import Size

from .header import Frames, Header, add_exif, size_of
from .ifd import BLOCK_OVERHEAD_BYTES


def read_webp(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Fill `header`, also with the chunks after the pixels."""
    start = file.read(30)
    header.size = _webp_size(start)
    header.moving = is_webp_animation(start)
    for name, length in _chunks(file):
        header.lossless |= name == b"VP8L"
        header.alpha |= name == b"ALPH"
        if name in (b"ICCP", b"EXIF", b"XMP "):
            header.metadata_bytes += length
        header.metadata_bytes += BLOCK_OVERHEAD_BYTES
        if header.metadata_bytes > max_metadata_bytes:
            return
        if name == b"EXIF":
            add_exif(header, file.read(length), max_metadata_bytes)


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield the name of each chunk and its length. The file is then at the body of the chunk.

    Bytes after the RIFF length are ignored.
    """
    end = file.seek(0, 2)
    file.seek(4)
    end, start = min(8 + int.from_bytes(file.read(4), "little"), end), 12
    while start + 8 <= end:
        file.seek(start)
        chunk = file.read(8)
        length, start = int.from_bytes(chunk[4:], "little"), start + 8
        yield chunk[:4], min(length, end - start)
        start += length + length % 2


def is_webp_animation(start: bytes) -> bool:
    """Whether the file that begins with `start` is an animation, if of one frame."""
    return start[12:16] == b"VP8X" and bool(start[20:21] and start[20] & 2)


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
    """Count the frames of an animation. All of them are inside `canvas`."""
    frames = 0
    for name, _ in _chunks(file):
        frames += name == b"ANMF"
        if frames * canvas.pixels > max_pixels:
            break
    return Frames(frames, canvas)
