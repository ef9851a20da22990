"""Sizers and filters by name.

A project adds its own in an app's `renditions.py` (or `versatileimagefield.py`):

    from renditions.imaging.sizers import Sizer
    from .registry import registry

    registry.register_sizer("square", Square)
"""

import re
from typing import Any, TypeVar

from renditions.imaging.filters import Filter, Invert
from renditions.imaging.sizers import Crop, Sizer, Thumbnail
from renditions.imaging.whole_image import WholeImageFilter, WholeImageSizer

T = TypeVar("T")
AnySizer = Sizer | WholeImageSizer
AnyFilter = Filter | WholeImageFilter
Registered = tuple[dict[str, type[AnySizer]], dict[str, type[AnyFilter]]]


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


class Registry:
    """The sizers and filters that rendition keys may name."""

    # A sizer is an attribute of the field file, beside all of these.
    unallowed_sizer_names = (
        "DEFAULT_CHUNK_SIZE", "build_filters_and_sizers", "chunks", "close", "closed",
        "create_on_demand", "delete", "delete_all_created_images", "delete_filtered_images",
        "delete_filtered_sized_images", "delete_matching_files_from_storage",
        "delete_sized_images", "encoding", "field", "file", "fileno", "filters", "flush",
        "get_filtered_root_folder", "get_filtered_sized_root_folder", "get_sized_root_folder",
        "has_new_content", "height", "instance", "isatty", "multiple_chunks", "name", "newlines",
        "note_committed", "open", "original", "path", "picture", "placeholder", "plan", "plans",
        "ppoi", "read", "readable", "readinto", "readline", "readlines", "rendition", "save",
        "seek", "seekable", "size", "softspace", "storage", "tell", "truncate", "url",
        "url_of", "urls", "validate_ppoi", "was_assigned", "width", "writable", "write",
        "writelines", "xreadlines",
    )  # fmt: skip

    def __init__(self, name: str = "versatileimage_registry") -> None:
        self.name = name
        self._sizedimage_registry: dict[str, type[AnySizer]] = {}
        self._filter_registry: dict[str, type[AnyFilter]] = {}
        self._instances: dict[tuple[str, type[Any]], Any] = {}

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
        if not _is_class(sizedimage_cls, Sizer | WholeImageSizer):
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
        if not _is_class(filterimage_cls, Filter | WholeImageFilter):
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
        made: AnySizer = self._instance(name, self.sizer_class(name))
        return made

    def filter(self, name: str) -> AnyFilter:
        """Return the filter called `name`, or raise NotRegistered with the names there are."""
        made: AnyFilter = self._instance(name, _look_up(self._filter_registry, name, "filter"))
        return made

    def sizer_class(self, name: str) -> type[AnySizer]:
        """Return what was registered as sizer `name`, or raise NotRegistered."""
        return _look_up(self._sizedimage_registry, name, "sizer")

    def name_of(self, sizedimage_cls: type[AnySizer]) -> str:
        """Return the name that a class of sizers, or its equal, has, or raise NotRegistered."""
        equals = sizedimage_cls, vars(sizedimage_cls).get("same_as")
        for name, registered in self._sizedimage_registry.items():
            if registered in equals:
                return name
        raise NotRegistered(f"{sizedimage_cls!r} is registered under no name.")

    def filename_patterns(self) -> list[str]:
        """Return a pattern for what each sizer writes into file names."""
        return [_filename_pattern(cls) for cls in self._sizedimage_registry.values()]

    def filter_names(self) -> list[str]:
        """Return the names of all filters."""
        return list(self._filter_registry)

    def snapshot(self) -> Registered:
        """Return all that is registered."""
        return dict(self._sizedimage_registry), dict(self._filter_registry)

    def restore(self, snapshot: Registered) -> None:
        """Register what was registered when `snapshot` was taken, and nothing else."""
        self._sizedimage_registry, self._filter_registry = snapshot

    def _instance(self, name: str, cls: type[Any]) -> Any:
        # Sizers and filters hold no state: one of each makes plans of one key equal.
        if (name, cls) not in self._instances:
            self._instances[name, cls] = _made(name, cls)
        return self._instances[name, cls]

    def has_sizer(self, name: str) -> bool:
        """Whether a sizer is called `name`."""
        return name in self._sizedimage_registry

    def has_filter(self, name: str) -> bool:
        """Whether a filter is called `name`."""
        return name in self._filter_registry


def _made(name: str, cls: type[Any]) -> Any:
    """Return an instance; of an old class that has one, its equal in the new style.

    A subclass of that old class has changed something, and is taken as it is.
    """
    equal = vars(cls).get("same_as")
    if equal:
        return equal()
    # Old classes are made for one picture, with arguments that say which.
    unbound = getattr(cls, "unbound", None)
    return unbound(name) if unbound else cls()


def _filename_pattern(cls: type[Any]) -> str:
    of_old_class = getattr(cls, "get_filename_key_regex", None)
    pattern: str | None = of_old_class() if of_old_class else None
    return pattern or getattr(cls, "filename_key_regex", None) or re.escape(cls.filename_key)


def _is_class(value: object, base: Any) -> bool:
    return isinstance(value, type) and issubclass(value, base)


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


registry = Registry()
registry.register_sizer("crop", Crop)
registry.register_sizer("thumbnail", Thumbnail)
registry.register_filter("invert", Invert)
