"""Is a picture whole? Decoders paint what is missing, and say nothing or only warn.

A JPEG that breaks off is noticed by Pillow; one that breaks off and yet has an end marker, as a
broken upload that something repaired, is not. What libjpeg paints is mid-grey to the last corner.
So if that corner is of exactly this grey, the picture is decoded with other data in front of its
first end marker: where the data was whole, nothing changes. Where it has restart markers, none of
them may be missing, since libjpeg joins what is left.

A PNG whose pixels end early is black or transparent from there on. So its last row is marked before
it is decoded; where the mark is left, the pixels are counted.
"""

from io import BytesIO
from typing import BinaryIO

from PIL import Image, ImageChops, ImageStat

from .headers import end_of_image_offset, lacks_restart_markers

_GREY = range(127, 129)  # inverted inks are 127
_NEARLY_GREY = range(112, 145)  # in a progressive picture, which libjpeg smooths across blocks
_OTHER_DATA = b"\x55\xaa" * 2048
_MARK = (85, 171, 3, 129)  # any colour that few pictures end in
_COMPARED_SIDE = 16  # px: small enough that encoders and resamplers no longer differ


def has_grey_corner(image: Image.Image) -> bool:
    """Whether decoded `image` may be cut short: its last pixel has libjpeg's grey."""
    grey = _NEARLY_GREY if image.info.get("progressive") else _GREY
    corner = image.getpixel((image.width - 1, image.height - 1))
    values = corner if isinstance(corner, tuple) else (corner,)
    return all(value in grey for value in values)


def is_cut_short(file: BinaryIO) -> bool:
    """Whether the JPEG in `file` lacks some data; both decodes for that take little memory."""
    file.seek(0)
    data = file.read()
    end = end_of_image_offset(data)
    if end is None:
        return False
    if lacks_restart_markers(data, end):
        return True
    whole = memoryview(data)
    other = b"".join((whole[:end], _OTHER_DATA, whole[end:]))
    del data, whole  # a file may be as large as a picture
    difference = ImageChops.difference(_smallest(file), _smallest(BytesIO(other)))
    return difference.getbbox() is not None


def mark_end(image: Image.Image) -> None:
    """Give `image`, a PNG that is not decoded yet, memory whose last two rows have a colour."""
    marked = Image.new(image.mode, image.size, None)  # as Pillow does it: filled by the decoder
    marked.paste(_mark(image, 2), (0, image.height - 2))
    image.im = marked.im


def is_mark_left(image: Image.Image) -> bool:
    """Whether the last row that the decoder writes has the colour of `mark_end`."""
    last = image.height - 1
    if image.info.get("interlace"):  # then the last of all are rows with odd numbers
        last = max(last - (last + 1) % 2, 0)
    row = image.crop((0, last, image.width, last + 1))
    return row.tobytes() == _mark(image, 1).tobytes()


def mean_difference(one: Image.Image, other: Image.Image) -> float:
    """Return how far apart the two pictures are on average, 0-255; 0 is the same picture."""
    difference = ImageChops.difference(_for_comparison(one), _for_comparison(other))
    return max(ImageStat.Stat(difference).mean)


def _for_comparison(image: Image.Image) -> Image.Image:
    size = _COMPARED_SIDE, _COMPARED_SIDE
    return image.convert("RGBA").resize(size, Image.Resampling.BOX)


def _mark(image: Image.Image, rows: int) -> Image.Image:
    colour = _MARK[: len(image.getbands())]
    return Image.new(image.mode, (image.width, rows), colour if len(colour) > 1 else colour[0])


def _smallest(file: BinaryIO) -> Image.Image:
    image = Image.open(file, formats=["JPEG"])
    image.draft(None, (1, 1))
    image.load()
    return image
