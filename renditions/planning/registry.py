"""The registered sizers and filters, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from renditions.imaging.filters import AnyFilter, Invert
from renditions.imaging.sizers import AnySizer, Crop, CropDown, Thumbnail

T = TypeVar("T")


class AlreadyRegistered(Exception):
    """A sizer or filter with this name is registered already."""


class NotRegistered(Exception):
    """No sizer or filter has this name."""


class InvalidSizedImageSubclass(Exception):
    """The value is not a sizer class."""


class InvalidFilteredImageSubclass(Exception):
    """The value is not a filter class."""


class UnallowedSizerName(Exception):
    """The name would hide an attribute of the field file."""


class UnallowedFilterName(Exception):
    """The name begins with an underscore."""


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    registered: type[Any]  # the class that the project registered
    instance: T  # only one, so that two plans of one key are equal


Snapshot = tuple[dict[str, _Entry[AnySizer]], dict[str, _Entry[AnyFilter]]]
# Returns the sizer or filter for a name and a class.
Adapter = Callable[[str, type[Any]], Any]


class Registry:
    """The sizers and filters that rendition keys can use."""

    # A sizer is an attribute of the field file, so it must not hide one of these.
    unallowed_sizer_names = (
        "DEFAULT_CHUNK_SIZE", "build_filters_and_sizers", "chunks", "close", "closed",
        "create_on_demand", "delete", "delete_all_created_images", "delete_filtered_images",
        "delete_filtered_sized_images", "delete_matching_files_from_storage",
        "delete_sized_images", "encoding", "field", "file", "fileno", "filters", "flush",
        "get_filtered_root_folder", "get_filtered_sized_root_folder", "get_sized_root_folder",
        "has_new_content", "height", "instance", "isatty", "known_size", "lacks_meta", "meta",
        "multiple_chunks", "name", "newlines", "note_committed", "open", "original", "path",
        "picture", "placeholder", "plan", "plans", "ppoi", "read", "readable", "readinto",
        "readline", "readlines", "rendition", "save", "seek", "seekable", "signed_url", "size",
        "softspace", "storage", "storages", "tell", "truncate", "url", "url_of", "urls",
        "use_prefetched", "validate_ppoi", "was_assigned", "width", "writable", "write",
        "writelines", "xreadlines",
    )  # fmt: skip

    def __init__(self) -> None:
        # Each change increases it. A cache of anything that depends on names has it in its keys.
        self.version = 0
        self._sizers: dict[str, _Entry[AnySizer]] = {}
        self._filters: dict[str, _Entry[AnyFilter]] = {}
        self._adapters: dict[type[Any], Adapter] = {}

    def adapt(self, base: type[Any], adapter: Adapter) -> None:
        """Accept subclasses of `base`; `adapter` returns the sizer or filter for each of them."""
        self._adapters[base] = adapter

    def register_sizer(self, attr_name: str, sizedimage_cls: type[Any]) -> None:
        """Register a sizer for rendition keys and for `image.<attr_name>`.

        Raises:
            UnallowedSizerName, InvalidSizedImageSubclass, AlreadyRegistered.
        """
        if attr_name.startswith("_") or attr_name in self.unallowed_sizer_names:
            raise UnallowedSizerName(
                f"A sizer cannot be named {attr_name!r}. A name must not begin with an underscore "
                "and must not be an attribute of the image: "
                f"{', '.join(self.unallowed_sizer_names)}."
            )
        instance = self._instance_of(attr_name, sizedimage_cls)
        if not isinstance(instance, AnySizer):
            raise InvalidSizedImageSubclass(
                f"{sizedimage_cls!r} is not a sizer. Subclass renditions.imaging.sizers.Sizer, "
                "or SizedImage for code written for django-versatileimagefield."
            )
        _add(self._sizers, attr_name, _Entry(sizedimage_cls, instance), "sizer")
        self.version += 1

    def unregister_sizer(self, attr_name: str) -> None:
        """Remove the sizer.

        Raises:
            NotRegistered.
        """
        _remove(self._sizers, attr_name, "sizer")
        self.version += 1

    def register_filter(self, attr_name: str, filterimage_cls: type[Any]) -> None:
        """Register a filter for rendition keys and for `image.filters.<attr_name>`.

        Raises:
            UnallowedFilterName, InvalidFilteredImageSubclass, AlreadyRegistered.
        """
        if attr_name.startswith("_"):
            raise UnallowedFilterName(
                f"A filter cannot be named {attr_name!r}. A name must not begin with an underscore."
            )
        instance = self._instance_of(attr_name, filterimage_cls)
        if not isinstance(instance, AnyFilter):
            raise InvalidFilteredImageSubclass(
                f"{filterimage_cls!r} is not a filter. Subclass renditions.imaging.filters.Filter, "
                "or FilteredImage for code written for django-versatileimagefield."
            )
        _add(self._filters, attr_name, _Entry(filterimage_cls, instance), "filter")
        self.version += 1

    def unregister_filter(self, attr_name: str) -> None:
        """Remove the filter.

        Raises:
            NotRegistered.
        """
        _remove(self._filters, attr_name, "filter")
        self.version += 1

    def sizer(self, name: str) -> AnySizer:
        """Return the sizer called `name`.

        Raises:
            NotRegistered: the message lists the registered names.
        """
        # A page looks it up for each URL.
        known = self._sizers.get(name)
        return (known or _look_up(self._sizers, name, "sizer")).instance

    def filter(self, name: str) -> AnyFilter:
        """Return the filter called `name`.

        Raises:
            NotRegistered: the message lists the registered names.
        """
        return _look_up(self._filters, name, "filter").instance

    def has_sizer(self, name: str) -> bool:
        return name in self._sizers

    def has_filter(self, name: str) -> bool:
        return name in self._filters

    @property
    def sizer_classes(self) -> dict[str, type[Any]]:
        """The registered sizer classes by name, in the order of registration."""
        return {name: entry.registered for name, entry in self._sizers.items()}

    @property
    def filter_classes(self) -> dict[str, type[Any]]:
        """The registered filter classes by name, in the order of registration."""
        return {name: entry.registered for name, entry in self._filters.items()}

    def name_of(self, *classes: type[Any] | None) -> str:
        """Return the first sizer name under which one of `classes` is registered.

        Raises:
            NotRegistered.
        """
        for name, entry in self._sizers.items():
            if entry.registered in classes:
                return name
        raise NotRegistered(f"{classes[0]!r} is not registered. Call register_sizer first.")

    def own_sizers(self) -> list[AnySizer]:
        """Return the sizers that name their files themselves."""
        sizers = (entry.instance for entry in self._sizers.values())
        return [sizer for sizer in sizers if sizer.names_own_files]

    def filename_patterns(self) -> list[str]:
        """Return, for each sizer, the regular expression of its part of a file name."""
        return [entry.instance.filename_pattern for entry in self._sizers.values()]

    def snapshot(self) -> Snapshot:
        """Return a copy of all registrations, for `restore`."""
        return dict(self._sizers), dict(self._filters)

    def restore(self, snapshot: Snapshot) -> None:
        """Replace all registrations by those of `snapshot`."""
        self._sizers, self._filters = dict(snapshot[0]), dict(snapshot[1])
        self.version += 1

    def _instance_of(self, name: str, cls: object) -> Any:
        """Return the sizer or filter for `cls`; None: `cls` is neither, and has no adapter."""
        if not isinstance(cls, type):
            return None
        for base, adapter in self._adapters.items():
            if issubclass(cls, base):
                return adapter(name, cls)
        return cls() if issubclass(cls, AnySizer | AnyFilter) else None


def _add(entries: dict[str, _Entry[T]], name: str, entry: _Entry[T], what: str) -> None:
    if name in entries:
        raise AlreadyRegistered(
            f"A {what} named {name!r} is registered already: {entries[name].registered!r}. "
            f"Call unregister_{what}({name!r}) first to replace it."
        )
    entries[name] = entry


def _remove(entries: dict[str, _Entry[T]], name: str, what: str) -> None:
    _look_up(entries, name, what)
    del entries[name]


def _look_up(entries: dict[str, _Entry[T]], name: str, what: str) -> _Entry[T]:
    try:
        return entries[name]
    except KeyError:
        known = ", ".join(entries)
        raise NotRegistered(f"No {what} is named {name!r}. Known: {known}.") from None


registry = Registry()
registry.register_sizer("crop", Crop)
registry.register_sizer("crop-down", CropDown)
registry.register_sizer("thumbnail", Thumbnail)
registry.register_filter("invert", Invert)
