"""What `image.crop["400x400"]` and `image.filters.invert` answer with."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NoReturn, Self

from django.core.files.storage import Storage

from . import conf
from .engine.warming import warm
from .imaging.geometry import FocalPoint, Size
from .imaging.whole_image import WholeImageSizer
from .planning.keys import SEPARATOR, RenditionKey, parse_size
from .planning.plans import Original, RenditionPlan, check_names, plan_key
from .planning.registry import registry
from .records import Recorder, RecordState, RenditionRecord
from .storage import storage_label, withdraw
from .validators import PPOI

# How long a page takes a failure for granted before a visitor's request tries once more.
FAILURE_HOLDS_S = 60
FAILURE_HOLDS_MAX_S = 86_400


class MalformedSizedImageKey(Exception):
    """What stands in the brackets is not `WIDTHxHEIGHT`."""


class InvalidFilter(Exception):
    """No filter has that name."""


@dataclass(frozen=True, slots=True)
class Renderable:
    """A picture that renditions can be had of, or the lack of one."""

    storage: Storage
    original: Original | None  # None: there is no picture
    create_on_demand: bool

    @classmethod
    def at(cls, path: str | None, storage: Storage, create_on_demand: bool, ppoi: PPOI) -> Self:
        """Return the picture at `path`, whichever model it may belong to."""
        original = Original("", storage_label(storage), path, FocalPoint(*ppoi)) if path else None
        return cls(storage, original, create_on_demand)


class RenditionFile:
    """One rendition of one picture: `name` and `url`, both empty where there is no picture.

    Where renditions are created on demand, it has been made by the time this object exists, or
    its failure has been recorded; a page is never broken by it.
    """

    def __init__(self, picture: Renderable, key: RenditionKey) -> None:
        self.storage = picture.storage
        self._key = key
        self._plan = plan_key(picture.original, key, conf.style(key)) if picture.original else None
        if self._plan and picture.create_on_demand:
            _ensure(self.storage, self._plan)

    @property
    def name(self) -> str:
        """Path on the storage."""
        return self._plan.path if self._plan else ""

    @property
    def url(self) -> str:
        """Where a browser finds it; asks neither the storage's files nor the cache."""
        return self.storage.url(self.name) if self._plan else _url_of_none(self._key.size)

    def delete(self) -> None:
        """Take the file away and forget what is known of it."""
        if self._plan:
            withdraw(self.storage, self._plan.path)
            self.clear_cache()

    def clear_cache(self) -> None:
        """Forget what is known of the rendition; the file stays."""
        if self._plan:
            Recorder(conf.store()).forget(self._plan.storage, [self._plan.path])

    def __str__(self) -> str:
        return self.url


class Sizes:
    """A sizer of one picture: `image.crop["400x400"]`, in a template `image.crop.400x400`.

    A size may end in an output format, as in a rendition key: `image.crop.400x400__webp`.
    """

    def __init__(self, picture: Renderable, sizer: str, filter_name: str | None = None) -> None:
        self._picture = picture
        self._sizer = sizer
        self._filter = filter_name

    def __getitem__(self, text: str) -> RenditionFile:
        written, separator, output = str(text).partition(SEPARATOR)
        size = parse_size(written)
        if not size or bool(separator) != bool(output):
            raise MalformedSizedImageKey(
                f"{text!r} is no size for {self._sizer!r}. Write 'WIDTHxHEIGHT' in whole pixels, "
                "for example '400x300', or '400x300__webp' for another format."
            )
        key = RenditionKey(self._sizer, size, self._filter, output or None)
        check_names([key])
        return RenditionFile(self._picture, key)

    def __setitem__(self, key: str, value: Any) -> NoReturn:
        raise NotImplementedError(f"Renditions of {self._sizer!r} cannot be assigned.")


class FilteredFile(RenditionFile):
    """A picture filtered at full size, and the way to its sizes: `.crop["400x400"]`.

    On demand it is made when its own name or URL is asked for: a page that wants a size only does
    not pay for a filtered picture as large as the original.
    """

    def __init__(self, picture: Renderable, filter_name: str) -> None:
        super().__init__(replace(picture, create_on_demand=False), RenditionKey(filter=filter_name))
        self._picture = picture
        self._filter = filter_name

    @cached_property
    def _asked_for(self) -> RenditionFile:
        return RenditionFile(self._picture, self._key)

    @property
    def name(self) -> str:
        """Path on the storage."""
        return self._asked_for.name

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return self._asked_for.url

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not registry.has_sizer(name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return sizes_of(self._picture, name, self._filter)


class FilterLibrary:
    """The filters of one picture: `image.filters.invert` or `image.filters["invert"]`."""

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
            registry: Taken for the sake of old callers; there is one.
        """
        self._picture = Renderable.at(original_file_location, storage, create_on_demand, ppoi)

    @classmethod
    def of(cls, picture: Renderable) -> Self:
        """Return the filters of `picture`."""
        library = cls.__new__(cls)
        library._picture = picture  # noqa: SLF001
        return library

    def __getitem__(self, name: str) -> FilteredFile:
        if not registry.has_filter(name):
            raise InvalidFilter(f"No filter is named {name!r}.")
        return FilteredFile(self._picture, name)

    def __getattr__(self, name: str) -> FilteredFile:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]


def sizes_of(picture: Renderable, sizer: str, filter_name: str | None = None) -> Any:
    """Return what `image.<sizer>` is: for an old sizer an instance of its own class.

    Raises:
        NotRegistered: no sizer has that name.
    """
    registered = registry.sizer_class(sizer)
    if not issubclass(registered, WholeImageSizer):
        return Sizes(picture, sizer, filter_name)
    old: Any = registered
    return old.of_picture(picture, sizer, filter_name)


def _url_of_none(size: Size | None) -> str:
    return f"http://placehold.it/{size}" if size and conf.use_placeholdit() else ""


def _ensure(storage: Storage, plan: RenditionPlan) -> None:
    record = Recorder(conf.store()).recall([plan]).get(plan.path)
    if record is None or record.fingerprint != plan.fingerprint or _may_try_again(record):
        warm(storage, [plan])


def _may_try_again(record: RenditionRecord) -> bool:
    """Whether a failure is old enough: not every visitor of a page tries a broken picture."""
    if record.state is not RecordState.FAILED:
        return False
    wait_s = min(FAILURE_HOLDS_S * 2 ** min(record.attempts - 1, 20), FAILURE_HOLDS_MAX_S)
    return datetime.now(UTC) - record.recorded_at > timedelta(seconds=wait_s)
