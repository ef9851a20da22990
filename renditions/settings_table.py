"""The table of settings: the type, the default, the valid values and the old name of each one.

A new setting is one line in `RenditionSettings`. `conf` reads the values, `checks` validates them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeVar

from PIL import ImageColor

from .errors import UnknownFormat
from .imaging.formats import FORMATS, Encoding, format_named
from .imaging.sources import Limits

NATIVE = "RENDITIONS"
# Settings of django-versatileimagefield, read where the native setting is absent.
OLD = "VERSATILEIMAGEFIELD_SETTINGS"
OLD_KEY_SETS = "VERSATILEIMAGEFIELD_RENDITION_KEY_SETS"
OLD_PLACEHOLDIT = "VERSATILEIMAGEFIELD_USE_PLACEHOLDIT"

T = TypeVar("T")


class Cleanup(StrEnum):
    """What is taken away when a row no longer shows a picture."""

    RENDITIONS = "renditions"
    ALL = "all"  # the original, too


class UntilReady(StrEnum):
    """What a tag shows instead of a rendition that is not made yet."""

    URL = "url"  # the URL that it will have; whether it is made is not asked
    ORIGINAL = "original"
    NEAREST = "nearest"  # the rendition of the same picture that is made and most like it
    PLACEHOLDER = "placeholder"  # a box of the same size, with the blurred picture if it is known
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class OldPlace:
    """Where a project of django-versatileimagefield sets a setting."""

    setting: str  # a name in the Django settings
    key: str | None = None  # in the dict that `setting` holds; None: `setting` holds the value

    def __str__(self) -> str:
        return self.setting if self.key is None else f"{self.setting}[{self.key!r}]"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. The dataclass field that holds it has its name and its type."""

    default: Any
    accepts: Callable[[Any], bool]
    wanted: str  # completes "must be ..."
    old_place: OldPlace | None = None


def declare(
    default: Any, accepts: Callable[[Any], bool], wanted: str, old_place: OldPlace | None = None
) -> Any:
    """Return a dataclass field for the setting that has its name in upper case."""
    return field(metadata={"setting": Setting(default, accepts, wanted, old_place)})


def table_of(settings_class: Any) -> Mapping[str, Setting]:
    """Return the settings that the fields of a dataclass declare, by name."""
    return {each.name.upper(): each.metadata["setting"] for each in fields(settings_class)}


def from_dict(settings_class: type[T], given: Mapping[str, Any]) -> T:
    """Return an instance with the values of `given`, and with defaults where it has none."""
    table = table_of(settings_class)
    values = {name.lower(): given.get(name, table[name].default) for name in table}
    return settings_class(**values)


# --- Which values are valid ---


