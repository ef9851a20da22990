"""The base class for old filters: it takes a whole picture and returns a file."""

from io import BytesIO
from typing import Any, ClassVar

from django.core.files.storage import Storage
from PIL import Image

from renditions import conf
from renditions.accessors import Filters, InvalidFilter, Picture
from renditions.compat.adapters import adapt_filter
from renditions.planning.paths import filtered_path
from renditions.ppoi import PPOI
from renditions.registry import registry

from .base import ProcessedImage, SaveOptions
from .mixins import DeleteAndClearCacheMixIn

__all__ = ["DummyFilter", "FilterLibrary", "FilteredImage", "InvalidFilter"]


class FilterLibrary(Filters):
    """The filters of a picture, with the arguments of the old package."""

    def __init__(
        self,
        original_file_location: str | None,
        storage: Storage,
        registry: object,
        ppoi: PPOI,
        create_on_demand: bool,
    ) -> None:
        """Take the path of the picture.

        Args:
            registry: Not used, because there is only one registry.
        """
        super().__init__(Picture.at(original_file_location, storage, create_on_demand, ppoi))


class DummyFilter:
    """A filtered picture for an empty field. Only old code uses it."""

    name = ""
    url = ""


class FilteredImage(DeleteAndClearCacheMixIn, ProcessedImage):
    """The base class for old filters. A subclass defines `process_image`.

    Args:
        filename_key: Names the filter in file names.
    """

    # The new filter with the same result, which shares the decode. It does not hold for subclasses.
    same_as: ClassVar[Any] = None

    def __init__(
        self, path_to_image: str | None, storage: Storage, create_on_demand: bool, filename_key: str
    ) -> None:
        super().__init__(path_to_image, storage, create_on_demand)
        self.filename_key = filename_key

    @property
    def name(self) -> str:  # type: ignore[override]
        """Path of the filtered picture on the storage."""
        if not self.path_to_image:
            return ""
        return filtered_path(self.path_to_image, self.filename_key, conf.layout())

    @property
    def url(self) -> str:
        """URL of the filtered picture."""
        return self.storage.url(self.name) if self.name else ""

    def __str__(self) -> str:
        return self.url

    def process_image(
        self, image: Image.Image, image_format: str, save_kwargs: SaveOptions
    ) -> BytesIO:
        """Return the file of the filtered picture.

        Args:
            image: The upright picture at full size; it may be changed.
            image_format: The format name of Pillow: `JPEG`.
            save_kwargs: For `Image.save`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define process_image().")


registry.adapt(FilteredImage, adapt_filter)
