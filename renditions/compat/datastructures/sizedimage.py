"""The base class for old sizers: it takes a whole picture and returns a file."""

from abc import ABCMeta
from collections.abc import Callable
from functools import wraps
from io import BytesIO
from typing import Any, ClassVar, NoReturn, Self

from django.conf import settings
from django.core.files.storage import Storage
from PIL import Image

from renditions.accessors import MalformedSizedImageKey, PictureAccess, RenditionFile, Sizes
from renditions.compat.adapters import adapt_sizer
from renditions.compat.functions import get_resized_path
from renditions.compat.live import reader
from renditions.imaging.geometry import Size
from renditions.planning.keys import InvalidSizeKey, parse_size
from renditions.ppoi import CENTRE_PPOI, PPOI
from renditions.registry import NotRegistered, registry

from .base import ProcessedImage, SaveOptions
from .mixins import DeleteAndClearCacheMixIn

__all__ = [
    "VERSATILEIMAGEFIELD_CACHE_LENGTH",
    "DeleteAndClearCacheMixIn",
    "MalformedSizedImageKey",
    "ProcessedImage",
    "SizedImage",
    "SizedImageInstance",
    "cache",
    "get_resized_path",
    "settings",
]

__getattr__ = reader(__name__, ("VERSATILEIMAGEFIELD_CACHE_LENGTH", "cache"))


class SizedImageInstance(DeleteAndClearCacheMixIn, metaclass=ABCMeta):
    """The rendition that a sizer with its own work returns. Pickles of the old package have it."""

    def __init__(self, name: str, url: str | None, storage: Storage) -> None:
        self.name = name
        self.url = url
        self.storage = storage

    def __str__(self) -> str:
        return self.url or ""


# `isinstance` in old code is true of every rendition.
SizedImageInstance.register(RenditionFile)


