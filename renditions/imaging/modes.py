"""Which pixels are these, and how can they be averaged?

Palette indexes, single bits and high-bit-depth greyscale cannot be averaged as they are. Colours of
transparent pixels must not be averaged. So every picture is brought to a working mode before it is
resampled, with premultiplied alpha, and gets its alpha back afterwards.

Of a large picture, at most one more copy and one or two channels are in memory at the same time.
"""

from collections.abc import Callable

from PIL import Image, ImageChops

from renditions.errors import SourceUnreadable

from .resampling import multiply_alpha

HIGH_BIT_DEPTH_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
WORKING_MODES = ("L", "RGB", "CMYK", "LAB")
GREYSCALE_MODES = ("1", "L", "LA", "La", *HIGH_BIT_DEPTH_MODES)
WITH_ALPHA = ("LA", "PA", "La", "RGBA", "RGBa")

_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # by TIFF 6.0
_WHITE_IS_ZERO, _UNSIGNED = 0, 1
_MAX_FRACTION = 10.0  # in a picture of fractions, highlights are above 1, but not ten times

_STRIP_PIXELS = 1 << 20


def to_working_mode(image: Image.Image) -> Image.Image:
    """Return `image` as L, RGB, CMYK or LAB; as RGBa (premultiplied) if it is transparent.

    The result is detached from the opened file, so an encoder finds no tags in it. `image` may be
    changed, and closed to save a copy.
    """
    if image.mode in ("P", "PA") and image.palette is None:
        raise SourceUnreadable("The palette is missing.")
    if image.mode == "CMYK" and image.format in ("JPEG", "MPO") and "adobe" not in image.info:
        # Pillow inverts every CMYK JPEG, but only those of Adobe have inverted inks.
        return ImageChops.invert(image)
    if not image.has_transparency_data:
        return _opaque(image)
    image = image.convert("LA") if image.mode == "La" else image
    alpha = _alpha(image)
    if alpha.getextrema() == (255, 255):
        return _without_alpha(image)
    return multiply_alpha(_with_alpha(image, alpha))


def is_opaque(image: Image.Image) -> bool:
    """Whether no pixel of `image` is transparent; a transparent colour in its info is ignored."""
    return image.mode not in WITH_ALPHA or image.getchannel("A").getextrema() == (255, 255)


def detach_from_file(image: Image.Image) -> Image.Image:
    """Return a picture with the same pixels, without a copy and without the opened file."""
    pixels = image._new(image.im)  # noqa: SLF001 -- all public ways copy the pixels
    pixels.info = {}
    return pixels


def unpremultiplied_mode(mode: str, *, grey: bool) -> str:
    """Return the mode of the picture that `unpremultiply` returns for one of `mode`."""
    if mode == "RGBa":
        return "LA" if grey else "RGBA"
    return "L" if grey and mode == "RGB" else mode


def unpremultiply(image: Image.Image, *, grey: bool) -> Image.Image:
    """Return `image`, which is in a working mode, with alpha as a separate channel."""
    if image.mode != "RGBa":
        return image.convert("L") if grey and image.mode == "RGB" else image
    if not grey:
        return image.convert("RGBA")
    return _in_strips(image, "LA", lambda strip: strip.convert("RGBA").convert("LA"))


def clear_outside(image: Image.Image, drawn: tuple[int, int, int, int]) -> Image.Image:
    """Return `image`, decoded from a GIF, transparent where its frame has no pixels.

    Pillow fills this part with the first colour of the palette. If the frame has transparent
    pixels, Pillow makes it transparent.

    Args:
        drawn: The box of the frame.
    """
    if drawn == (0, 0, *image.size) or image.has_transparency_data:
        return image
    alpha = Image.new("L", image.size)
    alpha.paste(255, drawn)
    picture = image.convert("LA" if image.mode == "L" else "RGBA")
    picture.putalpha(alpha)
    return picture


