"""Plans: plain data, computed without any call to a storage, a cache or a database.

The plan is the index. A file name, a focal point and a key set give every path and every record
key, so no list of renditions is stored anywhere.
"""

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import NamedTuple

from renditions.errors import UnknownFormat
from renditions.imaging.filters import AnyFilter
from renditions.imaging.formats import (
    Encoding,
    Format,
    format_for_extension,
    format_named,
    output_format,
    written_for,
    written_instead,
)
from renditions.imaging.geometry import FocalPoint, Size
from renditions.imaging.own_file import OwnFile
from renditions.imaging.recipes import Recipe
from renditions.imaging.sizers import AnySizer

from .keys import InvalidSizeKey, RenditionKey, RenditionKeySet
from .paths import Layout, filtered_path, sized_path, split_extension
from .registry import NotRegistered, registry


@dataclass(frozen=True, slots=True)
class Original:
    """The picture that renditions are made from."""

    field: str  # app.Model.field
    storage: str  # label of its storage, as `storage_label` returns it
    name: str  # path on this storage
    ppoi: FocalPoint
    object_pk: str = ""  # primary key of its instance, as text; empty: of no instance
    renditions: str = ""  # label of the storage of its renditions; empty: the same one
    # Upright, px; None: the row does not tell it. Two originals that differ only in it are equal.
    size: Size | None = dataclass_field(default=None, compare=False)

    @property
    def rendition_storage(self) -> str:
        """Label of the storage that its renditions are on."""
        return self.renditions or self.storage


@dataclass(frozen=True, slots=True)
class RenditionPlan:
    """One rendition to make. Nothing has happened yet."""

    original: Original
    key: RenditionKey
    recipe: Recipe
    path: str  # on the storage of the renditions
    # Set if the sizer or filter names its files itself. The URL in it may change at each planning.
    own: OwnFile | None = dataclass_field(default=None, compare=False)

    @property
    def storage(self) -> str:
        """Label of the storage that the rendition is on."""
        return self.original.rendition_storage

    @property
    def fingerprint(self) -> str:
        """Digest of everything that decides the bytes, except the content of the original."""
        sizer, output, encoding = self.recipe.sizer, self.recipe.format, self.recipe.encoding
        return _fingerprint(self.original, self.key, self.path, self.own, sizer, output, encoding)

    def format_for(self, original: str) -> str:
        """Return the format of the rendition, if `original` is the format of the original."""
        written = written_for(format_named(original)).name
        if self.own is None:
            return self.recipe.format or written
        extension = split_extension(self.path)[1]
        if extension.lower() == split_extension(self.original.name)[1].lower():
            return written
        found = format_for_extension(extension)
        return found.name if found else written


def _fingerprint(
    original: Original,
    key: RenditionKey,
    path: str,
    own: OwnFile | None,
    sizer: AnySizer | None,
    output: str | None,
    encoding: Encoding,
) -> str:
    # The path is not enough: a custom sizer can use the focal point without naming it there.
    uses_ppoi = sizer is not None and sizer.uses_ppoi
    ppoi = _ppoi_text(original.ppoi.x, original.ppoi.y) if uses_ppoi else ""
    # A sizer or filter that names its files may write any format.
    written = None if own else output or split_extension(original.name)[1]
    if output and key.format is None:
        # Of an original that can only be read: the key with this format names the same file.
        key = replace(key, format=output.lower())
    key_text, options = _texts(key, encoding, written)
    text = "\0".join((original.name, path, key_text, ppoi, options))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


# Both are cached: many plans share them, and they are most of the cost of a fingerprint.
@functools.lru_cache(maxsize=1024, typed=True)
def _ppoi_text(x: float, y: float) -> str:
    return repr(FocalPoint(x, y))


@functools.lru_cache(maxsize=1024)
def _texts(key: RenditionKey, encoding: Encoding, output: str | None) -> tuple[str, str]:
    """Return the texts of the key and of the options of the format.

    The quality of another format is not in it, because it changes nothing.

    Args:
        output: Name or extension of the format; None: it may be any.
    """
    written = format_for_extension(output) if output else None
    if written is None:
        return str(key), repr(encoding)
    common = encoding.color, encoding.background, encoding.animation
    return str(key), repr((written.name, sorted(written.save_options(encoding).items()), common))


class Style(NamedTuple):
    """The settings for one rendition."""

    layout: Layout  # decides its path
    encoding: Encoding  # decides its bytes


class Parts(NamedTuple):
    """What the names in a key stand for."""

    sizer: AnySizer | None
    filter: AnyFilter | None
    format: Format | None


class Place(NamedTuple):
    """Where a rendition is. It costs half as much as the plan, and most pages need no more."""

    path: str
    own: OwnFile | None
    parts: Parts  # for this original

    def plan(self, original: Original, key: RenditionKey, encoding: Encoding) -> RenditionPlan:
        """Return the plan of the rendition, which is that of `original` and `key`."""
        sizer, chosen_filter, output = self.parts
        recipe = Recipe(
            sizer=sizer,
            size=key.size.pixels if key.size else None,
            ppoi=original.ppoi,
            filter=chosen_filter,
            format=output.name if output else None,
            encoding=encoding,
        )
        return RenditionPlan(original, key, recipe, self.path, self.own)

    def fingerprint(self, original: Original, key: RenditionKey, encoding: Encoding) -> str:
        """Return the fingerprint of the plan, without the plan."""
        sizer, _, output = self.parts
        name = output.name if output else None
        return _fingerprint(original, key, self.path, self.own, sizer, name, encoding)


