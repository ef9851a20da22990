"""Do two files show the same picture?"""

from io import BytesIO

from PIL import Image, ImageChops, ImageStat

from .sources import Limits, open_source, reading_pixels

_SIDE = 16  # px: small enough that encoders and resamplers no longer differ


def difference(one: bytes, other: bytes, limits: Limits) -> float:
    """Return how far apart the two pictures are on average, 0-255; 0 is the same picture.

    Raises:
        SourceUnreadable, SourceRefused: one of them is no picture, or above a limit.
    """
    apart = ImageChops.difference(_small(one, limits), _small(other, limits))
    return max(ImageStat.Stat(apart).mean)


def _small(data: bytes, limits: Limits) -> Image.Image:
    image = open_source(BytesIO(data), limits).image
    with reading_pixels():
        return image.convert("RGBA").resize((_SIDE, _SIDE), Image.Resampling.BOX)
