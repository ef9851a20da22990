"""Which pixels are these really? Every picture becomes one of six modes before it is resampled.

L, RGB, CMYK and LAB as they are; RGBA for anything that may be transparent. Palettes, bits and deep
greys can't be resampled or written as they stand.
"""

from PIL import Image, ImageChops

GREY_DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
RESAMPLED_AS_STORED = ("L", "RGB", "RGBA", "CMYK", "LAB")


def plain(image: Image.Image) -> Image.Image:
    """Return `image` in a mode whose values can be averaged: L, RGB, RGBA, CMYK or LAB."""
    if image.mode in GREY_DEEP:
        return _eight_bits(image)
    if image.mode == "CMYK" and image.format in ("JPEG", "MPO") and "adobe" not in image.info:
        # Pillow takes every CMYK JPEG for Adobe's, whose inks are stored inverted.
        return ImageChops.invert(image)
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    if image.mode in RESAMPLED_AS_STORED:
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return deep grey as L, its nominal white as 255."""
    low, high = image.getextrema()
    white = _nominal_white(image.mode, float(low), float(high))  # type: ignore[arg-type]
    if image.mode not in ("I", "F"):
        image = image.convert("I")
    return image.point(lambda value: value * (255 / white) + 0.5).convert("L")


def _nominal_white(mode: str, low: float, high: float) -> float:
    """Return the value that stands for white; formats with 32 bits don't say, so the pixels do."""
    if mode.startswith("I;16"):
        return 65535
    if mode == "F" and high <= 1:
        return 1
    return next((white for white in (255, 65535) if high <= white), 2**31 - 1)
