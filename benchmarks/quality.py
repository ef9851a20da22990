"""The quality of our renditions, against Lanczos from the full size with the same encoder.

Both are compared, in luma, with the Lanczos picture before it is encoded. The loss is the
difference of the two structural similarities (SSIM).
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageCms, ImageOps

from renditions.imaging.formats import Encoding
from renditions.imaging.geometry import Size
from renditions.imaging.recipes import Recipe
from renditions.imaging.rendering import open_picture
from renditions.imaging.sizers import Crop, Thumbnail
from renditions.imaging.sources import Limits

from .contestants import EIGHT, FIT, QUALITY


def in_srgb(image: Image.Image) -> Image.Image:
    """Return the full-size picture, converted by LittleCMS."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode != "RGB":
        return image.convert("RGB")
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"))
    return image if converted is None else converted


def losses(photographs: list[Path]) -> Iterator[float]:
    """Yield the loss of each of the eight renditions of each photograph."""
    import numpy as np
    from skimage.metrics import structural_similarity

    def luma(image: Image.Image) -> "np.ndarray":
        return np.asarray(image.convert("L"))

    recipes = [
        Recipe(
            Thumbnail() if kind == FIT else Crop(),
            Size(width, height),
            encoding=Encoding(jpeg_quality=QUALITY),
        )
        for kind, width, height in EIGHT
    ]
    for photograph in photographs:
        original = in_srgb(ImageOps.exif_transpose(Image.open(photograph)))
        with photograph.open("rb") as file, open_picture(file, recipes, Limits()) as picture:
            for recipe in recipes:
                ours = Image.open(BytesIO(picture.render(recipe).data))
                box = recipe.cut(Size(*original.size)).box
                edges = (box.left, box.top, box.right, box.bottom)
                truth = original.resize(ours.size, Image.Resampling.LANCZOS, edges)
                buffer = BytesIO()
                truth.save(buffer, "JPEG", quality=QUALITY)
                reference, wanted = luma(Image.open(buffer)), luma(truth)
                best = structural_similarity(wanted, reference)
                yield float(best - structural_similarity(wanted, luma(ours)))
