"""Greys of 16 and 32 bits become the 8 that they stand for.

A PNG's white is 65,535. A TIFF says how many bits it has, whether they are signed or fractions, and
whether they count darkness, and Pillow 13 makes nothing of that.
"""

from PIL import Image, ImageChops

from .strips import in_strips

MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")

_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # by TIFF 6.0
_WHITE_IS_ZERO, _UNSIGNED = 0, 1
_FRACTIONS_END = 10.0  # a few lights may be brighter than white, but not ten times


def eight_bits(image: Image.Image) -> Image.Image:
    """Return deep grey as L: its nominal white becomes 255."""
    lowest, highest = _extremes(image) if image.mode in ("I", "F") else (0, 65535)
    if image.mode == "I" and lowest < 0 and _tag(image, _SAMPLE_FORMAT, 2) == _UNSIGNED:
        result = in_strips(image, "L", _upper_bits)
    else:
        scale = 255 / _nominal_white(image, highest)
        result = in_strips(
            image,
            "L",
            lambda strip: _numbers(strip).point(lambda value: value * scale + 0.5).convert("L"),
        )
    inverted = _tag(image, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO
    return ImageChops.invert(result) if inverted else result


def where(image: Image.Image, value: int) -> Image.Image:
    """Return 0 where the 16 bits of `image` are `value`, and 255 elsewhere."""
    table = [255] * 65_536
    table[value] = 0
    return in_strips(image, "L", lambda strip: _numbers(strip).point(table, "L"))


def _numbers(strip: Image.Image) -> Image.Image:
    return strip if strip.mode in ("I", "F") else strip.convert("I")


def _upper_bits(strip: Image.Image) -> Image.Image:
    """Return the upper 8 of 32 bits that Pillow took for signed ones."""
    ordered = strip.point(lambda value: value * 2**-24 + 128).convert("L")
    return ordered.point([(value + 128) % 256 for value in range(256)])


def _nominal_white(image: Image.Image, highest: float) -> float:
    """Return the value that stands for white: files with 32 bits don't say, so the pixels do."""
    if image.mode.startswith("I;16"):
        return float(2 ** min(max(_tag(image, _BITS, 16), 1), 16) - 1)
    if image.mode == "F" and highest < _FRACTIONS_END:
        return 1
    return next((white for white in (255, 65535) if highest <= white), 2**31 - 1)


def _extremes(image: Image.Image) -> tuple[float, float]:
    lowest, highest = image.getextrema()
    return float(lowest), float(highest)  # type: ignore[arg-type]


def _tag(image: Image.Image, number: int, default: int) -> int:
    """Return a number that only a TIFF has."""
    value = getattr(image, "tag_v2", {}).get(number, default)
    first = value[0] if isinstance(value, tuple) and value else value
    return first if isinstance(first, int) else default
