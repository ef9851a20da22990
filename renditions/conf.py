"""The only reader of settings in `renditions`: the values, and what is derived from them.

Values are cached until Django sends `setting_changed`, which it does in tests only. They are not
validated here: a process with a wrong value keeps working as far as it can, and `manage.py check`
reports all faults.
"""

import functools
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from difflib import get_close_matches
from typing import Any

from django.conf import settings
from django.core.cache import BaseCache, InvalidCacheBackendError, caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.module_loading import import_string
from PIL import ImageColor, ImageFile

from .imaging.formats import Encoding, format_named
from .imaging.headers import format_of
from .imaging.sources import Limits
from .planning.keys import InvalidSizeKey, InvalidSizeKeySet, RenditionKey, RenditionKeySet
from .planning.paths import Layout
from .planning.plans import Style, validated
from .planning.registry import registry
from .settings_table import (
    ENCODING_SETTINGS,
    NATIVE,
    OLD,
    OLD_KEY_SETS,
    OLD_PLACEHOLDIT,
    QUALITY_SETTINGS,
    SETTINGS,
    OldPlace,
    RenditionSettings,
    from_dict,
)
from .storage.any import Headers

# The alias of the cache of django-versatileimagefield. Used if CACHES has it and CACHE is not set.
OLD_CACHE = "versatileimagefield_cache"

# --- The values ---


@functools.cache
def rendition_settings() -> RenditionSettings:
    """Return the settings. A native name wins over the old name of the same setting."""
    return from_dict(RenditionSettings, {**old_values(), **native_values()})


@receiver(setting_changed)
def _drop_cached_values(**_: Any) -> None:
    """Read again: `override_settings` or the `settings` fixture of pytest-django was used."""
    for cached in (
        rendition_settings,
        style,
        layout,
        encoding,
        _overrides,
        _key_set,
        _declared_key_set,
    ):
        cached.cache_clear()


def raw(name: str) -> Any:
    """Return the Django setting `name` as the project wrote it; an empty dict if it is absent."""
    return getattr(settings, name, {})


def misspelt() -> dict[str, str]:
    """Return each Django setting whose name is nearly one of ours, and the name that it means."""
    known = (NATIVE, OLD, OLD_KEY_SETS, OLD_PLACEHOLDIT)
    others = {name: get_close_matches(name, known, 1, cutoff=0.85) for name in dir(settings)}
    return {name: meant[0] for name, meant in others.items() if meant and name not in known}


def cache_aliases() -> set[str]:
    """Return the names of the project's caches."""
    return set(settings.CACHES)


def native_values() -> Mapping[str, Any]:
    """Return what the project sets under native names, unknown names included."""
    return _dict(NATIVE)


def old_values() -> Mapping[str, Any]:
    """Return what the project sets under old names, by native name."""
    found = {}
    for name, setting in SETTINGS.items():
        match setting.old_place:
            case OldPlace(holder, str() as key) if key in _dict(holder):
                found[name] = _dict(holder)[key]
            case OldPlace(holder, None) if hasattr(settings, holder):
                found[name] = raw(holder)
    return found


def place_of(name: str) -> str:
    """Return where the project sets `name`, or where it can: `RENDITIONS['STORE']`."""
    if name in old_values() and name not in native_values():
        return str(SETTINGS[name].old_place)
    return f"{NATIVE}[{name!r}]"


def _dict(name: str) -> Mapping[str, Any]:
    given = raw(name)
    # `checks` reports anything else.
    return given if isinstance(given, Mapping) else {}


# --- Derived from the values ---


@functools.lru_cache(maxsize=1024)
def style(key: RenditionKey) -> Style:
    """Return how the rendition of `key` is named and written. Cached: each URL needs it."""
    return Style(layout(key), encoding(key))


@functools.lru_cache(maxsize=1024)
def layout(key: RenditionKey | None = None) -> Layout:
    """Return how the rendition of `key` is named. Without a key, ENCODINGS is ignored."""
    values, chosen = rendition_settings(), encoding(key)
    return Layout(
        sized_dirname=values.sized_dirname,
        filtered_dirname=values.filtered_dirname,
        placeholder_dirname=values.placeholder_dirname,
        qualities={
            "jpg": chosen.jpeg_quality,
            "jpeg": chosen.jpeg_quality,
            "webp": chosen.webp_quality,
        },
        process_key=_filename_processor(),
    )


@functools.lru_cache(maxsize=1024)
def encoding(key: RenditionKey | None = None) -> Encoding:
    """Return how the rendition of `key` is written. Without a key, ENCODINGS is ignored."""
    values = rendition_settings()
    base = Encoding(**_encoding_values({n: getattr(values, n.lower()) for n in ENCODING_SETTINGS}))
    return replace(base, **_encoding_values(_overrides().get(key, {}))) if key else base


