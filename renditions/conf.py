"""The only reader of settings, each time they are used, so that `override_settings` works."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.cache import BaseCache, InvalidCacheBackendError, caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from PIL import ImageColor

from .errors import UnknownFormat
from .imaging.formats import FORMATS, Encoding, format_named
from .imaging.sources import Limits
from .planning.keys import RenditionKey, RenditionKeySet
from .planning.paths import Layout
from .planning.plans import Style, validated

INHERITED = "VERSATILEIMAGEFIELD_SETTINGS"
OWN = "RENDITIONS"
KEY_SETS = "VERSATILEIMAGEFIELD_RENDITION_KEY_SETS"
PLACEHOLDIT = "VERSATILEIMAGEFIELD_USE_PLACEHOLDIT"


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
    return value == "" or (
        isinstance(value, str) and bool(value.strip("./")) and ".." not in value.split("/")
    )


def _lifetime(value: Any) -> bool:
    return value is None or _whole(0, 2**31 - 1)(value)


def _dotted(value: Any) -> bool:
    return isinstance(value, str) and "." in value


def _quality(default: int) -> Setting:
    return Setting(default, _whole(1, 100), "a whole number from 1 to 100")


def _limit(default: int, unit: str) -> Setting:
    return Setting(default, _whole(1, 2**53), f"a whole number of {unit}, 1 or more")


def _level(default: int, highest: int) -> Setting:
    return Setting(default, _whole(0, highest), f"a whole number from 0 to {highest}")


def _choice(default: str, other: str) -> Setting:
    return Setting(default, lambda v: v in (default, other), f"{default!r} or {other!r}")


def _colour(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return len(ImageColor.getrgb(value)) == 3
    except ValueError:
        return False


def _formats(value: Any) -> bool:
    if not isinstance(value, list | tuple) or not value:
        return False
    try:
        return all(isinstance(name, str) and bool(format_named(name)) for name in value)
    except UnknownFormat:
        return False


def _dicts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(v, Mapping) for v in value.values())


_FORMATS_WANTED = f"a list of some of: {', '.join(repr(row.name) for row in FORMATS)}"
_FOLDER_WANTED = "the name of a folder, without '..', or empty"

# What django-versatileimagefield reads, with its defaults.
INHERITED_SETTINGS: Mapping[str, Setting] = {
    "cache_length": Setting(2_592_000, _lifetime, "a whole number of seconds or None"),
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
_ENCODING = Encoding()

# How renditions are written. Their names in `Encoding` are the same in lower case.
ENCODING_SETTINGS: Mapping[str, Setting] = {
    "WEBP_METHOD": _level(_ENCODING.webp_method, 6),
    "AVIF_QUALITY": _quality(_ENCODING.avif_quality),
    "AVIF_SPEED": _level(_ENCODING.avif_speed, 10),
    "PNG_COMPRESS_LEVEL": _level(_ENCODING.png_compress_level, 9),
    "BACKGROUND": Setting("#ffffff", _colour, "a colour as '#rrggbb' or as CSS names it"),
    "COLOR": _choice("srgb", "keep"),
    "ANIMATION": _choice("first", "keep"),
}

# What `RENDITIONS["ENCODINGS"]` may change for one key set: the above, and what
# VERSATILEIMAGEFIELD_SETTINGS says for all.
OVERRIDES: Mapping[str, Setting] = {
    "JPEG_QUALITY": INHERITED_SETTINGS["jpeg_resize_quality"],
    "PROGRESSIVE_JPEG": INHERITED_SETTINGS["progressive_jpeg"],
    "WEBP_QUALITY": INHERITED_SETTINGS["webp_resize_quality"],
    "WEBP_LOSSLESS": INHERITED_SETTINGS["lossless_webp"],
    **ENCODING_SETTINGS,
}

# What that package never had.
OWN_SETTINGS: Mapping[str, Setting] = {
    "STORE": Setting(
        "renditions.records.cache.CacheStore", _dotted, "the dotted path of a record store"
    ),
    "MAX_PIXELS": _limit(_LIMITS.max_pixels, "pixels"),
    "MAX_SIDE": _limit(_LIMITS.max_side, "pixels"),
    "MAX_FILE_BYTES": _limit(_LIMITS.max_file_bytes, "bytes"),
    "MAX_JPEG_SCANS": _limit(_LIMITS.max_jpeg_scans, "scans"),
    "MAX_FRAME_PIXELS": _limit(_LIMITS.max_frame_pixels, "pixels"),
    "MAX_METADATA_BYTES": _limit(_LIMITS.max_metadata_bytes, "bytes"),
    "MAX_DECODE_BYTES": _limit(_LIMITS.max_decode_bytes, "bytes"),
    "FORMATS": Setting(_LIMITS.formats, _formats, _FORMATS_WANTED),
    **ENCODING_SETTINGS,
    "ENCODINGS": Setting({}, _dicts, "a dict of dicts by the name of a rendition key set"),
    # Read by the package `workers`, which has its own table.
    "WORKERS": Setting({}, lambda v: isinstance(v, Mapping), "a dict"),
}


def inherited(key: str) -> Any:
    """Return a value of VERSATILEIMAGEFIELD_SETTINGS, or its default."""
    return _given(INHERITED).get(key, INHERITED_SETTINGS[key].default)


def own(key: str) -> Any:
    """Return a value of RENDITIONS, or its default."""
    return _given(OWN).get(key, OWN_SETTINGS[key].default)


def style(key: RenditionKey) -> Style:
    """Return how the rendition of `key` is named and written."""
    encodings = own("ENCODINGS")
    said = [_given(INHERITED), _given(OWN)]
    return _style(repr([*said, _given(KEY_SETS)]), key) if encodings else _style(repr(said), None)


@lru_cache(maxsize=1024)
def _style(said: str, key: RenditionKey | None) -> Style:
    """Return the style of `key`, worked out once for each thing that the settings say.

    Args:
        said: The settings as text, so that whatever changes them, in whatever way, is seen.
    """
    chosen = encoding(key)
    return Style(layout(chosen), chosen)


def layout(chosen: Encoding | None = None) -> Layout:
    """Return how renditions are named; a quality is part of the name."""
    chosen = chosen or encoding()
    return Layout(
        sized_dirname=inherited("sized_directory_name"),
        filtered_dirname=inherited("filtered_directory_name"),
        placeholder_dirname=inherited("placeholder_directory_name"),
        qualities={
            "jpg": chosen.jpeg_quality,
            "jpeg": chosen.jpeg_quality,
            "webp": chosen.webp_quality,
        },
        process_key=_key_processor(),
    )


def encoding(key: RenditionKey | None = None) -> Encoding:
    """Return how renditions are written: that of `key`, or any that no key set says more about."""
    base = Encoding(
        jpeg_quality=inherited("jpeg_resize_quality"),
        webp_quality=inherited("webp_resize_quality"),
        webp_lossless=inherited("lossless_webp"),
        progressive_jpeg=inherited("progressive_jpeg"),
        **_encoding_values({name: own(name) for name in ENCODING_SETTINGS}),
    )
    if key is None or not own("ENCODINGS"):
        return base
    return replace(base, **_encoding_values(_overrides(key)))


def _encoding_values(given: Mapping[str, Any]) -> dict[str, Any]:
    values = {name.lower(): value for name, value in given.items()}
    if "background" in values:
        values["background"] = ImageColor.getrgb(values["background"])
    return values


def _overrides(key: RenditionKey) -> Mapping[str, Any]:
    """Return what is said about one key, by way of the key set that holds it."""
    encodings: Mapping[str, Mapping[str, Any]] = own("ENCODINGS")
    for name, given in encodings.items():
        if key in key_set(name).keys:
            return given
    return {}


def limits() -> Limits:
    """Return what an original may be at most."""
    return Limits(
        max_pixels=own("MAX_PIXELS"),
        max_side=own("MAX_SIDE"),
        max_file_bytes=own("MAX_FILE_BYTES"),
        max_jpeg_scans=own("MAX_JPEG_SCANS"),
        max_frame_pixels=own("MAX_FRAME_PIXELS"),
        max_metadata_bytes=own("MAX_METADATA_BYTES"),
        max_decode_bytes=own("MAX_DECODE_BYTES"),
        formats=tuple(format_named(name).name for name in own("FORMATS")),
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


def records_are_shared() -> bool:
    """Whether other processes see the records of this one; a project's own store knows itself."""
    if own("STORE") != OWN_SETTINGS["STORE"].default:
        return True
    return not isinstance(cache(), LocMemCache | DummyCache)


def record_lifetime_s() -> int | None:
    """Return how long a record is kept; None: for ever."""
    lifetime: int | None = inherited("cache_length")
    return lifetime


def create_on_demand() -> bool:
    """Whether asking for a rendition's URL makes it."""
    return bool(inherited("create_images_on_demand"))


def use_placeholdit() -> bool:
    """Whether an empty picture without a placeholder shows one from placehold.it."""
    return bool(getattr(settings, PLACEHOLDIT, False))


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
    given: Any = getattr(settings, name, None)
    # Anything else is for the checks to complain about.
    return given if isinstance(given, Mapping) else {}
