"""Old sizers: a whole picture in, a file out."""

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
    """Base of old sizers: `filename_key` and `process_image`.

    `image.<name>` is an instance of it, from which sizes are asked: `image.<name>["400x400"]`.
    Renditions are made by the same executor as all others.
    """

    filename_key: ClassVar[str]
    filename_key_regex: ClassVar[str]
    # The new-style sizer that does the same and shares the decode, not for subclasses.
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
                f"{type(self).__name__} has neither a filename_key nor a get_filename_key()."
            ) from None

    def answered_by(self, sizes: Sizes) -> Self:
        """Let `sizes` answer when this is asked for a size."""
        self._sizes = sizes
        return self

    def ppoi_as_str(self) -> str:
        """Return the focal point as it stands in file names: `0-5__0-5`."""
        return "__".join(str(part).replace(".", "-") for part in self.ppoi)

    def get_filename_key(self) -> str:
        """Return what a file name says of this sizer."""
        return self.filename_key

    @classmethod
    def get_filename_key_regex(cls) -> str:
        """Return a pattern of all that `get_filename_key` may return."""
        return getattr(cls, "filename_key_regex", None) or cls.filename_key

    def __getitem__(self, key: str) -> RenditionFile:
        """Return the rendition of a size like `400x400`."""
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
        """Return the file of the rendition: what every subclass says for itself.

        Args:
            image: At full size, upright; it may be changed.
            image_format: As Pillow calls it: `JPEG`.
            save_kwargs: For `Image.save`.
            width, height: The size asked for, px.
        """
        raise NotImplementedError(f"{type(self).__name__} has no process_image.")


registry.adapt(SizedImage, adapt_sizer)
