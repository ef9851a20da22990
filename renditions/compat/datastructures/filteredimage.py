"""Old filters: a whole picture in, a file out."""

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
    """The filters of the picture at a path, as old code asks for them."""

    def __init__(
        self,
        original_file_location: str | None,
        storage: Storage,
        registry: object,
        ppoi: PPOI,
        create_on_demand: bool,
    ) -> None:
        """Give the filters of the picture at `original_file_location`.

        Args:
            registry: Not used: there is one registry.
        """
        super().__init__(Picture.at(original_file_location, storage, create_on_demand, ppoi))


class DummyFilter:
    """A filtered picture where there is no picture; for old code that asks for this class."""

    name = ""
    url = ""


class FilteredImage(DeleteAndClearCacheMixIn, ProcessedImage):
    """Base of old filters: `process_image`.

    Args:
        filename_key: Names the filter in file names.
    """

    # The new-style filter that does the same and shares the decode, not for subclasses.
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
        """Where a browser finds it."""
        return self.storage.url(self.name) if self.name else ""

    def __str__(self) -> str:
        return self.url

    def process_image(
        self, image: Image.Image, image_format: str, save_kwargs: SaveOptions
    ) -> BytesIO:
        """Return the file of the filtered picture: what every subclass says for itself.

        Args:
            image: At full size, upright; it may be changed.
            image_format: As Pillow calls it: `JPEG`.
            save_kwargs: For `Image.save`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no process_image.")


registry.adapt(FilteredImage, adapt_filter)
