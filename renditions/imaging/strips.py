"""Large pictures some rows at a time, where all at once would be more copies in memory."""

from collections.abc import Callable

from PIL import Image

_PIXELS = 1 << 20

Make = Callable[[Image.Image], Image.Image]


def in_strips(image: Image.Image, mode: str, make: Make) -> Image.Image:
    """Return what `make` makes of `image`, which is as large and of `mode`.

    `make` sees some rows at a time, or all of a small picture.
    """
    rows = max(_PIXELS // image.width, 1)
    if rows >= image.height:
        return make(image)
    result = Image.new(mode, image.size)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        result.paste(make(strip), (0, top))
    return result
