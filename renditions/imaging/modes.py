"""Which pixels are these really?

Palettes, bits and deep greys can't be averaged as they stand, and colours under transparent pixels
must not be. So every picture is made plain before it is resampled, and gets its alpha back after.
Of a large picture there is never more than one copy and a channel or two beside it.
"""

from collections.abc import Callable

from PIL import Image, ImageChops

from renditions.errors import SourceUnreadable

from .resampling import multiply_alpha

HIGH_BIT_DEPTH = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
WORKING_MODES = ("L", "RGB", "CMYK", "LAB")
GREYS = ("1", "L", "LA", "La", *HIGH_BIT_DEPTH)
WITH_ALPHA = ("LA", "PA", "La", "RGBA", "RGBa")

_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # by TIFF 6.0
_WHITE_IS_ZERO, _UNSIGNED = 0, 1
_FRACTIONS_END = 10.0  # a few lights may be brighter than white, but not ten times

_STRIP_PIXELS = 1 << 20


def to_working_mode(image: Image.Image) -> Image.Image:
    """Return `image` as L, RGB, CMYK or LAB, or as RGBa: premultiplied, if it is transparent.

    It is a picture of its own and no opened file, in which encoders would find tags. `image` may be
    changed, and be closed to spare a copy.
    """
    if image.mode in ("P", "PA") and image.palette is None:
        raise SourceUnreadable("The palette is missing.")
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


def detach_from_file(image: Image.Image) -> Image.Image:
    """Return the pixels of `image`, not copied, without the file that they are from."""
    pixels = image._new(image.im)  # noqa: SLF001 -- what is public copies
    pixels.info = {}
    return pixels


def unpremultiplied_mode(mode: str, *, grey: bool) -> str:
    """Return the mode of the picture that `unpremultiply` returns for one of `mode`."""
    if mode == "RGBa":
        return "LA" if grey else "RGBA"
    return "L" if grey and mode == "RGB" else mode


def unpremultiply(image: Image.Image, *, grey: bool) -> Image.Image:
    """Return `image`, which was `plain` and resampled, with its alpha beside its colours."""
    if image.mode != "RGBa":
        return image.convert("L") if grey and image.mode == "RGB" else image
    if not grey:
        return image.convert("RGBA")
    return _in_strips(image, "LA", lambda strip: strip.convert("RGBA").convert("LA"))


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
    if image.mode in HIGH_BIT_DEPTH:
        return _to_eight_bits(image)
    if image.mode in WORKING_MODES:
        return detach_from_file(image)
    return image.convert("L" if image.mode in GREYS else "RGB")


def _alpha(image: Image.Image) -> Image.Image:
    """Return how opaque each pixel of `image` is, whatever says so."""
    if image.mode in WITH_ALPHA:
        return image.getchannel("A")
    colour = image.info.get("transparency")
    if image.mode in HIGH_BIT_DEPTH and isinstance(colour, int):
        return _is_not_value(image, colour)
    if image.mode in ("1", "L") and isinstance(colour, int):
        return image.convert("L").point([255 * (value != colour) for value in range(256)])
    return _in_strips(image, "L", lambda strip: strip.convert("RGBA").getchannel("A"))


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
        return detach_from_file(image)
    if image.mode in ("P", "PA"):
        return image.convert("RGBA")
    if image.mode == "RGB":
        image = detach_from_file(image)
        image.putalpha(alpha)
        return image
    grey = image.getchannel("L") if image.mode == "LA" else _opaque(image)
    image.close()
    return Image.merge("RGBA", (grey, grey, grey, alpha))


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Return deep grey as L: its nominal white becomes 255."""
    lowest, highest = _extremes(image) if image.mode in ("I", "F") else (0, 65535)
    if image.mode == "I" and lowest < 0 and _tag(image, _SAMPLE_FORMAT, 2) == _UNSIGNED:
        result = _in_strips(image, "L", _upper_bits)
    else:
        scale = 255 / _nominal_white(image, highest)
        result = _in_strips(
            image,
            "L",
            lambda strip: _numbers(strip).point(lambda value: value * scale + 0.5).convert("L"),
        )
    inverted = _tag(image, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO
    return ImageChops.invert(result) if inverted else result


def _is_not_value(image: Image.Image, value: int) -> Image.Image:
    """Return 0 where the 16 bits of `image` are `value`, and 255 elsewhere."""
    table = [255] * 65_536
    table[value] = 0
    return _in_strips(image, "L", lambda strip: _numbers(strip).point(table, "L"))


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


def _in_strips(
    image: Image.Image, mode: str, make: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """Return what `make` makes of `image`, which is as large and of `mode`.

    `make` sees some rows at a time, or all of a small picture.
    """
    rows = max(_STRIP_PIXELS // image.width, 1)
    if rows >= image.height:
        return make(image)
    result = Image.new(mode, image.size)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        result.paste(make(strip), (0, top))
    return result
