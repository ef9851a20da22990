"""What a page wants to know of a picture before it is there: size, colour and a blurred picture."""

from base64 import b64encode
from dataclasses import dataclass
from typing import cast

from PIL import Image

from . import thumbhash
from .geometry import Size
from .recipes import Recipe
from .sizers import Thumbnail

# Colours are grouped into this many, and the group with the most pixels wins.
_COLOURS = 16
_HALF_OPAQUE = 128
# With fewer pixels on a side, the hash takes the picture for a wave.
_MIN_SIDE = 8

# A small picture of the whole original, from which the facts are computed.
SAMPLE = Recipe(sizer=Thumbnail(), size=Size(100, 100))


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """The facts of one original."""

    size: Size  # upright, px
    color: str  # the dominant colour, as `#rrggbb` in sRGB
    thumbhash: str  # base64
    is_animated: bool
    has_alpha: bool  # whether a pixel is transparent
    share_of_rows: float = 1.0  # that the file has; below 1: it lacks its end


def facts_from(sample: Image.Image, size: Size, *, is_animated: bool) -> PictureFacts:
    """Return the facts.

    Args:
        sample: The picture by the recipe `SAMPLE`, in L, LA, RGB or RGBA.
        size: That of the upright original, px.
    """
    rgba = sample.convert("RGBA")
    small = rgba.copy()
    small.thumbnail((thumbhash.MAX_SIDE, thumbhash.MAX_SIDE), Image.Resampling.BOX)
    if min(small.size) < _MIN_SIDE:
        wide_enough = tuple(max(side, _MIN_SIDE) for side in small.size)
        small = small.resize(cast("tuple[int, int]", wide_enough), Image.Resampling.NEAREST)
    hashed = thumbhash.encode(small.tobytes(), Size(*small.size))
    return PictureFacts(
        size=size,
        color="#{:02x}{:02x}{:02x}".format(*_dominant(rgba)),
        thumbhash=b64encode(hashed).decode(),
        is_animated=is_animated,
        has_alpha=sample.mode in ("LA", "RGBA"),
    )


def _dominant(rgba: Image.Image) -> tuple[int, int, int]:
    # Of the methods of Pillow, only this one takes transparent pixels.
    grouped = rgba.quantize(_COLOURS, Image.Quantize.FASTOCTREE)
    palette = bytes(grouped.getpalette("RGBA") or ())
    counts = cast("list[tuple[int, int]]", grouped.getcolors() or [])
    groups = [(count, palette[4 * index : 4 * index + 4]) for count, index in counts]
    opaque = [group for group in groups if group[1][3] >= _HALF_OPAQUE] or groups
    red, green, blue, _ = max(opaque)[1]
    return red, green, blue