class SizedImage(ProcessedImage, dict[str, Any]):
    """The base class for old sizers. A subclass defines `filename_key` and `process_image`.

    `image.<name>` is an instance, and `image.<name>["400x400"]` one of its renditions. The same
    executor makes them as all others. It is a dict, as in the old package, and it stays empty:
    templates and old code see the same.
    """

    STEPS_AROUND = (*ProcessedImage.STEPS_AROUND, "__getitem__", "create_resized_image")

    filename_key: ClassVar[str]
    filename_key_regex: ClassVar[str]
    # The new sizer with the same result, which shares the decode. It does not hold for subclasses.
    same_as: ClassVar[Any] = None

    ppoi: PPOI
    _sizes: Sizes | None = None
    # True: a method of the subclass works on a key, and the base class does as in the old package.
    _is_answering = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__getitem__
        if own is not SizedImage.__getitem__ and not hasattr(own, "uses_executor"):
            cls.__getitem__ = _made_by_executor(own)  # type: ignore[method-assign]

    def __init__(
        self,
        path_to_image: str | None,
        storage: Storage,
        create_on_demand: bool,
        ppoi: PPOI | None = None,
    ) -> None:
        super().__init__(path_to_image, storage, create_on_demand)
        self.ppoi = ppoi or CENTRE_PPOI
        try:
            self.get_filename_key()
        except AttributeError:
            raise NotImplementedError(
                f"{type(self).__name__} must define filename_key or get_filename_key()."
            ) from None

    @classmethod
    def without_own_init(cls, path_to_image: str, storage: Storage, ppoi: PPOI) -> Self:
        """Return an instance whose class's own `__init__` did not run."""
        made = cls.__new__(cls)
        SizedImage.__init__(made, path_to_image, storage, create_on_demand=False, ppoi=ppoi)
        return made

    @classmethod
    def does_own_work(cls) -> bool:
        """Whether a step around `process_image` is the subclass's own."""
        return any(cls._overrides(method, SizedImage) for method in cls.STEPS_AROUND)

    def use_sizes(self, sizes: Sizes) -> Self:
        """Let `sizes` answer when this is asked for a size."""
        self._sizes = sizes
        return self

    def own_answer(self, size: Size) -> Any:
        """Return what the subclass itself answers when it is asked for `size`."""
        self._is_answering = True
        return self[str(size)]

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

    def __getitem__(self, key: str) -> Any:
        """Return the rendition of a size like `400x400`."""
        sizes = None if self._is_answering else self._bound_sizes()
        return self._answer(key) if sizes is None else sizes[key]

    def __setitem__(self, key: str, value: Any) -> NoReturn:
        raise NotImplementedError(f"Renditions of {type(self).__name__} cannot be assigned.")

    def _bound_sizes(self) -> Sizes | None:
        """Return what answers for this picture; None if the class is not registered."""
        if self._sizes is None:
            try:
                name = registry.name_of(type(self), vars(type(self)).get("same_as"))
            except NotRegistered:
                return None
            picture = PictureAccess.at(
                self.path_to_image, self.storage, self.create_on_demand, self.ppoi
            )
            self._sizes = Sizes(picture, name)
        return self._sizes

    def _answer(self, key: str) -> SizedImageInstance:
        """Do what the old package did: name the file, and make it if it is missing."""
        size = parse_size(str(key))
        if size is None or size.is_open:
            raise MalformedSizedImageKey(
                f"{key!r} is not a size for {type(self).__name__}. Write 'WIDTHxHEIGHT' in whole "
                "pixels, for example '400x300'."
            )
        if not self.path_to_image:
            return SizedImageInstance("", "", self.storage)
        width, height = size.pixels.as_tuple
        name = get_resized_path(
            self.path_to_image, width, height, self.get_filename_key(), self.storage
        )
        if self.create_on_demand and not self.storage.exists(name):
            self.create_resized_image(
                path_to_image=self.path_to_image,
                save_path_on_storage=name,
                width=width,
                height=height,
            )
        return SizedImageInstance(name, _url_of(self.storage, name), self.storage)

    def create_resized_image(
        self, path_to_image: str, save_path_on_storage: str, width: int, height: int
    ) -> None:
        """Read the picture, process it and save the result."""
        image, file_ext, image_format, mime_type = self.retrieve_image(path_to_image)
        image, save_kwargs = self.prepared(image, image_format)
        imagefile = self.process_image(
            image=image,
            image_format=image_format,
            save_kwargs=save_kwargs,
            width=width,
            height=height,
        )
        self.save_image(imagefile, save_path_on_storage, file_ext, mime_type)

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


def _made_by_executor(own: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """Return `own`, a `__getitem__`, so that the executor makes what it answers.

    Pages, workers and the warmer then share the records of success and failure.
    """

    @wraps(own)
    def __getitem__(self: SizedImage, key: str) -> Any:  # noqa: N807
        if self._is_answering:
            return own(self, key)
        on_demand, rendition = self.create_on_demand, _rendition_of(self, key)
        if rendition:
            self.create_on_demand = False
        self._is_answering = True
        try:
            answer = own(self, key)
        finally:
            self.create_on_demand, self._is_answering = on_demand, False
        if rendition and on_demand:
            # Asking for its name makes it.
            _ = rendition.name
        return answer

    __getitem__.uses_executor = True  # type: ignore[attr-defined]
    return __getitem__


def _rendition_of(sizer: SizedImage, key: str) -> RenditionFile | None:
    """Return the rendition that a rendition key with `key` means; None: no key can name it."""
    sizes = sizer._bound_sizes()  # noqa: SLF001
    try:
        rendition = sizes[key] if sizes else None
    except (MalformedSizedImageKey, InvalidSizeKey):
        return None
    # Without a name of its own, the class has to make its file as under the old package.
    has_no_name = rendition and rendition.plan and not rendition.plan.own
    return None if has_no_name else rendition


def _url_of(storage: Storage, name: str) -> str | None:
    try:
        return storage.url(name)
    except NotImplementedError:
        return None


registry.adapt(SizedImage, adapt_sizer)
