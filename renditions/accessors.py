"""The objects behind `image.crop["400x400"]` and `image.filters.invert`."""

import functools
from dataclasses import dataclass
from typing import Any, NoReturn, Self

from django.core.files.storage import Storage

from . import conf
from .engine.status import may_try_after, may_try_now, recall
from .engine.warming import warm
from .imaging.geometry import FocalPoint, Size
from .planning.keys import SEPARATOR, KeySize, RenditionKey, parse_size
from .planning.paths import filtered_path
from .planning.plans import Original, Place, RenditionPlan, check_names, place_of
from .planning.registry import registry
from .ppoi import PPOI
from .records import project_recorder
from .records.prefetched import Known, PrefetchedRecords
from .storage import Storages, delete_files, storage_label
from .storage.urls import url_of


class MalformedSizedImageKey(Exception):
    """The text in brackets is not `WIDTHxHEIGHT`."""


class InvalidFilter(Exception):
    """No filter has this name."""


@dataclass(frozen=True, slots=True)
class PictureAccess:
    """What an accessor needs to know of its picture."""

    storages: Storages
    original: Original | None  # None: the field is empty and has no placeholder
    create_on_demand: bool
    prefetched: PrefetchedRecords | None = None  # None: each record is recalled when it is needed

    @classmethod
    def at(cls, path: str | None, storage: Storage, create_on_demand: bool, ppoi: PPOI) -> Self:
        """Return the picture at `path`, which need not belong to a model."""
        original = Original("", storage_label(storage), path, FocalPoint(*ppoi)) if path else None
        return cls(Storages.both_on(storage), original, create_on_demand)


class RenditionFile:
    """One rendition of one picture: its `name` and `url`, both empty if there is no picture.

    If renditions are created on demand, the first access to `name` or `url` makes the file. A
    failure is recorded and never breaks a page.
    """

    # Both are computed when they are needed.
    _place: Place | None = None
    _size: Size | None = None

    def __init__(self, picture: PictureAccess, key: RenditionKey) -> None:
        self.storage = picture.storages.renditions
        self._picture = picture
        self._key = key
        self._may_create = picture.create_on_demand

    @property
    def name(self) -> str:
        """Path on the storage."""
        place = self._place_after_creation()
        return place.path if place else ""

    @property
    def url(self) -> str:
        """URL for a browser. Without creation on demand, it costs no call to storage or cache."""
        place = self._place_after_creation()
        if place is None:
            return _placeholder_url(self._key.size)
        if place.own is None or place.own.url is None:
            return url_of(self.storage, place.path)
        return place.own.url

    @property
    def width(self) -> int | None:
        """Width in px; None if it is not known. See `size`."""
        return self.size.width if self.size else None

    @property
    def height(self) -> int | None:
        """Height in px; None if it is not known. See `size`."""
        return self.size.height if self.size else None

    @property
    def size(self) -> Size | None:
        """Size of the rendition, px; None if it is not known.

        Mostly the key and the row of the picture tell it. Otherwise the record of the rendition
        does, which costs a call to the cache. The storage is never asked.
        """
        if self._size is None:
            self._size = self.planned_size or self._recorded_size()
        return self._size

    @property
    def planned_size(self) -> Size | None:
        """Size of the rendition, px, as key and row tell it; None: only its file tells it."""
        plan = self.plan
        return plan.recipe.size_of(plan.original.size) if plan else None

    def _recorded_size(self) -> Size | None:
        plan = self.plan
        if plan is None:
            return None
        prefetched = self._picture.prefetched
        record = prefetched.find(self._key).record if prefetched else recall([plan]).get(plan.path)
        # Another plan may have made the file.
        return record.size if record and record.is_made_by(plan) else None

    @property
    def plan(self) -> RenditionPlan | None:
        """The plan; None if there is no picture."""
        original, style = self._picture.original, conf.style(self._key)
        if original is None:
            return None
        if self._place is None:
            self._place = place_of(original, self._key, style.layout)
        return self._place.plan(original, self._key, style.encoding)

    def delete(self) -> None:
        """Delete the file and its record."""
        plan = self.plan
        if plan:
            # The next access to `name` must not create the file again.
            self._may_create = False
            delete_files(self.storage, [plan.path])
            self.clear_cache()

    def clear_cache(self) -> None:
        """Delete the record of the rendition; the file stays."""
        plan = self.plan
        if plan:
            project_recorder().delete(plan.storage, [plan.path])
            self._forget()

    def __str__(self) -> str:
        return self.url

    def _place_after_creation(self) -> Place | None:
        """Return where the rendition is, and make it first if this is allowed and not done yet.

        None: there is no picture.
        """
        original = self._picture.original
        if original is None:
            return None
        known = None
        if self._may_create and self._picture.prefetched:
            known = self._picture.prefetched.find(self._key)
            self._place = known.place
        if self._place is None:
            self._place = place_of(original, self._key, conf.style(self._key).layout)
        if self._may_create:
            self._may_create = False
            self._create_if_missing(known)
        return self._place

    def _create_if_missing(self, known: Known | None) -> None:
        if known and known.is_made:
            return
        plan = self.plan
        assert plan is not None
        if may_try_after(plan, known.record) if known else may_try_now(plan):
            warm(self._picture.storages, [plan])
            self._forget()

    def _forget(self) -> None:
        if self._picture.prefetched:
            self._picture.prefetched.forget(self._key)


