"""Which way is up: the eight orientations of EXIF.

A picture is cut and resampled as it is stored, and turned afterwards, when it is small.
"""

from enum import IntEnum

from PIL import Image

from .geometry import Box, Size

Transpose = Image.Transpose
ORIENTATION_TAG = 0x0112


class Orientation(IntEnum):
    """EXIF 2.32, tag 0x0112. Each name says what makes the stored picture upright."""

    UPRIGHT = 1
    MIRROR = 2
    TURN_HALF = 3
    FLIP = 4
    TRANSPOSE = 5
    TURN_RIGHT = 6
    TRANSVERSE = 7
    TURN_LEFT = 8

    @property
    def swaps_sides(self) -> bool:
        return self >= Orientation.TRANSPOSE


_METHODS = {
    Orientation.MIRROR: Transpose.FLIP_LEFT_RIGHT,
    Orientation.TURN_HALF: Transpose.ROTATE_180,
    Orientation.FLIP: Transpose.FLIP_TOP_BOTTOM,
    Orientation.TRANSPOSE: Transpose.TRANSPOSE,
    Orientation.TURN_RIGHT: Transpose.ROTATE_270,
    Orientation.TRANSVERSE: Transpose.TRANSVERSE,
    Orientation.TURN_LEFT: Transpose.ROTATE_90,
}
_MIRRORED_X = {Orientation.MIRROR, Orientation.TURN_HALF, Orientation.TRANSVERSE}
_MIRRORED_X |= {Orientation.TURN_LEFT}
_MIRRORED_Y = {Orientation.TURN_HALF, Orientation.FLIP, Orientation.TRANSVERSE}
_MIRRORED_Y |= {Orientation.TURN_RIGHT}


def make_upright(image: Image.Image, orientation: Orientation) -> Image.Image:
    """Return `image`, which is stored in `orientation`, upright."""
    method = _METHODS.get(orientation)
    return image if method is None else image.transpose(method)


def upright_size(stored: Size, orientation: Orientation) -> Size:
    return stored.swapped if orientation.swaps_sides else stored


def stored_box(box: Box, stored: Size, orientation: Orientation) -> Box:
    """Return the part of the stored picture, of size `stored`, that is `box` when upright."""
    left, top, right, bottom = box.left, box.top, box.right, box.bottom
    if orientation.swaps_sides:
        left, top, right, bottom = top, left, bottom, right
    if orientation in _MIRRORED_X:
        left, right = stored.width - right, stored.width - left
    if orientation in _MIRRORED_Y:
        top, bottom = stored.height - bottom, stored.height - top
    return Box(left, top, right, bottom)
