"""Is a picture complete, and do two pictures show the same?

A decoder fills in what is missing, and says nothing or only warns.

JPEG: Pillow reports a file that ends early, unless it has an end marker, as a repaired upload may
have. libjpeg fills the missing part with mid-grey, up to the last corner. So if this corner has
exactly this grey, the picture is decoded again with other data before its first end marker. If the
data was complete, nothing changes. Where the data has restart markers, none of them may be missing,
because libjpeg skips to the next one.

PNG: if the pixels end early, the rest is black or transparent. So the last row is filled with a
colour before the picture is decoded. If the colour is still there afterwards, the pixels are
counted.
"""

from io import BytesIO
from typing import BinaryIO

from PIL import Image, ImageChops, ImageStat

from .headers import end_of_image_offset, lacks_restart_markers

_GREY = range(127, 129)  # 127 in inverted CMYK
_NEARLY_GREY = range(112, 145)  # libjpeg smooths a progressive picture across blocks
_OTHER_DATA = b"\x55\xaa" * 2048
_MARK = (85, 171, 3, 129)  # a colour that is rare in the last row
_COMPARED_SIDE = 16  # px; so small that differences of encoders and resamplers disappear


def has_grey_corner(image: Image.Image) -> bool:
    """Whether decoded `image` may be incomplete: its last pixel has the grey of libjpeg."""
    grey = _NEARLY_GREY if image.info.get("progressive") else _GREY
    corner = image.getpixel((image.width - 1, image.height - 1))
    values = corner if isinstance(corner, tuple) else (corner,)
    return all(value in grey for value in values)


def is_incomplete(file: BinaryIO) -> bool:
    """Whether the JPEG in `file` lacks data. It is decoded twice, at an eighth of its sides."""
    file.seek(0)
    data = file.read()
    end = end_of_image_offset(data)
    if end is None:
        return False
    if lacks_restart_markers(data, end):
        return True
    view = memoryview(data)
    other = b"".join((view[:end], _OTHER_DATA, view[end:]))
    del data, view  # a file may be as large as its pixels
    difference = ImageChops.difference(_decode_smallest(file), _decode_smallest(BytesIO(other)))
    return difference.getbbox() is not None


def mark_end(image: Image.Image) -> None:
    """Fill the last two rows of `image`, a PNG that is not decoded yet, with a colour."""
    marked = Image.new(image.mode, image.size, None)  # as in Pillow: the decoder fills it
    marked.paste(_mark(image, 2), (0, image.height - 2))
    image.im = marked.im


def is_mark_left(image: Image.Image) -> bool:
    """Whether the row that is decoded last still has the colour of `mark_end`."""
    last = image.height - 1
    if image.info.get("interlace"):  # rows with odd numbers are decoded last
        last = max(last - (last + 1) % 2, 0)
    row = image.crop((0, last, image.width, last + 1))
    return row.tobytes() == _mark(image, 1).tobytes()


def mean_difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two pictures, 0-255; 0: they are the same."""
    difference = ImageChops.difference(_for_comparison(one), _for_comparison(other))
    return max(ImageStat.Stat(difference).mean)


def _for_comparison(image: Image.Image) -> Image.Image:
    size = _COMPARED_SIDE, _COMPARED_SIDE
    return image.convert("RGBA").resize(size, Image.Resampling.BOX)


def _mark(image: Image.Image, rows: int) -> Image.Image:
    colour = _MARK[: len(image.getbands())]
    return Image.new(image.mode, (image.width, rows), colour if len(colour) > 1 else colour[0])


def _decode_smallest(file: BinaryIO) -> Image.Image:
    image = Image.open(file, formats=["JPEG"])
    image.draft(None, (1, 1))
    image.load()
    return image
