"""The three built-in sizers and filters as old code subclasses them.

Registered as they are, they are the new ones that share a decode; a subclass works on the whole
picture, as it always did.
"""

from io import BytesIO

from PIL import Image, ImageOps

from renditions.imaging.filters import Invert
from renditions.imaging.geometry import FocalPoint, Size, cover_box
from renditions.imaging.sizers import Crop, Thumbnail
from renditions.ppoi import CENTRE_PPOI, PPOI

from .datastructures import FilteredImage, SizedImage
from .datastructures.base import SaveOptions

__all__ = [
    "CroppedImage",
    "InvertImage",
    "ThumbnailImage",
]

_RESAMPLING = Image.Resampling.LANCZOS


class CroppedImage(SizedImage):
    """Exactly the size asked for, as near to the focal point as the edges allow."""

    filename_key = "crop"
    filename_key_regex = Crop.filename_key_regex
    same_as = Crop

    def get_filename_key(self) -> str:
        """Return sizer and focal point: `crop-c0-5__0-5`."""
        return f"{self.filename_key}-c{self.ppoi_as_str()}"

    def crop_on_centerpoint(
        self, image: Image.Image, width: int, height: int, ppoi: PPOI = CENTRE_PPOI
    ) -> Image.Image:
        """Return `image` cropped to the shape of `width` x `height` and resized to it."""
        box = cover_box(Size(*image.size), Size(width, height), FocalPoint(*ppoi))
        return image.resize(
            (width, height), _RESAMPLING, box=(box.left, box.top, box.right, box.bottom)
        )

    def process_image(
        self,
        image: Image.Image,
        image_format: str,
        save_kwargs: SaveOptions,
        width: int,
        height: int,
    ) -> BytesIO:
        """Return the file of the cropped picture."""
        return _saved(
            self.crop_on_centerpoint(_without_palette(image), width, height, self.ppoi), save_kwargs
        )


class ThumbnailImage(SizedImage):
    """All of the picture, inside the size asked for; never larger than the original."""

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
        """Return the file of the picture made smaller."""
        image = _without_palette(image)
        image.thumbnail((width, height), _RESAMPLING)
        return _saved(image, save_kwargs)


class InvertImage(FilteredImage):
    """Every colour becomes its complement."""

    same_as = Invert

    def process_image(
        self, image: Image.Image, image_format: str, save_kwargs: SaveOptions
    ) -> BytesIO:
        """Return the file of the inverted picture."""
        return _saved(ImageOps.invert(image.convert("RGB")), save_kwargs)


def _without_palette(image: Image.Image) -> Image.Image:
    # What lies between two numbers of a palette is no colour between theirs.
    if image.mode != "P":
        return image
    return image.convert("RGBA" if "transparency" in image.info else "RGB")


def _saved(image: Image.Image, options: SaveOptions) -> BytesIO:
    if image.mode != "P":
        # It would be taken for an index of a palette that is gone.
        options = {name: value for name, value in options.items() if name != "transparency"}
    buffer = BytesIO()
    image.save(buffer, **options)
    return buffer