def _encoding_values(given: Mapping[str, Any]) -> dict[str, Any]:
    values = {name.lower(): value for name, value in given.items()}
    if "background" in values:
        values["background"] = ImageColor.getrgb(values["background"])
    return values


@functools.cache
def _overrides() -> Mapping[RenditionKey, Mapping[str, Any]]:
    """Return the values for single keys: those in ENCODINGS, then the quality of pictures."""
    found: dict[RenditionKey, Mapping[str, Any]] = {}
    for name in (*rendition_settings().encodings, *key_set_names()):
        # A wrong key set must not break the others. `checks` reports it.
        with suppress(ImproperlyConfigured, InvalidSizeKeySet, InvalidSizeKey):
            given = encodings_of(name)
            for key in key_set(name).keys if given else ():
                found.setdefault(key, given)
    return found


def encodings_of(name: str) -> Mapping[str, Any]:
    """Return how the renditions of a key set are written, as far as the set chooses it.

    Raises:
        ImproperlyConfigured, InvalidSizeKeySet, InvalidSizeKey: as `key_set`.
    """
    given = rendition_settings().encodings.get(name)
    if given is not None:
        return given
    picture = key_set(name).picture
    return dict.fromkeys(QUALITY_SETTINGS, picture.quality) if picture and picture.quality else {}


def headers(mime: str | None) -> Headers:
    """Return what a browser is told together with a rendition of this type."""
    values = rendition_settings()
    chosen = {format_named(name).mime: text for name, text in values.content_types.items()}
    return Headers(chosen.get(mime, mime), values.cache_control) if mime else Headers()


def headers_for(data: bytes) -> Headers:
    """Return what a browser is told together with the picture `data`."""
    found = format_of(data)
    return headers(format_named(found).mime if found else None)


def limits() -> Limits:
    """Return which originals are accepted."""
    values = rendition_settings()
    given = {each.name: getattr(values, each.name) for each in fields(Limits)}
    given["formats"] = tuple(format_named(name).name for name in values.formats)
    given["incomplete"] = "accept" if loads_truncated() else values.incomplete
    return Limits(**given)


def loads_truncated() -> bool:
    """Whether the project told Pillow to load pictures whose end is missing."""
    return bool(ImageFile.LOAD_TRUNCATED_IMAGES)


def key_set_names() -> tuple[str, ...]:
    """Return the names of the project's rendition key sets."""
    return tuple(_key_sets())


def key_set(name: str) -> RenditionKeySet:
    """Return the rendition key set called `name`.

    Raises:
        ImproperlyConfigured: no set has this name.
        InvalidSizeKeySet, InvalidSizeKey: the set is wrong.
    """
    return _key_set(name, registry.version)


@functools.lru_cache(maxsize=256)
def _key_set(name: str, registry_version: int) -> RenditionKeySet:
    try:
        entries = _key_sets()[name]
    except KeyError:
        known = ", ".join(key_set_names()) or "none"
        raise ImproperlyConfigured(
            f"No rendition key set {name!r} in {place_of('KEY_SETS')}. Known: {known}."
        ) from None
    return validated(entries)


def declared_key_set(names: tuple[str, ...]) -> RenditionKeySet:
    """Return the union of the key sets `names`; each key is its own name.

    Raises:
        ImproperlyConfigured, InvalidSizeKeySet, InvalidSizeKey: as `key_set`.
    """
    return _declared_key_set(names, registry.version)


@functools.lru_cache(maxsize=256)
def _declared_key_set(names: tuple[str, ...], registry_version: int) -> RenditionKeySet:
    return RenditionKeySet.union(key_set(name) for name in names)


def _key_sets() -> Mapping[str, Any]:
    given = rendition_settings().key_sets
    # `checks` reports anything else.
    return given if isinstance(given, Mapping) else {}


def cache() -> BaseCache:
    """Return the cache that keeps the records; the default one if CACHES lacks the named one."""
    try:
        return caches[rendition_settings().cache or OLD_CACHE]
    except InvalidCacheBackendError:
        return caches["default"]


def records_are_shared() -> bool:
    """Whether other processes see the records of this one; a project's own store is trusted."""
    if rendition_settings().store != SETTINGS["STORE"].default:
        return True
    return not isinstance(cache(), LocMemCache | DummyCache)


def _filename_processor() -> Callable[[str], str]:
    path = rendition_settings().filename_processor
    if path is None:
        return str
    try:
        processor: Callable[[str], str] = import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"{place_of('FILENAME_PROCESSOR')} is {path!r}, which cannot be imported: {error}. "
            "Name a function that takes a string and returns a string."
        ) from error
    return processor
