"""Is a JPEG whole? libjpeg paints what is missing grey, and only warns.

A file that breaks off is noticed by Pillow; one that breaks off and yet ends in an end marker, as a
broken upload that something repaired, is not. What libjpeg paints is mid-grey to the last corner.
So if that corner is of exactly this grey, the picture is decoded again with other data in front of
its end marker: where the data was whole, nothing changes.
"""

from io import BytesIO
from typing import BinaryIO

from PIL import Image, ImageChops

_GREY = range(127, 129)  # inverted inks are 127
_NEARLY_GREY = range(112, 145)  # in a progressive picture, which libjpeg smooths across blocks
_END_OF_IMAGE = b"\xff\xd9"
_OTHER_DATA = b"\x55\xaa" * 2048


def has_grey_corner(image: Image.Image) -> bool:
    """Whether decoded `image` may be cut short: its last pixel has libjpeg's grey."""
    grey = _NEARLY_GREY if image.info.get("progressive") else _GREY
    corner = image.getpixel((image.width - 1, image.height - 1))
    values = corner if isinstance(corner, tuple) else (corner,)
    return all(value in grey for value in values)


def is_cut_short(file: BinaryIO, image: Image.Image, at_least: tuple[int, int] | None) -> bool:
    """Whether `image`, decoded from `file` with the draft size `at_least`, lacks some data."""
    file.seek(0)
    data = file.read()
    end = data.rfind(_END_OF_IMAGE)
    if end < 0:
        return False
    other = Image.open(BytesIO(data[:end] + _OTHER_DATA + data[end:]), formats=["JPEG"])
    other.draft(None, at_least)
    other.load()
    return ImageChops.difference(image, other).getbbox() is not None
