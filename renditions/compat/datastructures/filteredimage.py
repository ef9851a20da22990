"""The base class for old filters: it takes a whole picture and returns a file."""

from functools import cached_property
from io import BytesIO
from typing import Any, ClassVar

from django.conf import settings
from django.core.files.storage import Storage
from PIL import Image

from renditions.accessors import Filters, InvalidFilter, PictureAccess
from renditions.compat.adapters import adapt_filter
from renditions.compat.functions import get_filtered_path
from renditions.compat.live import reader
from renditions.ppoi import PPOI
from renditions.registry import registry

from .base import ProcessedImage, SaveOptions
from .mixins import DeleteAndClearCacheMixIn

__all__ = [
    "VERSATILEIMAGEFIELD_CACHE_LENGTH",
    "DeleteAndClearCacheMixIn",
    "DummyFilter",
    "FilterLibrary",
    "FilteredImage",
    "InvalidFilter",
    "ProcessedImage",
    "cache",
    "get_filtered_path",
    "settings",
]

__getattr__ = reader(__name__, ("VERSATILEIMAGEFIELD_CACHE_LENGTH", "cache"))


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
        super().__init__(PictureAccess.at(original_file_location, storage, create_on_demand, ppoi))

    def __setitem__(self, name: str, value: object) -> None:
        """Drop the value: a pickle of the old package has the filters that were asked for."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "original_file_location" in state:
            self.__init__(**state)  # type: ignore[misc]
        else:
            self.__dict__.update(state)


class DummyFilter:
    """A filtered picture for an empty field. Only old code uses it."""

    name = ""
    url = ""


class FilteredImage(DeleteAndClearCacheMixIn, ProcessedImage):
    """The base class for old filters. A subclass defines `process_image`.

    Args:
        filename_key: Names the filter in file names.
    """

    STEPS_AROUND = (*ProcessedImage.STEPS_AROUND, "create_filtered_image")

    # The new-style filter that does the same and shares the decode, not for subclasses.
    same_as: ClassVar[Any] = None

    def __init__(
        self, path_to_image: str | None, storage: Storage, create_on_demand: bool, filename_key: str
    ) -> None:
        super().__init__(path_to_image, storage, create_on_demand)
        self.filename_key = filename_key

    # Not properties: a subclass may assign both.

    @cached_property
    def name(self) -> str:  # type: ignore[override]
        """Path of the filtered picture on the storage."""
        if not self.path_to_image:
            return ""
        return get_filtered_path(self.path_to_image, self.filename_key, self.storage)

    @cached_property
    def url(self) -> str:  # type: ignore[override]
        """Where a browser finds it."""
        return self.storage.url(self.name) if self.name else ""

    @classmethod
    def does_own_work(cls) -> bool:
        """Whether a step around `process_image` is the subclass's own."""
        return any(cls._overrides(method, FilteredImage) for method in cls.STEPS_AROUND)

    @classmethod
    def names_own_file(cls) -> bool:
        """Whether the subclass may have another name or URL for the filtered picture."""
        return any(cls._overrides(each, FilteredImage) for each in ("__init__", "name", "url"))

    def create_filtered_image(self, path_to_image: str, save_path_on_storage: str) -> None:
        """Read the picture, process it and save the result."""
        image, file_ext, image_format, mime_type = self.retrieve_image(path_to_image)
        image, save_kwargs = self.prepared(image, image_format)
        imagefile = self.process_image(image, image_format, save_kwargs)
        self.save_image(imagefile, save_path_on_storage, file_ext, mime_type)

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