def plan_key(original: Original, key: RenditionKey, style: Style) -> RenditionPlan:
    """Return the plan of one rendition.

    Args:
        key: Any key but `url`, which names the original.

    Raises:
        InvalidSizeKey: the sizer, filter or format is unknown.
    """
    return place_of(original, key, style.layout).plan(original, key, style.encoding)


def place_of(original: Original, key: RenditionKey, layout: Layout) -> Place:
    """Return where the rendition is.

    Raises:
        InvalidSizeKey: the sizer, filter or format is unknown.
    """
    parts = _parts(key, registry.version)
    sizer, chosen_filter, output = parts
    path, own = original.name, None
    converted = output or written_instead(split_extension(path)[1])
    extension = converted.extensions[0] if converted else None
    if chosen_filter and key.filter:
        chosen_filter = chosen_filter.bind(path, original.storage)
        own = None if sizer else chosen_filter.own_file()
        path = filtered_path(path, key.filter, layout, None if sizer else extension)
    if sizer and key.size:
        sizer = sizer.bind(path, original.storage)
        own = sizer.own_file(key.size.pixels, original.ppoi)
        if own is None:
            in_filename = sizer.key_in_filename(original.ppoi)
            path = sized_path(path, key.size, in_filename, layout, extension)
    if own is None:
        output = converted
    is_as_in_key = sizer is parts.sizer and chosen_filter is parts.filter
    if not is_as_in_key or output is not parts.format:
        parts = Parts(sizer, chosen_filter, output)
    return Place(own.path if own else path, own, parts)


def plan_key_set(
    original: Original, key_set: RenditionKeySet, style: Callable[[RenditionKey], Style]
) -> tuple[RenditionPlan, ...]:
    """Return a plan for each rendition of `key_set`, in its order, without repeated paths.

    Keys that an original of this size does not need are left out: see `RenditionKeySet.for_size`.
    """
    keys = key_set.for_size(original.size).renditions
    plans = (plan_key(original, key, style(key)) for key in keys)
    return tuple({plan.path: plan for plan in plans}.values())


def validated(entries: object) -> RenditionKeySet:
    """Parse `entries` as a rendition key set, and check its sizers, filters and formats.

    Raises:
        InvalidSizeKeySet, InvalidSizeKey: the message shows what is wrong and what is valid.
    """
    key_set = RenditionKeySet.parse(entries)
    check_names(key_set.keys)
    return key_set


def check_names(keys: Iterable[RenditionKey]) -> None:
    """Raise InvalidSizeKey for the first key with an unknown sizer, filter or format."""
    for key in keys:
        _parts(key, registry.version)


def unknown_names(key: RenditionKey) -> Iterator[InvalidSizeKey]:
    """Return an error for each part of `key` that is unknown or does not fit the others."""
    for look_up in (_sizer, _filter, _format):
        try:
            look_up(key)
        except InvalidSizeKey as error:
            yield error


# Cached: each URL needs it.
@functools.lru_cache(maxsize=1024)
def _parts(key: RenditionKey, registry_version: int) -> Parts:
    """Look up the names in `key`.

    Raises:
        InvalidSizeKey: the first unknown sizer, filter or format.
    """
    return Parts(_sizer(key), _filter(key), _format(key))


def _sizer(key: RenditionKey) -> AnySizer | None:
    if key.sizer is None or key.size is None:
        return None
    try:
        sizer = registry.sizer(key.sizer)
    except NotRegistered as error:
        raise InvalidSizeKey(f"{str(key)!r}: {error}") from None
    if key.size.is_open and not sizer.accepts_open_size:
        raise InvalidSizeKey(
            f"{str(key)!r}: the sizer {key.sizer!r} needs a width and a height. Give both, or use "
            "'thumbnail', which keeps the shape of the picture."
        )
    if key.size.density != 1 and sizer.names_own_files:
        raise InvalidSizeKey(
            f"{str(key)!r}: the sizer {key.sizer!r} names its files itself, and two densities "
            "would have one file. Multiply the size instead."
        )
    return sizer


def _filter(key: RenditionKey) -> AnyFilter | None:
    if key.filter is None:
        return None
    try:
        return registry.filter(key.filter)
    except NotRegistered as error:
        raise InvalidSizeKey(f"{str(key)!r}: {error}") from None


def _format(key: RenditionKey) -> Format | None:
    if key.format is None:
        return None
    if key.sizer and registry.has_sizer(key.sizer) and registry.sizer(key.sizer).names_own_files:
        raise InvalidSizeKey(
            f"{str(key)!r}: the sizer {key.sizer!r} chooses the format of its files itself. "
            "Remove the format from the key."
        )
    try:
        return output_format(key.format)
    except UnknownFormat as error:
        raise InvalidSizeKey(f"{str(key)!r}: {error}") from None
