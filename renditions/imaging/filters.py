"""What happens to the pixels of a rendition, its size apart."""

from abc import ABC, abstractmethod

from PIL import Image, ImageChops


class Filter(ABC):
    """Changes pixels, not size; applied after the resize, so it sees few of them."""

    @abstractmethod
    def apply(self, image: Image.Image) -> Image.Image:
        """Return the filtered picture; `image` is L, RGB or RGBA in sRGB and may be changed."""


class Invert(Filter):
    """Every colour becomes its complement; transparency stays."""

    def apply(self, image: Image.Image) -> Image.Image:
        if image.mode not in ("LA", "RGBA"):
            return ImageChops.invert(image)
        *colours, alpha = image.split()
        return Image.merge(image.mode, [*map(ImageChops.invert, colours), alpha])
