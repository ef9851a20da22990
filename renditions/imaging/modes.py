"""Which pixels are these really?

Palettes, bits and deep greys can't be averaged as they stand, and colours under transparent pixels
must not be. So every picture is made plain before it is resampled, and gets its alpha back after.
"""

from PIL import Image, ImageChops

from .resampling import multiply_alpha

PLAIN = ("L", "RGB", "CMYK", "LAB")
GREYS = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")
WITH_ALPHA = ("LA", "PA", "La", "RGBA", "RGBa")

_DEEP = GREYS[4:]
_STRIP_PIXELS = 1 << 20


def plain(image: Image.Image) -> Image.Image:
    """Return `image` as L, RGB, CMYK or LAB, or as RGBa: premultiplied, if it is transparent."""
    if image.mode == "CMYK" and image.format in ("JPEG", "MPO") and "adobe" not in image.info:
        # Pillow takes every CMYK JPEG for one of Adobe's, which hold their inks inverted.
        return ImageChops.invert(image)
    if image.has_transparency_data:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        return image.convert("RGB") if is_opaque(image) else multiply_alpha(image)
    if image.mode in _DEEP:
        return _eight_bits(image)
    if image.mode in PLAIN:
        return image
    return image.convert("L" if image.mode in GREYS else "RGB")


def is_opaque(image: Image.Image) -> bool:
    """Whether nothing can be seen through `image`, which has no transparency but its alpha."""
    return image.mode not in WITH_ALPHA or image.getchannel("A").getextrema() == (255, 255)


def straight(image: Image.Image, *, grey: bool) -> Image.Image:
    """Return `image`, which was `plain` and resampled, with its alpha beside its colours."""
    if image.mode != "RGBa":
        return image.convert("L") if grey and image.mode == "RGB" else image
    image = image.convert("RGBA")
    return image.convert("LA") if grey else image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return deep grey as L: its nominal white becomes 255."""
    white = _nominal_white(image)
    result = Image.new("L", image.size)
    rows = max(_STRIP_PIXELS // image.width, 1)
    for top in range(0, image.height, rows):  # strips, or three more copies would be in memory
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        strip = strip if strip.mode in ("I", "F") else strip.convert("I")
        result.paste(strip.point(lambda value: value * (255 / white) + 0.5).convert("L"), (0, top))
    return result


def _nominal_white(image: Image.Image) -> float:
    """Return the value that stands for white: files with 32 bits don't say, so the pixels do."""
    if image.mode.startswith("I;16"):
        return 65535
    highest = max(float(value) for value in image.getextrema())  # type: ignore[arg-type]
    if image.mode == "F" and highest <= 1:
        return 1
    return next((white for white in (255, 65535) if highest <= white), 2**31 - 1)