class Sizes:
    """The renditions of one sizer: `image.crop["400x400"]`, in a template `image.crop.400x400`.

    A size may end in an output format: `image.crop["400x400__webp"]`.
    """

    def __init__(self, picture: PictureAccess, sizer: str, filter_name: str | None = None) -> None:
        self.picture = picture
        self._sizer = sizer
        self._filter = filter_name

    # A dict that stays empty stands here in django-versatileimagefield, and templates print it.
    def __str__(self) -> str:
        return "{}"

    @property
    def path(self) -> str:
        """Path of the picture that is sized: the original or the filtered one."""
        name = self.picture.original.name if self.picture.original else ""
        return filtered_path(name, self._filter, conf.layout()) if name and self._filter else name

    def __getitem__(self, text: str) -> RenditionFile:
        key = _key(self._sizer, self._filter, str(text), registry.version)
        return RenditionFile(self.picture, key)

    def __setitem__(self, key: str, value: Any) -> NoReturn:
        raise NotImplementedError(f"Renditions of {self._sizer!r} cannot be assigned.")


# Cached: a page asks for the same size of each picture.
@functools.lru_cache(maxsize=1024)
def _key(sizer: str, filter_name: str | None, text: str, registry_version: int) -> RenditionKey:
    size_text, separator, output = text.partition(SEPARATOR)
    size = parse_size(size_text)
    is_complete = size and (not size.is_open or registry.sizer(sizer).accepts_open_size)
    if not size or not is_complete or bool(separator) != bool(output):
        raise MalformedSizedImageKey(
            f"{text!r} is not a size for {sizer!r}. Write the width and height in whole "
            "pixels, such as '400x300', or '400x300__webp' for another format."
        )
    key = RenditionKey(sizer, size, filter_name, output or None)
    check_names([key])
    return key


class FilteredFile(RenditionFile):
    """A filtered picture at full size. Its sizers give smaller ones: `.crop["400x400"]`."""

    def __init__(self, picture: PictureAccess, filter_name: str) -> None:
        super().__init__(picture, RenditionKey(filter=filter_name))
        self._filter = filter_name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or is_of_class(self, name):
            return object.__getattribute__(self, name)  # raises the error that Python had
        if registry.has_sizer(name):
            return sizes_of(self._picture, name, self._filter)
        path = self._picture.original.name if self._picture.original else ""
        return getattr(
            registry.filter(self._filter).instance_for(path, self._picture.storages.originals), name
        )


class Filters:
    """The filters of one picture: `image.filters.invert` or `image.filters["invert"]`."""

    def __init__(self, picture: PictureAccess) -> None:
        self._picture = picture

    # As of `Sizes`.
    def __str__(self) -> str:
        return "{}"

    def __getitem__(self, name: str) -> FilteredFile:
        if not registry.has_filter(name):
            known = ", ".join(registry.filter_classes)
            raise InvalidFilter(f"No filter is named {name!r}. Known: {known}.")
        return FilteredFile(self._picture, name)

    def __getattr__(self, name: str) -> FilteredFile:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]


def is_of_class(thing: object, name: str) -> bool:
    """Whether the class of `thing` defines `name`.

    If a property raises AttributeError, Python calls `__getattr__` with the name of the property.
    """
    cls = type(thing)
    # `hasattr` is fast, and also true for a name of the metaclass.
    return hasattr(cls, name) and any(name in vars(each) for each in cls.__mro__)


def sizes_of(picture: PictureAccess, sizer: str, filter_name: str | None = None) -> Any:
    """Return the value of `image.<sizer>`.

    Raises:
        NotRegistered: no sizer has this name.
    """
    return registry.sizer(sizer).accessor(Sizes(picture, sizer, filter_name))


def _placeholder_url(size: KeySize | None) -> str:
    return f"http://placehold.it/{size}" if size and conf.rendition_settings().placeholdit else ""
