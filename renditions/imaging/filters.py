"""What else is done to the pixels of a rendition. Its size stays."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from PIL import Image, ImageChops

from .formats import Encoding, Format
from .own_file import OwnFile


class AnyFilter(ABC):
    """What every filter has."""

    # False: it makes a whole file from the full-size picture, which it does not share.
    shares_decode: ClassVar[bool]

    def own_file(self) -> OwnFile | None:
        """Return the file of the filtered picture; None: it is named as those of all filters are.

        Asked after `bind`, each time a rendition is planned: nothing is rendered or written here.
        """
        return None

    def bind(self, name: str, storage: str) -> Self:
        """Return the filter to use for the original `name` on the storage of this label."""
        return self

    def on(self, storage: Any) -> Self:
        """Return the filter to use with this storage object, right before it makes a file."""
        return self

    def instance_for(self, name: str, storage: Any) -> Any:
        """Return an object whose attributes `image.filters.<name>` has too; mostly none."""
        return None


class Filter(AnyFilter):
    """Changes pixels, not the size. It is applied after the resize, to few pixels."""

    shares_decode = True

    @abstractmethod
    def apply(self, image: Image.Image) -> Image.Image:
        """Return the filtered picture; `image` is L, LA, RGB or RGBA in sRGB and may be changed."""


class FileFilter(AnyFilter):
    """Makes a whole file from the full-size picture; sizers then work on this file.

    Equal filters make equal files: all sizes of a picture share one filtered file.
    """

    shares_decode = False

    @abstractmethod
    def make_file(self, image: Image.Image, output_format: Format, encoding: Encoding) -> bytes:
        """Return the filtered picture as a file.

        Args:
            image: Upright and at full size, with `format` set. It may be changed.
            output_format: The format to write.
            encoding: How to write it.
        """


class Invert(Filter):
    """Every colour becomes its complement. Transparency stays."""

    def apply(self, image: Image.Image) -> Image.Image:
        if image.mode not in ("LA", "RGBA"):
            return ImageChops.invert(image)
        *colours, alpha = image.split()
        return Image.merge(image.mode, [*map(ImageChops.invert, colours), alpha])
