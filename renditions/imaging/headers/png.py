"""The blocks of a PNG.

Texts and a profile are small in the file and large in memory: 64 KB of them were 250 MB. Pillow
inflates each up to a megabyte, and a letter that needs four bytes makes all of its text as wide.
"""

import sys
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from renditions.errors import SourceIncomplete, SourceUnreadable

from .header import Header, add_exif, size_of
from .ifd import BLOCK_OVERHEAD_BYTES

_EXIF_AS_TEXT = b"Raw profile type exif"  # in hexadecimal, by ImageMagick
_EXIF_AS_TEXT_COST = 32  # a fraction is 16 digits
_MOST_INFLATED_BYTES = 1 << 20  # Pillow refuses what is more
_PALETTE_COLOURS = 3


def read_png(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Fill `header`, blocks behind the pixels included."""
    pixels_begun, needs_palette = False, False
    for name, body, length in png_blocks(file, header, max_metadata_bytes):
        if name == b"IHDR":
            needs_palette = _read_start(file, header)
        elif name == b"IDAT":
            pixels_begun = True
            if needs_palette:
                header.fault = SourceUnreadable("The palette is missing.")
        else:
            needs_palette = needs_palette and name != b"PLTE"
            header.metadata_bytes += length
            if header.metadata_bytes <= max_metadata_bytes:
                _add_block(file, header, name, length, max_metadata_bytes)
            if name == b"eXIf" and pixels_begun:
                header.late_exif = body, length


def png_blocks(
    file: BinaryIO, header: Header, max_metadata_bytes: int
) -> Iterator[tuple[bytes, int, int]]:
    """Yield of each block but the last its name, where its body starts and its length.

    The file is at the body then.
    """
    end, body = file.seek(0, 2), 8
    while header.metadata_bytes <= max_metadata_bytes:
        file.seek(body)
        block = file.read(8)
        length, name = int.from_bytes(block[:4], "big"), block[4:]
        if len(block) < 8 or name == b"IEND":
            return
        body += 8
        if length > end - body:
            header.fault = SourceIncomplete(f"A chunk of {length:,} bytes is longer than the file.")
            return
        header.metadata_bytes += BLOCK_OVERHEAD_BYTES
        yield name, body, length
        body += length + 4


def _read_start(file: BinaryIO, header: Header) -> bool:
    """Read the size; return whether pixels are numbers of colours."""
    start = file.read(10)
    header.size = size_of(start[:4], start[4:8], "big")
    return start[9:] == bytes([_PALETTE_COLOURS])


def _add_block(
    file: BinaryIO, header: Header, name: bytes, length: int, max_metadata_bytes: int
) -> None:
    """Count what the block's `length` bytes become, beyond those bytes themselves."""
    if name == b"eXIf":
        add_exif(header, file.read(length), max_metadata_bytes)
    elif name in (b"tEXt", b"zTXt", b"iTXt", b"iCCP"):
        key, _, body = file.read(length).partition(b"\0")
        text = _text(name, body)
        becomes = _memory_of(text) if name == b"iTXt" else len(text)
        header.metadata_bytes += max(becomes - length, 0)
        if key == _EXIF_AS_TEXT:
            header.metadata_bytes += len(text) * _EXIF_AS_TEXT_COST


def _text(name: bytes, body: bytes) -> bytes:
    """Return what is written behind the key of a text, or behind the name of a profile."""
    if name == b"tEXt":
        return body
    if name in (b"zTXt", b"iCCP"):
        return _inflated(body[1:])
    text = body[2:].split(b"\0", 2)[-1]  # behind a language and the key in it
    return text if body[:1] == b"\0" else _inflated(text)


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _MOST_INFLATED_BYTES)
    except zlib.error:  # Pillow passes over it
        return b""


def _memory_of(text: bytes) -> int:
    try:
        return sys.getsizeof(text.decode())
    except UnicodeDecodeError:  # Pillow passes over it
        return len(text)
