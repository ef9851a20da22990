"""The blocks of a PNG."""

from typing import BinaryIO

from .directories import BLOCK_OVERHEAD_BYTES
from .header import Header, add_exif, size_of

_EXIF_AS_TEXT = b"Raw profile type exif\0"  # in hexadecimal, by ImageMagick
_EXIF_AS_TEXT_COST = 32  # a fraction is 16 digits


def read_png(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Fill `header`, blocks behind the pixels included."""
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
            header.size = size_of(sides[:4], sides[4:], "big")
        elif name == b"IDAT":
            pixels_begun = True
            header.metadata_bytes += BLOCK_OVERHEAD_BYTES
        else:
            header.metadata_bytes += min(length, end - body) + BLOCK_OVERHEAD_BYTES
        if name == b"eXIf" and pixels_begun:
            header.late_exif = body, length
        if name == b"eXIf" and header.metadata_bytes <= max_metadata_bytes:
            add_exif(header, file.read(length), max_metadata_bytes)
        if name in (b"tEXt", b"iTXt") and file.read(len(_EXIF_AS_TEXT)) == _EXIF_AS_TEXT:
            header.metadata_bytes += length * _EXIF_AS_TEXT_COST
        file.seek(body + length + 4)
