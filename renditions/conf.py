"""The only reader of settings, each time they are used, so that `override_settings` works."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import BaseCache, InvalidCacheBackendError, caches
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from .imaging.formats import Encoding
from .imaging.sources import Limits
from .keys import RenditionKeySet
from .naming import Layout
from .plans import validated
from .records import RecordStore

INHERITED = "VERSATILEIMAGEFIELD_SETTINGS"
OWN = "RENDITIONS"
KEY_SETS = "VERSATILEIMAGEFIELD_RENDITION_KEY_SETS"


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a settings dict."""

    default: Any
    accepts: Callable[[Any], bool]
    wanted: str  # completes "must be ..."


def _whole(lowest: int, highest: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and lowest <= value <= highest


def _switch(value: Any) -> bool:
    return isinstance(value, bool)


def _folder(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip("./")) and ".." not in value.split("/")


def _dotted(value: Any) -> bool:
    return isinstance(value, str) and "." in value


def _quality(default: int) -> Setting:
    return Setting(default, _whole(1, 100), "a whole number from 1 to 100")


def _limit(default: int, unit: str) -> Setting:
    return Setting(default, _whole(1, 2**53), f"a whole number of {unit}, 1 or more")


_FOLDER_WANTED = "the name of a folder, without '..'"

# What django-versatileimagefield reads, with its defaults.
INHERITED_SETTINGS: Mapping[str, Setting] = {
    "cache_length": Setting(2_592_000, _whole(1, 2**31 - 1), "a whole number of seconds"),
    "cache_name": Setting(
        "versatileimagefield_cache", lambda v: isinstance(v, str), "the alias of a cache"
    ),
    "jpeg_resize_quality": _quality(70),
    "webp_resize_quality": _quality(70),
    "lossless_webp": Setting(False, _switch, "True or False"),
    "sized_directory_name": Setting("__sized__", _folder, _FOLDER_WANTED),
    "filtered_directory_name": Setting("__filtered__", _folder, _FOLDER_WANTED),
    "placeholder_directory_name": Setting("__placeholder__", _folder, _FOLDER_WANTED),
    "create_images_on_demand": Setting(True, _switch, "True or False"),
    "image_key_post_processor": Setting(
        None, lambda v: v is None or _dotted(v), "None or the dotted path of a function str -> str"
    ),
    "progressive_jpeg": Setting(False, _switch, "True or False"),
}

_LIMITS = Limits()

# What that package never had.
OWN_SETTINGS: Mapping[str, Setting] = {
    "STORE": Setting(
        "renditions.stores.cache.CacheStore", _dotted, "the dotted path of a record store"
    ),
    "MAX_PIXELS": _limit(_LIMITS.max_pixels, "pixels"),
    "MAX_SIDE": _limit(_LIMITS.max_side, "pixels"),
    "MAX_FILE_BYTES": _limit(_LIMITS.max_file_bytes, "bytes"),
    # Read by the package `workers`, which has its own table.
    "WORKERS": Setting({}, lambda v: isinstance(v, Mapping), "a dict"),
}


def inherited(key: str) -> Any:
    """Return a value of VERSATILEIMAGEFIELD_SETTINGS, or its default."""
    return _given(INHERITED).get(key, INHERITED_SETTINGS[key].default)


def own(key: str) -> Any:
    """Return a value of RENDITIONS, or its default."""
    return _given(OWN).get(key, OWN_SETTINGS[key].default)


def layout() -> Layout:
    """Return how renditions are named."""
    return Layout(
        sized_dirname=inherited("sized_directory_name"),
        filtered_dirname=inherited("filtered_directory_name"),
        qualities={
            "jpg": inherited("jpeg_resize_quality"),
            "jpeg": inherited("jpeg_resize_quality"),
            "webp": inherited("webp_resize_quality"),
        },
        process_key=_key_processor(),
    )


def encoding() -> Encoding:
    """Return how renditions are written."""
    return Encoding(
        jpeg_quality=inherited("jpeg_resize_quality"),
        webp_quality=inherited("webp_resize_quality"),
        webp_lossless=inherited("lossless_webp"),
        progressive_jpeg=inherited("progressive_jpeg"),
    )


def limits() -> Limits:
    """Return what an original may be at most."""
    return Limits(
        max_pixels=own("MAX_PIXELS"),
        max_side=own("MAX_SIDE"),
        max_file_bytes=own("MAX_FILE_BYTES"),
    )


def key_set_names() -> tuple[str, ...]:
    """Return the names of the rendition key sets that there are."""
    return tuple(_given(KEY_SETS))


def key_set(name: str) -> RenditionKeySet:
    """Return the rendition key set called `name`.

    Raises:
        ImproperlyConfigured: there is none; the message lists those there are.
        InvalidSizeKeySet, InvalidSizeKey: there is one, and it is wrong.
    """
    try:
        entries = _given(KEY_SETS)[name]
    except KeyError:
        known = ", ".join(key_set_names()) or "none"
        raise ImproperlyConfigured(
            f"No rendition key set {name!r} in {KEY_SETS}. Known: {known}."
        ) from None
    return validated(entries)


def cache() -> BaseCache:
    """Return the cache that records live in; the default one where `cache_name` is none."""
    try:
        return caches[inherited("cache_name")]
    except InvalidCacheBackendError:
        return caches["default"]


def record_lifetime_s() -> int:
    """Return how long a record is kept."""
    lifetime: int = inherited("cache_length")
    return lifetime


def store() -> RecordStore:
    """Return a record store of the class that the settings name."""
    made: RecordStore = import_string(own("STORE"))()
    return made


def create_on_demand() -> bool:
    """Whether asking for a rendition's URL makes it."""
    return bool(inherited("create_images_on_demand"))


def _key_processor() -> Callable[[str], str]:
    path = inherited("image_key_post_processor")
    if path is None:
        return str
    try:
        processor: Callable[[str], str] = import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"{INHERITED}['image_key_post_processor'] is {path!r}, which cannot be imported: "
            f"{error}. Name a function that takes and returns a string."
        ) from error
    return processor


def _given(name: str) -> Mapping[str, Any]:
    given: Mapping[str, Any] = getattr(settings, name, None) or {}
    return given
