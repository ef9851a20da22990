"""What a page shows of a picture: files to choose from, sizes, and what is known before they load.

Nothing here makes a rendition, unless they are made on demand. With `UNTIL_READY` at its default
and `ON_DEMAND` False, nothing asks a cache, a database or a storage.
"""

import functools
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from django.core.exceptions import ImproperlyConfigured

from . import conf
from .accessors import PictureAccess, RenditionFile
from .files import VersatileImageMixIn
from .imaging.facts import PictureFacts
from .imaging.formats import format_for_extension, format_named, written_for
from .imaging.geometry import Size
from .planning.keys import InvalidSizeKey, RenditionKey, RenditionKeySet
from .planning.paths import split_extension
from .planning.pictures import Picture
from .planning.plans import Original, validated
from .planning.registry import registry
from .records.prefetched import PrefetchedRecords
from .settings_table import UntilReady

__all__ = ["PictureData", "PlaceholderData", "picture_data"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that a browser can choose."""

    url: str
    descriptor: str  # for `srcset`: `400w` or `2x`; empty if there is nothing to choose
    size: Size | None  # px; None: it is not known

    def __str__(self) -> str:
        return f"{self.url} {self.descriptor}".rstrip()


@dataclass(frozen=True, slots=True)
class Source:
    """The files of one format, from small to large."""

    mime: str  # empty: the format of the original
    candidates: tuple[Candidate, ...]

    @property
    def srcset(self) -> str:
        return ", ".join(map(str, self.candidates))


@dataclass(frozen=True, slots=True)
class Responsive:
    """A picture for a page."""

    # The best format first. The last one is for browsers that know no other. Empty: there is
    # nothing to show.
    sources: tuple[Source, ...]
    sizes: str  # the `sizes` attribute; empty if there is no width to choose
    size: Size | None  # the attributes `width` and `height`, CSS pixels; None: it is not known
    facts: PictureFacts | None  # None: they are not known
    is_ready: bool  # whether all files are made; True if this was not asked

    @property
    def src(self) -> str:
        """The file for browsers that do not choose; empty: there is none."""
        return self.sources[-1].candidates[-1].url if self.sources else ""


@dataclass(frozen=True, slots=True)
class PlaceholderData:
    """What to show before a picture is loaded."""

    color: str  # the dominant colour, `#rrggbb`
    thumbhash: str  # base64


@dataclass(frozen=True, slots=True)
class PictureData:
    """A picture for an API: all that a client needs for an `<img>` or a `<picture>`."""

    src: str  # for clients that do not choose; empty: there is no picture
    srcset: dict[str, str]  # by content type, the best first
    sizes: str
    width: int | None  # CSS pixels; None: it is not known
    height: int | None
    placeholder: PlaceholderData | None  # None: it is not known, or the picture is transparent
    ready: bool  # whether all files are made


def picture_data(
    image: VersatileImageMixIn,
    key_set: object,
    absolute: Callable[[str], str] = str,
) -> PictureData:
    """Return a picture for an API. It asks the cache of records once, or not if it is prefetched.

    Args:
        key_set: The name of a responsive picture in the settings, a `Picture`, or a rendition key.
        absolute: Makes a URL absolute, such as `request.build_absolute_uri`.

    Raises:
        ImproperlyConfigured, InvalidSizeKeySet, InvalidSizeKey: the key set is unknown or wrong.
    """
    found = responsive(image, key_set, asks=True)
    facts = found.facts
    return PictureData(
        src=absolute(found.src) if found.src else "",
        srcset={
            source.mime or _mime_of(image): ", ".join(
                str(replace(each, url=absolute(each.url))) for each in source.candidates
            )
            for source in found.sources
        },
        sizes=found.sizes,
        width=found.size.width if found.size else None,
        height=found.size.height if found.size else None,
        placeholder=(
            PlaceholderData(facts.color, facts.thumbhash) if facts and not facts.has_alpha else None
        ),
        ready=found.is_ready,
    )


def responsive(
    image: VersatileImageMixIn,
    key_set: object,
    until_ready: str | None = None,
    *,
    asks: bool = False,
) -> Responsive:
    """Return what a page shows of `image`.

    Args:
        key_set: The name of a responsive picture in the settings, a `Picture`, or a rendition key.
        until_ready: A value of `UntilReady`. None: that of the field.
        asks: Find out which files are made, even if it changes nothing.

    Raises:
        ValueError: `until_ready` is unknown.
        ImproperlyConfigured, InvalidSizeKeySet, InvalidSizeKey: the key set is unknown or wrong.
    """
    declared = picture_keys(key_set)
    access, policy = image.picture, _policy(image, until_ready)
    original = access.original
    if original is None:
        return Responsive((), "", None, None, is_ready=not image.name)
    wanted = declared.for_size(original.size)
    access = _with_records(access, wanted.renditions)
    shown = wanted.keys
    if asks or (policy is not UntilReady.URL and not access.create_on_demand):
        made = _made(access, wanted.keys)
        shown = shown if policy is UntilReady.URL else tuple(made)
        is_ready = len(made) == len(wanted.keys)
    else:
        is_ready = True
    page = _Page(image, access, declared.picture)
    sources = tuple(page.sources(declared, set(shown)))
    size = page.size_of(wanted)
    other = None if sources else page.instead(policy, wanted.keys[-1])
    if other:
        sources, size = (Source("", (other,)),), other.size
    chooses = any(each.descriptor.endswith("w") for each in _candidates(sources))
    sizes = declared.picture.sizes if declared.picture and chooses else ""
    return Responsive(sources, sizes, size, image.meta, is_ready)


def rendition_url(image: VersatileImageMixIn, key: str, until_ready: str | None = None) -> str:
    """Return the URL of one rendition, or what `until_ready` says if it is not made yet.

    Empty: there is nothing to show.

    Raises:
        ValueError: `until_ready` is unknown.
        InvalidSizeKey: the key is malformed, or a name in it is unknown.
    """
    return responsive(image, RenditionKey.parse(key), until_ready).src


def picture_keys(given: object) -> RenditionKeySet:
    """Return the key set of a picture: by its name, as a `Picture`, or from one rendition key.

    Raises:
        ImproperlyConfigured, InvalidSizeKeySet, InvalidSizeKey: it is unknown or wrong.
    """
    if isinstance(given, RenditionKeySet):
        return given
    if isinstance(given, RenditionKey):
        return validated([("", str(given))])
    if isinstance(given, str) and given not in conf.key_set_names():
        return _key_or_unknown(given)
    if isinstance(given, Picture):
        return _keys_of(given, registry.version)
    found = conf.key_set(given) if isinstance(given, str) else validated(given)
    if found.picture is None and len(found.keys) != 1:
        raise ImproperlyConfigured(
            f"{given!r} is a list of {len(found.keys)} rendition keys, and one picture is shown. "
            "Name a Picture of KEY_SETS, or write one key, such as 'crop__400x300'."
        )
    return found


# Cached: a page shows the same `Picture` of many images.
@functools.lru_cache(maxsize=256)
def _keys_of(picture: Picture, registry_version: int) -> RenditionKeySet:
    return validated(picture)


def _key_or_unknown(text: str) -> RenditionKeySet:
    try:
        return validated([("", text)])
    except InvalidSizeKey as error:
        known = ", ".join(conf.key_set_names()) or "none"
        raise ImproperlyConfigured(
            f"{text!r} is neither a rendition key set nor a rendition key. Known sets: {known}. "
            f"{error}"
        ) from error


def _policy(image: VersatileImageMixIn, until_ready: str | None) -> UntilReady:
    try:
        return UntilReady(until_ready) if until_ready else image.field.until_ready
    except ValueError:
        known = ", ".join(repr(each.value) for each in UntilReady)
        raise ValueError(f"until_ready is {until_ready!r}; it must be one of {known}.") from None


def _with_records(access: PictureAccess, keys: Collection[RenditionKey]) -> PictureAccess:
    """Return `access` with records for several keys, which are recalled in one call."""
    if access.prefetched or access.original is None:
        return access
    return replace(access, prefetched=PrefetchedRecords(access.original, tuple(keys)))


def _made(access: PictureAccess, keys: Iterable[RenditionKey]) -> list[RenditionKey]:
    """Return those of `keys` whose files are recorded as made."""
    records = access.prefetched
    assert records is not None
    keys = list(keys)
    records.recall(key for key in keys if not key.is_original)
    return [key for key in keys if key.is_original or records.find(key).is_made]


@dataclass(frozen=True, slots=True)
class _Page:
    """One picture, and how it is declared."""

    image: VersatileImageMixIn
    access: PictureAccess
    picture: Picture | None  # None: one key is shown

    def sources(
        self, declared: RenditionKeySet, shown: Collection[RenditionKey]
    ) -> Iterator[Source]:
        """Yield a source for each format that has a file to show."""
        for group in declared.groups or [declared.keys]:
            candidates = tuple(self._candidate(key) for key in group if key in shown)
            if candidates:
                yield Source(_mime(group[0]), candidates)

    def _candidate(self, key: RenditionKey) -> Candidate:
        if key.is_original:
            return Candidate(str(self.image.url), "", self._original_size)
        rendition = RenditionFile(self.access, key)
        size = rendition.planned_size
        return Candidate(rendition.url, self._descriptor(key, size), size)

    def _descriptor(self, key: RenditionKey, size: Size | None) -> str:
        if self.picture is None or key.size is None:
            return ""
        if self.picture.densities:
            return f"{key.size.density:g}x"
        return f"{(size or key.size.pixels).width}w"

    def size_of(self, wanted: RenditionKeySet) -> Size | None:
        """Return the size on the page, CSS pixels: that of the largest file, or of `1x`."""
        key = wanted.keys[-1]
        for group in wanted.groups[:1]:
            in_use = [each for each in group if each in wanted.keys]
            key = in_use[0 if self.picture and self.picture.densities else -1]
        if key.is_original:
            return self._original_size
        known = RenditionFile(self.access, key).planned_size
        if known or key.size is None or key.size.is_open:
            return known
        # Its shape is right at least.
        return key.size.pixels

    def instead(self, policy: UntilReady, key: RenditionKey) -> Candidate | None:
        """Return what is shown if none of the files is made."""
        if policy is UntilReady.ORIGINAL and self.image.name:
            return Candidate(str(self.image.url), "", self._original_size)
        if policy is UntilReady.NEAREST:
            return self._nearest(key)
        return None

    def _nearest(self, key: RenditionKey) -> Candidate | None:
        declared = self.image.field.declared_key_set().for_size(self._original_size)
        made = _made(self.access, declared.renditions)
        if not made:
            return None
        nearest = min(made, key=lambda other: _difference(key, other))
        rendition = RenditionFile(self.access, nearest)
        return Candidate(rendition.url, "", rendition.planned_size)

    @property
    def _original_size(self) -> Size | None:
        original: Original | None = self.access.original
        return original.size if original else None


def _difference(wanted: RenditionKey, other: RenditionKey) -> tuple[bool, bool, float]:
    """Return how much two renditions of one picture differ: filter, then shape, then size."""
    sizes = wanted.size, other.size
    if None in sizes:
        return wanted.filter != other.filter, wanted.sizer != other.sizer, math.inf
    here, there = (each.pixels for each in sizes if each)
    by_width = abs(math.log(there.width / here.width))
    by_height = abs(math.log(there.height / here.height))
    return wanted.filter != other.filter, wanted.sizer != other.sizer, by_width + by_height


def _mime(key: RenditionKey) -> str:
    return format_named(key.format).mime if key.format else ""


def _mime_of(image: VersatileImageMixIn) -> str:
    """Return the content type of an original, as far as its name tells it."""
    found = format_for_extension(split_extension(str(image.name))[1])
    return written_for(found).mime if found else ""


def _candidates(sources: Iterable[Source]) -> Iterator[Candidate]:
    for source in sources:
        yield from source.candidates