def _whole(lowest: int, highest: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and lowest <= value <= highest


def _is_folder(value: Any) -> bool:
    return value == "" or (
        isinstance(value, str) and bool(value.strip("./")) and ".." not in value.split("/")
    )


def _is_dotted_path(value: Any) -> bool:
    return isinstance(value, str) and "." in value


def _is_opaque_colour(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return len(ImageColor.getrgb(value)) == 3
    except ValueError:
        return False


def _are_formats(value: Any) -> bool:
    if not isinstance(value, list | tuple) or not value:
        return False
    try:
        return all(isinstance(name, str) and bool(format_named(name)) for name in value)
    except UnknownFormat:
        return False


def _are_content_types(value: Any) -> bool:
    return isinstance(value, Mapping) and (
        not value
        or (_are_formats(list(value)) and all(_is_header(text) for text in value.values()))
    )


def _is_header(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and bool(value.strip())


def _is_dict(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_dict_of_dicts(value: Any) -> bool:
    return _is_dict(value) and all(map(_is_dict, value.values()))


def _none_or(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or accepts(value)


# --- Kinds of settings ---


def _old(key: str) -> OldPlace:
    return OldPlace(OLD, key)


def _switch(default: bool, old_place: OldPlace | None = None) -> Any:
    return declare(default, lambda value: isinstance(value, bool), "True or False", old_place)


def _quality(default: int, old_place: OldPlace | None = None) -> Any:
    return declare(default, _whole(1, 100), "a whole number from 1 to 100", old_place)


def _level(default: int, highest: int) -> Any:
    return declare(default, _whole(0, highest), f"a whole number from 0 to {highest}")


def _limit(default: int, unit: str) -> Any:
    return declare(default, _whole(1, 2**53), f"a whole number of {unit}, 1 or more")


def _choice(default: str, other: str) -> Any:
    return declare(default, lambda v: v in (default, other), f"{default!r} or {other!r}")


def _folder(default: str, old_place: OldPlace) -> Any:
    return declare(default, _is_folder, "the name of a folder, without '..', or empty", old_place)


# --- The table ---

_LIMITS = Limits()
_ENCODING = Encoding()


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionSettings:
    """The dict `RENDITIONS`: its keys are the names of these fields in upper case."""

    # Which renditions to make, and when.
    # Any value counts as valid here: `checks.check_key_sets` reports faults under ids of its own.
    key_sets: Mapping[str, Any] = declare({}, lambda v: True, "a dict", OldPlace(OLD_KEY_SETS))
    on_demand: bool = _switch(True, _old("create_images_on_demand"))
    until_ready: str = declare(
        UntilReady.URL.value,
        lambda v: v in tuple(each.value for each in UntilReady),
        f"one of {', '.join(repr(each.value) for each in UntilReady)}",
    )
    placeholdit: bool = _switch(False, OldPlace(OLD_PLACEHOLDIT))
    # What the view behind a 404 of the media path does.
    on_request_at_once: int = declare(2, _whole(1, 1000), "a whole number from 1 to 1000")
    on_request_wait_s: int = declare(10, _whole(0, 600), "a whole number of seconds, 0 to 600")
    # How their files are named.
    sized_dirname: str = _folder("__sized__", _old("sized_directory_name"))
    filtered_dirname: str = _folder("__filtered__", _old("filtered_directory_name"))
    placeholder_dirname: str = _folder("__placeholder__", _old("placeholder_directory_name"))
    filename_processor: str | None = declare(
        None,
        _none_or(_is_dotted_path),
        "None or the dotted path of a function str -> str",
        _old("image_key_post_processor"),
    )
    # How their files are written: the fields of `Encoding`. ENCODINGS changes some for one key set.
    jpeg_quality: int = _quality(_ENCODING.jpeg_quality, _old("jpeg_resize_quality"))
    progressive_jpeg: bool = _switch(_ENCODING.progressive_jpeg, _old("progressive_jpeg"))
    webp_quality: int = _quality(_ENCODING.webp_quality, _old("webp_resize_quality"))
    webp_lossless: bool = _switch(_ENCODING.webp_lossless, _old("lossless_webp"))
    webp_method: int = _level(_ENCODING.webp_method, 6)
    avif_quality: int = _quality(_ENCODING.avif_quality)
    avif_speed: int = _level(_ENCODING.avif_speed, 10)
    png_compress_level: int = _level(_ENCODING.png_compress_level, 9)
    background: str = declare(
        "#ffffff", _is_opaque_colour, "a colour as '#rrggbb' or as CSS names it"
    )
    color: str = _choice("srgb", "keep")
    animation: str = _choice("first", "keep")
    encodings: Mapping[str, Mapping[str, Any]] = declare(
        {}, _is_dict_of_dicts, "a dict of dicts by the name of a rendition key set"
    )
    # Which originals are accepted: the fields of `Limits`. A value at the limit is accepted.
    max_pixels: int = _limit(_LIMITS.max_pixels, "pixels")
    max_side: int = _limit(_LIMITS.max_side, "pixels")
    max_file_bytes: int = _limit(_LIMITS.max_file_bytes, "bytes")
    max_jpeg_scans: int = _limit(_LIMITS.max_jpeg_scans, "scans")
    max_frame_pixels: int = _limit(_LIMITS.max_frame_pixels, "pixels")
    max_metadata_bytes: int = _limit(_LIMITS.max_metadata_bytes, "bytes")
    max_decode_bytes: int = _limit(_LIMITS.max_decode_bytes, "bytes")
    formats: Sequence[str] = declare(
        _LIMITS.formats,
        _are_formats,
        f"a list of some of: {', '.join(repr(each.name) for each in FORMATS)}",
    )
    incomplete: str = _choice(_LIMITS.incomplete, "accept")
    # Where renditions are kept, and what an object store tells browsers about them.
    storage: str | None = declare(
        None,
        _none_or(lambda v: isinstance(v, str) and bool(v)),
        "None or the alias of a storage in STORAGES",
    )
    cache_control: str | None = declare(
        None, _none_or(_is_header), "None or the text of a Cache-Control header"
    )
    content_types: Mapping[str, str] = declare(
        {}, _are_content_types, "a dict of content types by format, such as {'AVIF': 'image/avif'}"
    )
    # What is taken away when a row no longer shows a picture.
    cleanup: str | None = declare(
        None,
        lambda v: v in (None, *(each.value for each in Cleanup)),
        "None, 'renditions' or 'all'",
    )
    # Where the records of renditions are kept.
    store: str = declare(
        "renditions.records.cache.CacheStore", _is_dotted_path, "the dotted path of a record store"
    )
    cache: str | None = declare(
        None,
        _none_or(lambda v: isinstance(v, str)),
        "None or the alias of a cache",
        _old("cache_name"),
    )
    record_lifetime_s: int | None = declare(
        2_592_000,
        _none_or(_whole(0, 2**31 - 1)),
        "a whole number of seconds or None",
        _old("cache_length"),
    )
    # Read and checked by the package `workers`, which has a table of its own.
    workers: Mapping[str, Any] = declare({}, _is_dict, "a dict")


SETTINGS = table_of(RenditionSettings)
ENCODING_SETTINGS = {each.name.upper(): SETTINGS[each.name.upper()] for each in fields(Encoding)}
# The `quality` of a picture sets all of them.
QUALITY_SETTINGS = tuple(name for name in ENCODING_SETTINGS if name.endswith("_QUALITY"))
