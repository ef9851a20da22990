"""What a file says about itself, read without any decoder: a module for each format.

Every number is found by seeking over the file's blocks: nothing is inflated or decoded, and nothing
larger than a block header is kept, EXIF apart. A file that can't be followed gives what was found
so far; whether it is a picture is for the decoder to say.
"""

import re
from collections.abc import Callable
from typing import BinaryIO

from .avif import read_avif
from .gif import count_gif_frames, read_gif
from .header import Header
from .jpeg import read_jpeg
from .png import read_png
from .tiff import read_tiff
from .webp import count_webp_frames, read_webp

__all__ = ["Header", "count_frames", "format_of", "read_header"]

_MAGIC = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "WEBP"),
    (re.compile(rb".{4}ftyp.{0,64}?avi[fs]", re.DOTALL), "AVIF"),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "TIFF"),
    (re.compile(rb"BM"), "BMP"),
)

_Walk = Callable[[BinaryIO, Header, int, int], None]
_WALKS: dict[str, _Walk] = {
    "JPEG": read_jpeg,
    "PNG": read_png,
    "GIF": read_gif,
    "WEBP": read_webp,
    "AVIF": read_avif,
    "TIFF": read_tiff,
}


def read_header(file: BinaryIO, *, max_metadata_bytes: int, max_scans: int) -> Header:
    """Return what `file` says of itself; reading ends where a limit is broken."""
    file.seek(0)
    header = Header(format_of(file.read(96)))
    walk = _WALKS.get(header.format or "")
    if walk:
        file.seek(0)
        walk(file, header, max_metadata_bytes, max_scans)
    file.seek(0)
    return header


def format_of(start: bytes) -> str | None:
    """Return the format of a file that begins with `start`; None: no format that we know."""
    return next((name for magic, name in _MAGIC if magic.match(start)), None)


def count_frames(file: BinaryIO, format_name: str, max_frames: int) -> int | None:
    """Return how many frames `file` has, or a number above `max_frames`; None: only Pillow knows.

    Pillow's own count composes the frames of a GIF.
    """
    count = {"GIF": count_gif_frames, "WEBP": count_webp_frames}.get(format_name)
    return count(file, max_frames) if count else None
