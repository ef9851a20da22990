"""Which pixels are these really?

Palettes, bits and deep greys can't be averaged as they stand, and colours under transparent pixels
must not be. So every picture is made plain before it is resampled, and gets its alpha back after.
Of a large picture there is never more than one copy and a channel or two beside it.
"""

from PIL import Image, ImageChops

from renditions.errors import SourceUnreadable

from . import deep_greys
from .resampling import multiply_alpha
from .strips import in_strips

PLAIN = ("L", "RGB", "CMYK", "LAB")
GREYS = ("1", "L", "LA", "La", *deep_greys.MODES)
WITH_ALPHA = ("LA", "PA", "La", "RGBA", "RGBa")


def plain(image: Image.Image) -> Image.Image:
    """Return `image` as L, RGB, CMYK or LAB, or as RGBa: premultiplied, if it is transparent.

    It is a picture of its own and no opened file, in which encoders would find tags. `image` may be
    changed, and be closed to spare a copy.
    """
    if image.mode in ("P", "PA") and image.palette is None:
        raise SourceUnreadable("Not a whole picture: it has no palette.")
    if image.mode == "CMYK" and image.format in ("JPEG", "MPO") and "adobe" not in image.info:
        # Pillow takes every CMYK JPEG for one of Adobe's, which hold their inks inverted.
        return ImageChops.invert(image)
    if not image.has_transparency_data:
        return _opaque(image)
    image = image.convert("LA") if image.mode == "La" else image
    alpha = _alpha(image)
    if alpha.getextrema() == (255, 255):
        return _without_alpha(image)
    return multiply_alpha(_with_alpha(image, alpha))


def is_opaque(image: Image.Image) -> bool:
    """Whether nothing can be seen through `image`, which has no transparency but its alpha."""
    return image.mode not in WITH_ALPHA or image.getchannel("A").getextrema() == (255, 255)


def own(image: Image.Image) -> Image.Image:
    """Return the pixels of `image`, not copied, without the file that they are from."""
    pixels = image._new(image.im)  # noqa: SLF001 -- what is public copies
    pixels.info = {}
    return pixels


def straight(image: Image.Image, *, grey: bool) -> Image.Image:
    """Return `image`, which was `plain` and resampled, with its alpha beside its colours."""
    if image.mode != "RGBa":
        return image.convert("L") if grey and image.mode == "RGB" else image
    if not grey:
        return image.convert("RGBA")
    return in_strips(image, "LA", lambda strip: strip.convert("RGBA").convert("LA"))


def scale_transparency(image: Image.Image) -> None:
    """Let the colour that is transparent in an opened PNG be the one that its pixels will have.

    Pillow 13 makes 8 bits of 2, 4 or 16 when it decodes, but not of this colour.
    """
    colour = image.info.get("transparency")
    tile = getattr(image, "tile", None)
    stored = tile[0].args if tile else None
    if isinstance(colour, int) and stored in _STEPS:
        image.info["transparency"] = colour * _STEPS[stored]
    elif isinstance(colour, tuple) and stored == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in colour)


_STEPS = {"L;2": 85, "L;4": 17}


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode in deep_greys.MODES:
        return deep_greys.eight_bits(image)
    if image.mode in PLAIN:
        return own(image)
    return image.convert("L" if image.mode in GREYS else "RGB")


def _alpha(image: Image.Image) -> Image.Image:
    """Return how opaque each pixel of `image` is, whatever says so."""
    if image.mode in WITH_ALPHA:
        return image.getchannel("A")
    colour = image.info.get("transparency")
    if image.mode in deep_greys.MODES and isinstance(colour, int):
        return deep_greys.where(image, colour)
    if image.mode in ("1", "L") and isinstance(colour, int):
        return image.convert("L").point([255 * (value != colour) for value in range(256)])
    return in_strips(image, "L", lambda strip: strip.convert("RGBA").getchannel("A"))


def _without_alpha(image: Image.Image) -> Image.Image:
    """Return `image`, whose alpha hides nothing."""
    image.info.pop("transparency", None)
    if image.mode == "LA":
        return image.getchannel("L")
    if image.mode != "RGBA":
        return _opaque(image)
    channels = [image.getchannel(channel) for channel in "RGB"]
    image.close()
    return Image.merge("RGB", channels)


def _with_alpha(image: Image.Image, alpha: Image.Image) -> Image.Image:
    """Return `image` in RGBA."""
    if image.mode == "RGBA":
        return own(image)
    if image.mode in ("P", "PA"):
        return image.convert("RGBA")
    if image.mode == "RGB":
        image = own(image)
        image.putalpha(alpha)
        return image
    grey = image.getchannel("L") if image.mode == "LA" else _opaque(image)
    image.close()
    return Image.merge("RGBA", (grey, grey, grey, alpha))
