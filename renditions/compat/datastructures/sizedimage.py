"""The base class for old sizers: it takes a whole picture and returns a file."""

from io import BytesIO
from typing import Any, ClassVar, NoReturn, Self

from django.core.files.storage import Storage
from PIL import Image

from renditions.accessors import MalformedSizedImageKey, Picture, RenditionFile, Sizes
from renditions.compat.adapters import adapt_sizer
from renditions.ppoi import CENTRE_PPOI, PPOI
from renditions.registry import registry

from .base import ProcessedImage, SaveOptions

__all__ = ["MalformedSizedImageKey", "SizedImage", "SizedImageInstance"]

SizedImageInstance = RenditionFile


class SizedImage(ProcessedImage):
    """The base class for old sizers. A subclass defines `filename_key` and `process_image`.

    `image.<name>` is an instance, and `image.<name>["400x400"]` one of its renditions. The same
    executor makes them as all others.
    """

    filename_key: ClassVar[str]
    filename_key_regex: ClassVar[str]
    # The new sizer with the same result, which shares the decode. It does not hold for subclasses.
    same_as: ClassVar[Any] = None

    def __init__(
        self,
        path_to_image: str | None,
        storage: Storage,
        create_on_demand: bool,
        ppoi: PPOI | None = None,
    ) -> None:
        super().__init__(path_to_image, storage, create_on_demand)
        self.ppoi = ppoi or CENTRE_PPOI
        self._sizes: Sizes | None = None
        try:
            self.get_filename_key()
        except AttributeError:
            raise NotImplementedError(
                f"{type(self).__name__} must define filename_key or get_filename_key()."
            ) from None

    def use_sizes(self, sizes: Sizes) -> Self:
        """Return the renditions of `sizes` from now on."""
        self._sizes = sizes
        return self

    def ppoi_as_str(self) -> str:
        """Return the text of the focal point in file names: `0-5__0-5`."""
        return "__".join(str(part).replace(".", "-") for part in self.ppoi)

    def get_filename_key(self) -> str:
        """Return the part of a file name that this sizer writes."""
        return self.filename_key

    @classmethod
    def get_filename_key_regex(cls) -> str:
        """Return a pattern of all possible results of `get_filename_key`."""
        return getattr(cls, "filename_key_regex", None) or cls.filename_key

    def __getitem__(self, key: str) -> RenditionFile:
        if self._sizes is None:
            name = registry.name_of(type(self), vars(type(self)).get("same_as"))
            picture = Picture.at(self.path_to_image, self.storage, self.create_on_demand, self.ppoi)
            self._sizes = Sizes(picture, name)
        return self._sizes[key]

    def __setitem__(self, key: str, value: Any) -> NoReturn:
        raise NotImplementedError(f"Renditions of {type(self).__name__} cannot be assigned.")

    def process_image(
        self,
        image: Image.Image,
        image_format: str,
        save_kwargs: SaveOptions,
        width: int,
        height: int,
    ) -> BytesIO:
        """Return the file of the rendition.

        Args:
            image: The upright picture at full size; it may be changed.
            image_format: The format name of Pillow: `JPEG`.
            save_kwargs: For `Image.save`.
            width, height: The requested size, px.
        """
        raise NotImplementedError(f"{type(self).__name__} must define process_image().")


registry.adapt(SizedImage, adapt_sizer)
