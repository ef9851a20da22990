"""What a file says about itself, read without a decoder: one module for each format.

Each module walks over the blocks of a file with `seek`. Nothing is decoded; nothing is inflated but
the texts of a PNG; of larger data, only EXIF is kept. If a file cannot be followed to its end, the
header has what was found so far, and the decoder decides whether it is a picture.
"""

import re
from collections.abc import Callable
from typing import BinaryIO

from renditions.imaging.geometry import Size

from .avif import read_avif
from .bmp import read_bmp
from .gif import GifFrame, gif_frames, read_gif, survey_gif_frames
from .header import Frames, Header
from .heif import read_heif
from .jpeg import read_jpeg
from .jpeg_scans import (
    END_OF_IMAGE,
    end_of_image_offset,
    lacks_only_its_end,
    lacks_restart_markers,
)
from .png import read_png
from .png_scanlines import missing_rows
from .tiff import read_tiff
from .webp import is_webp_animation, read_webp, survey_webp_frames

__all__ = [
    "END_OF_IMAGE",
    "Frames",
    "GifFrame",
    "Header",
    "end_of_image_offset",
    "format_of",
    "gif_frames",
    "is_webp_animation",
    "lacks_only_its_end",
    "lacks_restart_markers",
    "missing_rows",
    "read_header",
    "survey_frames",
]

_MAGIC = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "WEBP"),
    (re.compile(rb".{4}ftyp.{0,64}?avi[fs]", re.DOTALL), "AVIF"),
    (re.compile(rb".{4}ftyp(?:.{4}){0,16}?(?:hei[cmsx]|hev[cmsx]|mif1|msf1)", re.DOTALL), "HEIF"),
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
    "HEIF": read_heif,
    "TIFF": read_tiff,
    "BMP": read_bmp,
}


def read_header(file: BinaryIO, *, max_metadata_bytes: int, max_scans: int) -> Header:
    """Return the header of `file`. Reading ends when a limit is broken."""
    file.seek(0)
    header = Header(format_of(file.read(96)))
    walk = _WALKS.get(header.format or "")
    if walk:
        file.seek(0)
        walk(file, header, max_metadata_bytes, max_scans)
    file.seek(0)
    return header


def format_of(start: bytes) -> str | None:
    """Return the format of a file that begins with `start`; None: no known format."""
    return next((name for magic, name in _MAGIC if magic.match(start)), None)


def survey_frames(file: BinaryIO, format_name: str, canvas: Size, max_pixels: int) -> Frames | None:
    """Count the frames of `file`; None: only Pillow can count them.

    Counting ends when all frames together have more than `max_pixels`. Pillow would compose each
    frame of a GIF to count them.

    Args:
        canvas: The size of the first frame.
    """
    survey = {"GIF": survey_gif_frames, "WEBP": survey_webp_frames}.get(format_name)
    return survey(file, canvas, max_pixels) if survey else None
