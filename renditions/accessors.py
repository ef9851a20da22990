"""What `image.crop["400x400"]` and `image.filters.invert` answer with."""

from typing import TYPE_CHECKING, Any, NoReturn

from . import conf
from .keys import RenditionKey, parse_size
from .plans import RenditionPlan
from .publishing import withdraw
from .records import Recorder
from .registry import versatileimagefield_registry
from .warming import warm

if TYPE_CHECKING:
    from .files import VersatileImageFieldFile


class MalformedSizedImageKey(Exception):
    """What stands in the brackets is not `WIDTHxHEIGHT`."""


class InvalidFilter(Exception):
    """No filter has that name."""


class RenditionFile:
    """One rendition of one picture: `name` and `url`, both empty where there is no picture.

    Where renditions are created on demand, it has been made by the time this object exists, or
    its failure has been recorded; a page is never broken by it.
    """

    def __init__(self, image: "VersatileImageFieldFile", key: RenditionKey) -> None:
        self.storage = image.storage
        self._plan = image.plan(key) if image else None
        if self._plan and image.create_on_demand:
            _ensure(image, self._plan)

    @property
    def name(self) -> str:
        """Path on the storage."""
        return self._plan.path if self._plan else ""

    @property
    def url(self) -> str:
        """Where a browser finds it; asks neither the storage's files nor the cache."""
        return self.storage.url(self.name) if self._plan else ""

    def delete(self) -> None:
        """Take the file away and forget what is known of it."""
        if self._plan:
            withdraw(self.storage, self.name)
            self.clear_cache()

    def clear_cache(self) -> None:
        """Forget what is known of the rendition; the file stays."""
        if self._plan:
            Recorder(conf.store()).forget(self._plan.storage, [self._plan.path])

    def __str__(self) -> str:
        return self.url


class Sizes:
    """A sizer of one picture: `image.crop["400x400"]`, in a template `image.crop.400x400`."""

    def __init__(
        self, image: "VersatileImageFieldFile", sizer: str, filter_name: str | None = None
    ) -> None:
        self._image = image
        self._sizer = sizer
        self._filter = filter_name

    def __getitem__(self, text: str) -> RenditionFile:
        size = parse_size(text)
        if not size:
            raise MalformedSizedImageKey(
                f"{text!r} is no size for {self._sizer!r}. Write 'WIDTHxHEIGHT' in whole pixels, "
                "for example '400x300'."
            )
        return RenditionFile(self._image, RenditionKey(self._sizer, size, self._filter))

    def __setitem__(self, key: str, value: Any) -> NoReturn:
        raise NotImplementedError(f"Renditions of {self._sizer!r} cannot be assigned.")


class FilteredFile(RenditionFile):
    """A picture filtered at full size, and the way to its sizes: `.crop["400x400"]`."""

    def __init__(self, image: "VersatileImageFieldFile", filter_name: str) -> None:
        super().__init__(image, RenditionKey(filter=filter_name))
        self._image = image
        self._filter = filter_name

    def __getattr__(self, name: str) -> Sizes:
        if not versatileimagefield_registry.has_sizer(name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return Sizes(self._image, name, self._filter)


class Filters:
    """The filters of one picture: `image.filters.invert` or `image.filters["invert"]`."""

    def __init__(self, image: "VersatileImageFieldFile") -> None:
        self._image = image

    def __getitem__(self, name: str) -> FilteredFile:
        if not versatileimagefield_registry.has_filter(name):
            raise InvalidFilter(f"No filter is named {name!r}.")
        return FilteredFile(self._image, name)

    def __getattr__(self, name: str) -> FilteredFile:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]


def _ensure(image: "VersatileImageFieldFile", plan: RenditionPlan) -> None:
    # Known, even as failed: a broken picture is not tried again by each visitor of a page.
    if plan.path not in Recorder(conf.store()).recall([plan]):
        warm(image.storage, [plan])
