"""Pictures in HEIF, which Pillow cannot write."""

from io import BytesIO
from typing import Any

import pillow_heif
from PIL import Image


def as_heif(image: Image.Image, *more: Image.Image, orientation: int = 1, **options: Any) -> bytes:
    """Return a file with `image`, and with `more` pictures after it.

    Args:
        orientation: As in EXIF. It is stored as a turn of the picture, and in EXIF.
        options: Of `pillow_heif.encode`: `quality`, `tile_size`, `chroma`, `icc_profile`, ...
    """
    options = {"quality": 90, **options}
    exif = options.pop("exif", None) or Image.Exif()
    exif[0x0112] = orientation
    options["exif"] = exif.tobytes()
    others = pillow_heif.HeifFile()
    for each in more:
        others.add_from_pillow(each)
    file = BytesIO()
    pillow_heif.encode(
        image.mode, image.size, image.tobytes(), file, append_images=list(others), **options
    )
    return file.getvalue()
