"""Decode all pixels of an opened picture, and find out which of its rows are there.

Pillow reports most files that end early, and returns no picture. A lenient call returns what is
there: a JPEG gets an end marker, after which libjpeg fills the rest, and of a PNG the rows are kept
that were decoded before the error. The switch of Pillow for this is global, so it is not used.
"""

import io
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image

from .decoders import load_still
from .headers import END_OF_IMAGE, end_of_image_offset, missing_rows
from .integrity import fill_rows, has_grey_corner, is_mark_left, mark_end, share_of_rows
from .modes import clear_outside

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_END_MARKER = bytes([0xFF, END_OF_IMAGE])
_BUFFER_BYTES = 1 << 16


def load(image: Image.Image, file: BinaryIO, *, is_lenient: bool) -> tuple[Image.Image, float]:
    """Decode `image`; return the picture, and the share of its rows that are there.

    Args:
        file: From which it was opened. If it is a JPEG and the call is lenient, the file has an end
            marker more, by `with_end_marker`.
        is_lenient: Return a JPEG or a PNG whose end is missing. Otherwise most of them raise the
            error of Pillow.
    """
    if image.format == "PNG":
        return _load_png(image, file, is_lenient=is_lenient)
    tiles = getattr(image, "tile", None)
    image = load_still(image, file)
    if image.format == "GIF" and tiles:
        return clear_outside(image, tiles[0].extents), 1.0
    if image.format in ("JPEG", "MPO"):
        has_end = _has_end_marker(file, 1 if is_lenient else 0)
        if has_grey_corner(image) or not has_end:
            return image, share_of_rows(file, has_end=has_end)
    return image, 1.0


def _load_png(image: Image.Image, file: BinaryIO, *, is_lenient: bool) -> tuple[Image.Image, float]:
    ends_early = False
    mark_end(image)
    try:
        image.load()
    except OSError as error:
        if not is_lenient or "truncated" not in str(error).lower():
            raise
        ends_early = True
    if not ends_early and not is_mark_left(image):
        return image, 1.0
    rows = missing_rows(file)
    return fill_rows(image, rows), 1 - len(rows) / image.height


def _has_end_marker(file: BinaryIO, appended: int) -> bool:
    """Whether the JPEG in `file` has an end marker, besides the `appended` ones.

    Cameras append data after the end marker.
    """
    added = appended * len(_END_MARKER)
    length = file.seek(0, 2)
    file.seek(max(length - added - len(_END_MARKER), 0))
    if file.read(len(_END_MARKER)) == _END_MARKER:
        return True
    file.seek(0)
    found = end_of_image_offset(file.read())
    return found is not None and found < length - added


def with_end_marker(file: BinaryIO) -> BinaryIO:
    """Return the JPEG in `file` with an end marker after its last byte."""
    return io.BufferedReader(_Longer(file, _END_MARKER), _BUFFER_BYTES)


class _Longer(io.RawIOBase):
    """A file with more bytes after its last one."""

    def __init__(self, file: BinaryIO, more: bytes) -> None:
        self._file, self._more = file, more
        self._length = file.seek(0, 2)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        if self._position < self._length:
            self._file.seek(self._position)
            data = self._file.read(len(view))
        else:
            data = self._more[self._position - self._length :][: len(view)]
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        start = (0, self._position, self._length + len(self._more))[whence]
        self._position = start + offset
        return self._position
