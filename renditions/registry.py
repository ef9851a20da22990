"""Sizers and filters by name.

A project adds its own in an app's `renditions.py` (or `versatileimagefield.py`):

    from renditions.imaging.sizers import Sizer
    from renditions.registry import versatileimagefield_registry

    versatileimagefield_registry.register_sizer("square", Square)
"""

from typing import Any, TypeVar

from .imaging.filters import Filter, Invert
from .imaging.sizers import Crop, Sizer, Thumbnail
from .imaging.whole_image import WholeImageFilter, WholeImageSizer

T = TypeVar("T")
AnySizer = Sizer | WholeImageSizer
AnyFilter = Filter | WholeImageFilter


class AlreadyRegistered(Exception):
    """The name is taken."""


class NotRegistered(Exception):
    """Nothing has that name."""


class InvalidSizedImageSubclass(Exception):
    """Not a class of sizers."""


class InvalidFilteredImageSubclass(Exception):
    """Not a class of filters."""


class UnallowedSizerName(Exception):
    """The name would hide an attribute of the field file."""


class UnallowedFilterName(Exception):
    """The name begins with an underscore."""


class VersatileImageFieldRegistry:
    """The sizers and filters that rendition keys may name."""

    # A sizer is an attribute of the field file, beside all of these.
    unallowed_sizer_names = (
        "build_filters_and_sizers", "chunks", "close", "closed", "create_on_demand", "delete",
        "delete_all_created_images", "delete_filtered_images", "delete_filtered_sized_images",
        "delete_matching_files_from_storage", "delete_sized_images", "encoding", "field", "file",
        "fileno", "filters", "flush", "get_filtered_root_folder",
        "get_filtered_sized_root_folder", "get_sized_root_folder", "height", "instance", "isatty",
        "multiple_chunks", "name", "newlines", "open", "path", "plan", "plans", "ppoi", "read",
        "readinto", "readline", "readlines", "save", "seek", "size", "softspace", "storage",
        "tell", "truncate", "url", "validate_ppoi", "width", "write", "writelines", "xreadlines",
    )  # fmt: skip

    def __init__(self, name: str = "versatileimage_registry") -> None:
        self.name = name
        self._sizedimage_registry: dict[str, type[AnySizer]] = {}
        self._filter_registry: dict[str, type[AnyFilter]] = {}
        self._instances: dict[type[Any], Any] = {}

    def register_sizer(self, attr_name: str, sizedimage_cls: type[AnySizer]) -> None:
        """Let keys and `image.<attr_name>` name `sizedimage_cls`.

        Raises:
            UnallowedSizerName, InvalidSizedImageSubclass, AlreadyRegistered.
        """
        if attr_name.startswith("_") or attr_name in self.unallowed_sizer_names:
            raise UnallowedSizerName(
                f"No sizer may be named {attr_name!r}: names that begin with an underscore and "
                f"these are taken: {', '.join(self.unallowed_sizer_names)}."
            )
        if not issubclass(sizedimage_cls, Sizer | WholeImageSizer):
            raise InvalidSizedImageSubclass(
                f"{sizedimage_cls!r} is no sizer. Subclass renditions.imaging.sizers.Sizer, "
                "or SizedImage for code written for django-versatileimagefield."
            )
        _add(self._sizedimage_registry, attr_name, sizedimage_cls, "sizer")

    def unregister_sizer(self, attr_name: str) -> None:
        """Take the sizer's name away, or raise NotRegistered."""
        _remove(self._sizedimage_registry, attr_name, "sizer")

    def register_filter(self, attr_name: str, filterimage_cls: type[AnyFilter]) -> None:
        """Let keys and `image.filters.<attr_name>` name `filterimage_cls`.

        Raises:
            UnallowedFilterName, InvalidFilteredImageSubclass, AlreadyRegistered.
        """
        if attr_name.startswith("_"):
            raise UnallowedFilterName(
                f"No filter may be named {attr_name!r}: it begins with an underscore."
            )
        if not issubclass(filterimage_cls, Filter | WholeImageFilter):
            raise InvalidFilteredImageSubclass(
                f"{filterimage_cls!r} is no filter. Subclass renditions.imaging.filters.Filter, "
                "or FilteredImage for code written for django-versatileimagefield."
            )
        _add(self._filter_registry, attr_name, filterimage_cls, "filter")

    def unregister_filter(self, attr_name: str) -> None:
        """Take the filter's name away, or raise NotRegistered."""
        _remove(self._filter_registry, attr_name, "filter")

    def sizer(self, name: str) -> AnySizer:
        """Return the sizer called `name`, or raise NotRegistered with the names there are."""
        return self._instance(_look_up(self._sizedimage_registry, name, "sizer"))

    def filter(self, name: str) -> AnyFilter:
        """Return the filter called `name`, or raise NotRegistered with the names there are."""
        return self._instance(_look_up(self._filter_registry, name, "filter"))

    def _instance(self, cls: type[T]) -> T:
        # Sizers and filters hold no state: one of each makes plans of one key equal.
        made: T = self._instances.setdefault(cls, cls())
        return made

    def has_sizer(self, name: str) -> bool:
        """Whether a sizer is called `name`."""
        return name in self._sizedimage_registry

    def has_filter(self, name: str) -> bool:
        """Whether a filter is called `name`."""
        return name in self._filter_registry


def _add(registered: dict[str, T], name: str, cls: T, what: str) -> None:
    if name in registered:
        raise AlreadyRegistered(
            f"A {what} named {name!r} is registered already: {registered[name]!r}. "
            f"Call unregister_{what}({name!r}) first to replace it."
        )
    registered[name] = cls


def _remove(registered: dict[str, T], name: str, what: str) -> None:
    _look_up(registered, name, what)
    del registered[name]


def _look_up(registered: dict[str, T], name: str, what: str) -> T:
    try:
        return registered[name]
    except KeyError:
        known = ", ".join(registered)
        raise NotRegistered(f"No {what} is named {name!r}. Known: {known}.") from None


versatileimagefield_registry = VersatileImageFieldRegistry()
versatileimagefield_registry.register_sizer("crop", Crop)
versatileimagefield_registry.register_sizer("thumbnail", Thumbnail)
versatileimagefield_registry.register_filter("invert", Invert)


def autodiscover() -> None:
    """Import every installed app's `renditions` and `versatileimagefield` modules."""
    from django.utils.module_loading import autodiscover_modules

    autodiscover_modules("renditions")
    autodiscover_modules("versatileimagefield")
