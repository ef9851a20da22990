"""What happens to the pixels of a rendition, its size apart."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from PIL import Image, ImageChops

from .formats import Encoding, Format


class AnyFilter(ABC):
    """What every filter has."""

    # False: it makes a whole file from a whole picture, and shares no decode.
    shares_decode: ClassVar[bool]

    def bind(self, name: str, storage: Any) -> Self:
        """Return the filter to use for the original `name` on `storage`; mostly the same."""
        return self


class Filter(AnyFilter):
    """Changes pixels, not size; applied after the resize, so it sees few of them."""

    shares_decode = True

    @abstractmethod
    def apply(self, image: Image.Image) -> Image.Image:
        """Return the filtered picture; `image` is L, RGB or RGBA in sRGB and may be changed."""


class FileFilter(AnyFilter):
    """Makes a whole file from the picture at full size; sizers then work on that file.

    Equal filters make equal files: all sizes of a picture share the file of one filter.
    """

    shares_decode = False

    @abstractmethod
    def make_file(self, image: Image.Image, row: Format, encoding: Encoding) -> bytes:
        """Return the filtered picture as a file.

        Args:
            image: Upright, at full size, a copy for this call, with `format` set.
            row: The format to write.
            encoding: How to write it.
        """


class Invert(Filter):
    """Every colour becomes its complement; transparency stays."""

    def apply(self, image: Image.Image) -> Image.Image:
        if image.mode not in ("LA", "RGBA"):
            return ImageChops.invert(image)
        *colours, alpha = image.split()
        return Image.merge(image.mode, [*map(ImageChops.invert, colours), alpha])
