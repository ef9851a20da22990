"""The chunks of a PNG.

Texts and a profile are small in the file and large in memory: 64 KB of them took 250 MB. Pillow
inflates each up to a megabyte, and one character of four bytes makes a whole text four times as
large.
"""

import sys
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from renditions.errors import SourceIncomplete, SourceUnreadable

from .header import Header, add_exif, size_of
from .ifd import BLOCK_OVERHEAD_BYTES

_EXIF_AS_TEXT = b"Raw profile type exif"  # in hexadecimal, written by ImageMagick
_EXIF_AS_TEXT_COST = 32  # for each digit; a fraction has 16
_MAX_INFLATED_BYTES = 1 << 20  # Pillow refuses more
_PALETTE_COLOURS = 3


def read_png(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Fill `header`, also with the chunks after the pixels."""
    pixels_begun, needs_palette = False, False
    for name, body, length in png_chunks(file, header, max_metadata_bytes):
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
                _add_chunk(file, header, name, length, max_metadata_bytes)
            if name == b"eXIf" and pixels_begun:
                header.late_exif = body, length


def png_chunks(
    file: BinaryIO, header: Header, max_metadata_bytes: int
) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each chunk, the offset of its body and its length; not of the last chunk.

    The file is at the body when a chunk is yielded. Of a chunk that the file does not have to its
    end, the length is what is there.
    """
    end, body = file.seek(0, 2), 8
    while header.metadata_bytes <= max_metadata_bytes:
        file.seek(body)
        start = file.read(8)
        length, name = int.from_bytes(start[:4], "big"), start[4:]
        if len(start) < 8 or name == b"IEND":
            return
        body += 8
        if length > end - body:
            header.fault = SourceIncomplete(f"A chunk of {length:,} bytes is longer than the file.")
            length = end - body
        header.metadata_bytes += BLOCK_OVERHEAD_BYTES
        yield name, body, length
        body += length + 4


def _read_start(file: BinaryIO, header: Header) -> bool:
    """Read the size; return whether pixels are indexes of a palette."""
    start = file.read(10)
    header.size = size_of(start[:4], start[4:8], "big")
    return start[9:] == bytes([_PALETTE_COLOURS])


def _add_chunk(
    file: BinaryIO, header: Header, name: bytes, length: int, max_metadata_bytes: int
) -> None:
    """Add the memory that the chunk needs beyond its `length` bytes."""
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
    """Return the text after its key, or the profile after its name."""
    if name == b"tEXt":
        return body
    if name in (b"zTXt", b"iCCP"):
        return _inflated(body[1:])
    text = body[2:].split(b"\0", 2)[-1]  # after a language and the translated key
    return text if body[:1] == b"\0" else _inflated(text)


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _MAX_INFLATED_BYTES)
    except zlib.error:  # Pillow ignores it
        return b""


def _memory_of(text: bytes) -> int:
    try:
        return sys.getsizeof(text.decode())
    except UnicodeDecodeError:  # Pillow ignores it
        return len(text)
