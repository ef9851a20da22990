"""The built-in sizers and filters, as base classes for old code.

If one of them is registered itself, the new class of the same result is used, which shares the
decode. A subclass works on the whole picture, as in the old package.
"""

from io import BytesIO

from PIL import Image, ImageOps

from renditions.imaging.filters import Invert
from renditions.imaging.geometry import FocalPoint, Size, cover_box
from renditions.imaging.sizers import Crop, Thumbnail
from renditions.ppoi import CENTRE_PPOI, PPOI
from renditions.registry import versatileimagefield_registry

from .datastructures import FilteredImage, SizedImage
from .datastructures.base import SaveOptions

__all__ = [
    "ANTIALIAS",
    "BytesIO",
    "CroppedImage",
    "FilteredImage",
    "Image",
    "ImageOps",
    "InvertImage",
    "SizedImage",
    "ThumbnailImage",
    "versatileimagefield_registry",
]

ANTIALIAS = Image.Resampling.LANCZOS


class CroppedImage(SizedImage):
    """Crops to exactly the requested size, as near to the focal point as the edges allow."""

    filename_key = "crop"
    filename_key_regex = Crop.filename_key_regex
    same_as = Crop

    def get_filename_key(self) -> str:
        return f"{self.filename_key}-c{self.ppoi_as_str()}"

    def crop_on_centerpoint(
        self, image: Image.Image, width: int, height: int, ppoi: PPOI = CENTRE_PPOI
    ) -> Image.Image:
        """Crop `image` to the shape of `width` x `height`, and resize it to this size."""
        box = cover_box(Size(*image.size), Size(width, height), FocalPoint(*ppoi))
        return image.resize(
            (width, height), ANTIALIAS, box=(box.left, box.top, box.right, box.bottom)
        )

    def process_image(
        self,
        image: Image.Image,
        image_format: str,
        save_kwargs: SaveOptions,
        width: int,
        height: int,
    ) -> BytesIO:
        cropped = self.crop_on_centerpoint(_without_palette(image), width, height, self.ppoi)
        return _saved(cropped, save_kwargs)


class ThumbnailImage(SizedImage):
    """Scales the picture down to fit inside the requested size. It is never enlarged."""

    filename_key = "thumbnail"
    same_as = Thumbnail

    def process_image(
        self,
        image: Image.Image,
        image_format: str,
        save_kwargs: SaveOptions,
        width: int,
        height: int,
    ) -> BytesIO:
        image = _without_palette(image)
        image.thumbnail((width, height), ANTIALIAS)
        return _saved(image, save_kwargs)


class InvertImage(FilteredImage):
    """Inverts every colour."""

    same_as = Invert

    def process_image(
        self, image: Image.Image, image_format: str, save_kwargs: SaveOptions
    ) -> BytesIO:
        return _saved(ImageOps.invert(image.convert("RGB")), save_kwargs)


def _without_palette(image: Image.Image) -> Image.Image:
    # Resizing mixes neighbouring values. For palette numbers, the mix is an unrelated colour.
    if image.mode != "P":
        return image
    return image.convert("RGBA" if "transparency" in image.info else "RGB")


def _saved(image: Image.Image, options: SaveOptions) -> BytesIO:
    if image.mode != "P":
        # It is an index of the removed palette.
        options = {name: value for name, value in options.items() if name != "transparency"}
    buffer = BytesIO()
    image.save(buffer, **options)
    return buffer
