"""Plans: plain data, computed without any call to a storage, a cache or a database.

The plan is the index. A file name, a focal point and a key set give every path and every record
key, so no list of renditions is stored anywhere.
"""

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from renditions.errors import UnknownFormat
from renditions.imaging.filters import AnyFilter
from renditions.imaging.formats import Encoding, Format, format_for_extension, format_named
from renditions.imaging.geometry import FocalPoint
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
    own: OwnFile | None = field(default=None, compare=False)

    @property
    def storage(self) -> str:
        """Label of the storage that the rendition is on."""
        return self.original.rendition_storage

    @property
    def fingerprint(self) -> str:
        """Digest of everything that decides the bytes, except the content of the original."""
        key, options = _texts(self.key, self.recipe.encoding, self._format_name())
        text = "\0".join((self.original.name, self.path, key, self._ppoi(), options))
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16)
        return digest.hexdigest()

    def format_for(self, original: str) -> str:
        """Return the format of the rendition, if `original` is the format of the original."""
        if self.own is None:
            return self.recipe.format or original
        extension = split_extension(self.path)[1]
        if extension.lower() == split_extension(self.original.name)[1].lower():
            return original
        output_format = format_for_extension(extension)
        return output_format.name if output_format else original

    def _ppoi(self) -> str:
        # The path is not enough: a custom sizer can use the focal point without naming it there.
        if self.recipe.sizer is None or not self.recipe.sizer.uses_ppoi:
            return ""
        ppoi = self.original.ppoi
        return f"FocalPoint(x={ppoi.x!r}, y={ppoi.y!r})"

    def _format_name(self) -> str | None:
        """Return the name of the format; None: it may be any."""
        if self.own or self.recipe.format:
            return None if self.own else self.recipe.format
        known = format_for_extension(split_extension(self.original.name)[1])
        return known.name if known else None


# Cached: many plans share them, and they are most of the cost of a fingerprint.
@functools.lru_cache(maxsize=1024)
def _texts(key: RenditionKey, encoding: Encoding, format_name: str | None) -> tuple[str, str]:
    """Return the texts of the key and of the options of the format.

    The quality of another format is not in it, because it changes nothing.
    """
    if format_name is None:
        return str(key), repr(encoding)
    written = format_named(format_name)
    common = encoding.color, encoding.background, encoding.animation
    return str(key), repr((written.name, sorted(written.save_options(encoding).items()), common))


class Style(NamedTuple):
    """The settings for one rendition."""

    layout: Layout  # decides its path
    encoding: Encoding  # decides its bytes


def plan_key(original: Original, key: RenditionKey, style: Style) -> RenditionPlan:
    """Return the plan of one rendition.

    Args:
        key: Any key but `url`, which names the original.

    Raises:
        InvalidSizeKey: the sizer, filter or format is unknown.
    """
    parts, path, own = _place(original, key, style.layout)
    recipe = Recipe(
        sizer=parts.sizer,
        size=key.size,
        ppoi=original.ppoi,
        filter=parts.filter,
        format=parts.format.name if parts.format else None,
        encoding=style.encoding,
    )
    return RenditionPlan(original, key, recipe, path, own)


def place_of(original: Original, key: RenditionKey, layout: Layout) -> tuple[str, OwnFile | None]:
    """Return `path` and `own` of a plan: all that most pages need.

    Raises:
        InvalidSizeKey: the sizer, filter or format is unknown.
    """
    _, path, own = _place(original, key, layout)
    return path, own


class _Parts(NamedTuple):
    """What the names in a key stand for."""

    sizer: AnySizer | None
    filter: AnyFilter | None
    format: Format | None


def _place(
    original: Original, key: RenditionKey, layout: Layout
) -> tuple[_Parts, str, OwnFile | None]:
    """Return the parts of `key`, bound to `original`, and the file that they make."""
    parts = _parts(key, registry.version)
    sizer, chosen_filter, output = parts
    path, own = original.name, None
    if chosen_filter and key.filter:
        chosen_filter = chosen_filter.bind(path, original.rendition_storage)
        own = None if sizer else chosen_filter.own_file()
        path = filtered_path(path, key.filter, layout)
    if sizer and key.size:
        sizer = sizer.bind(path, original.rendition_storage)
        own = sizer.own_file(key.size, original.ppoi)
        extension = output.extensions[0] if output else None
        if own is None:
            in_filename = sizer.key_in_filename(original.ppoi)
            path = sized_path(path, key.size, in_filename, layout, extension)
    if sizer is not parts.sizer or chosen_filter is not parts.filter:
        parts = _Parts(sizer, chosen_filter, output)
    return parts, own.path if own else path, own


def plan_key_set(
    original: Original, key_set: RenditionKeySet, style: Callable[[RenditionKey], Style]
) -> tuple[RenditionPlan, ...]:
    """Return a plan for each rendition of `key_set`, in its order, without repeated paths."""
    plans = (plan_key(original, key, style(key)) for key in key_set.keys if not key.is_original)
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
    """Return an error for each sizer, filter and format of `key` that is unknown."""
    for look_up in (_sizer, _filter, _format):
        try:
            look_up(key)
        except InvalidSizeKey as error:
            yield error


# Cached: each URL needs it.
@functools.lru_cache(maxsize=1024)
def _parts(key: RenditionKey, registry_version: int) -> _Parts:
    """Look up the names in `key`.

    Raises:
        InvalidSizeKey: the first unknown sizer, filter or format.
    """
    return _Parts(_sizer(key), _filter(key), _format(key))


def _sizer(key: RenditionKey) -> AnySizer | None:
    if key.sizer is None:
        return None
    try:
        return registry.sizer(key.sizer)
    except NotRegistered as error:
        raise InvalidSizeKey(f"{str(key)!r}: {error}") from None


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
        return format_named(key.format)
    except UnknownFormat as error:
        raise InvalidSizeKey(f"{str(key)!r}: {error}") from None