def scale_transparency(image: Image.Image) -> None:
    """Scale the transparent colour of an opened PNG to 8 bits.

    Pillow 13 scales pixels of 2, 4 or 16 bits when it decodes them, but not this colour.
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
    if image.mode in HIGH_BIT_DEPTH_MODES:
        return _to_eight_bits(image)
    if image.mode in WORKING_MODES:
        return detach_from_file(image)
    return image.convert("L" if image.mode in GREYSCALE_MODES else "RGB")


def _alpha(image: Image.Image) -> Image.Image:
    """Return the alpha of each pixel, from a channel, a palette or a transparent colour."""
    if image.mode in WITH_ALPHA:
        return image.getchannel("A")
    colour = image.info.get("transparency")
    if image.mode in HIGH_BIT_DEPTH_MODES and isinstance(colour, int):
        return _is_not_value(image, colour)
    if image.mode in ("1", "L") and isinstance(colour, int):
        return image.convert("L").point([255 * (value != colour) for value in range(256)])
    return _in_strips(image, "L", lambda strip: strip.convert("RGBA").getchannel("A"))


def _without_alpha(image: Image.Image) -> Image.Image:
    """Return `image`, which is opaque, without its alpha."""
    image.info.pop("transparency", None)
    if image.mode == "LA":
        return image.getchannel("L")
    if image.mode != "RGBA":
        return _opaque(image)
    channels = [image.getchannel(channel) for channel in "RGB"]
    image.close()
    return Image.merge("RGB", channels)


def _with_alpha(image: Image.Image, alpha: Image.Image) -> Image.Image:
    """Return `image` as RGBA."""
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
    """Return high-bit-depth greyscale as L: its nominal white becomes 255.

    White is 65,535 in a PNG. A TIFF states how many bits it has, whether values are signed or
    fractions, and whether they count darkness; Pillow 13 ignores that.
    """
    lowest, highest = _extremes(image) if image.mode in ("I", "F") else (0, 65535)
    if image.mode == "I" and lowest < 0 and _tag(image, _SAMPLE_FORMAT, 2) == _UNSIGNED:
        result = _in_strips(image, "L", _upper_bits)
    else:
        scale = 255 / _nominal_white(image, highest)
        result = _in_strips(image, "L", lambda strip: _scale(strip, scale))
    inverted = _tag(image, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO
    return ImageChops.invert(result) if inverted else result


def _scale(strip: Image.Image, scale: float) -> Image.Image:
    return _integers_or_floats(strip).point(lambda value: value * scale + 0.5).convert("L")


def _is_not_value(image: Image.Image, value: int) -> Image.Image:
    """Return a mask of a 16-bit `image`: 0 where a pixel is `value`, else 255."""
    table = [255] * 65_536
    table[value] = 0
    return _in_strips(image, "L", lambda strip: _integers_or_floats(strip).point(table, "L"))


def _integers_or_floats(strip: Image.Image) -> Image.Image:
    return strip if strip.mode in ("I", "F") else strip.convert("I")


def _upper_bits(strip: Image.Image) -> Image.Image:
    """Return the upper 8 of 32 bits; Pillow reads unsigned values as signed."""
    ordered = strip.point(lambda value: value * 2**-24 + 128).convert("L")
    return ordered.point([(value + 128) % 256 for value in range(256)])


def _nominal_white(image: Image.Image, highest: float) -> float:
    """Return the value of white. A file of 32 bits does not state it, so the pixels decide."""
    if image.mode.startswith("I;16"):
        return float(2 ** min(max(_tag(image, _BITS, 16), 1), 16) - 1)
    if image.mode == "F" and highest < _MAX_FRACTION:
        return 1
    return next((white for white in (255, 65535) if highest <= white), 2**31 - 1)


def _extremes(image: Image.Image) -> tuple[float, float]:
    lowest, highest = image.getextrema()
    return float(lowest), float(highest)  # type: ignore[arg-type]


def _tag(image: Image.Image, number: int, default: int) -> int:
    """Return the value of a TIFF tag; `default` for other formats."""
    value = getattr(image, "tag_v2", {}).get(number, default)
    first = value[0] if isinstance(value, tuple) and value else value
    return first if isinstance(first, int) else default


def _in_strips(
    image: Image.Image, mode: str, make: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """Return `make(image)`, computed for some rows at a time to keep intermediate copies small.

    Args:
        mode: Of the result. Its size is that of `image`.
    """
    rows = max(_STRIP_PIXELS // image.width, 1)
    if rows >= image.height:
        return make(image)
    result = Image.new(mode, image.size)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        result.paste(make(strip), (0, top))
    return result
