"""Is a picture complete, which rows has it, and do two pictures show the same?

A decoder fills in what is missing, and says nothing or only warns.

JPEG: Pillow reports a file that ends early, unless it has an end marker, as a repaired upload may
have. libjpeg fills the missing part with mid-grey, up to the last corner. So if this corner has
exactly this grey, the picture is decoded again with other data before its first end marker. If the
data was complete, nothing changes. Where the data has restart markers, none of them may be missing,
because libjpeg skips to the next one. The first row that changes is the first one that is not
complete.

PNG: if the pixels end early, the rest is black or transparent. So the last row is filled with a
colour before the picture is decoded. If the colour is still there afterwards, the pixels are
counted.
"""

from io import BytesIO
from typing import BinaryIO

from PIL import Image, ImageChops, ImageStat

from .headers import end_of_image_offset, lacks_only_its_end, lacks_restart_markers
from .modes import detach_from_file

_GREY = range(127, 129)  # 127 in inverted CMYK
_NEARLY_GREY = range(112, 145)  # libjpeg smooths a progressive picture across blocks
_MARKER = 0xFF
_OTHER_DATA = b"\x55\xaa" * 2048
_MARK = (85, 171, 3, 129)  # a colour that is rare in the last row
_COMPARED_SIDE = 16  # px; so small that differences of encoders and resamplers disappear


def has_grey_corner(image: Image.Image) -> bool:
    """Whether decoded `image` may be incomplete: its last pixel has the grey of libjpeg."""
    grey = _NEARLY_GREY if image.info.get("progressive") else _GREY
    corner = image.getpixel((image.width - 1, image.height - 1))
    values = corner if isinstance(corner, tuple) else (corner,)
    return all(value in grey for value in values)


def share_of_rows(file: BinaryIO, *, has_end: bool) -> float:
    """Return the share of the rows of the JPEG in `file` that are complete, counted from the top.

    It is decoded twice, at an eighth of its sides. Without an end marker of its own, at a quarter:
    the smallest size needs only the mean of each block, and what is missing may be the rest.

    Args:
        has_end: Whether the file has an end marker. Otherwise one was appended to it.
    """
    file.seek(0)
    data = file.read()
    end = end_of_image_offset(data)
    if end is None:
        return 0.0
    is_in_order, is_suspect = lacks_only_its_end(data, end), lacks_restart_markers(data, end)
    if (is_suspect or not has_end) and not is_in_order:
        return 0.0
    view = memoryview(data)
    # Not after 0xFF, with which it would be another marker.
    whole = end - (data[end - 1] == _MARKER)
    other = b"".join((view[:whole], _OTHER_DATA, view[end:]))
    del data, view  # a file may be as large as its pixels
    divisor = 8 if has_end else 4
    one, height = _decode_small(file, divisor)
    another, _ = _decode_small(BytesIO(other), divisor)
    changed = ImageChops.difference(one, another).getbbox()
    if changed is None:
        return 0.0 if is_suspect else 1.0
    rows = changed[1] * -(-height // one.height)  # libjpeg rounds sides up
    return rows / height if is_in_order else 0.0


def mark_end(image: Image.Image) -> None:
    """Fill the last two rows of `image`, a PNG that is not decoded yet, with a colour."""
    marked = Image.new(image.mode, image.size, None)  # as in Pillow: the decoder fills it
    marked.paste(_mark(image, 2), (0, image.height - 2))
    image.im = marked.im


def fill_rows(image: Image.Image, rows: range) -> Image.Image:
    """Return decoded `image`, a PNG that ends early, with what browsers show in the missing `rows`.

    Of an interlaced picture, each missing row has a complete one above it. Otherwise the rest is
    black or transparent.
    """
    picture = detach_from_file(
        image
    )  # it would be decoded again, because its decoder has not ended
    picture.info = image.info
    for row in rows if rows.step > 1 else ():
        picture.paste(picture.crop((0, row - 1, picture.width, row)), (0, row))
    if rows.step == 1:
        rest = Image.new(picture.mode, (picture.width, len(rows)))
        picture.paste(rest, (0, rows.start))
    return picture


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


def _decode_small(file: BinaryIO, divisor: int) -> tuple[Image.Image, int]:
    """Return the JPEG in `file` with its sides divided by `divisor`, and its height before."""
    image = Image.open(file, formats=["JPEG"])
    height = image.height
    image.draft(None, (image.width // divisor or 1, height // divisor or 1))
    image.load()
    return image, height
