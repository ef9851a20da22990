"""The old names of settings. Each is read when it is looked up.

`settings.JPEG_QUAL` is the value now; `from ... import JPEG_QUAL` copies the value of that moment.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.cache import cache as default_cache

from renditions import conf
from renditions.conf import rendition_settings
from renditions.settings_table import OLD, SETTINGS


def _old_dict() -> dict[str, Any]:
    """Return the values of all settings that the old package has, under its keys."""
    return {
        setting.old_place.key: getattr(rendition_settings(), name.lower())
        for name, setting in SETTINGS.items()
        if setting.old_place and setting.old_place.setting == OLD and setting.old_place.key
    } | {"cache_name": _cache_name()}


def _cache_name() -> str:
    return rendition_settings().cache or conf.OLD_CACHE


def _post_processor() -> Callable[[str], str] | None:
    process = conf.layout().process_key
    return None if process is str else process


def _image_sets() -> dict[str, list[tuple[str, str]]]:
    return {
        name: [(entry, str(key)) for entry, key in conf.key_set(name)]
        for name in conf.key_set_names()
    }


VALUES: Mapping[str, Callable[[], Any]] = {
    "JPEG_QUAL": lambda: rendition_settings().jpeg_quality,
    "WEBP_QUAL": lambda: rendition_settings().webp_quality,
    "VERSATILEIMAGEFIELD_CACHE_LENGTH": lambda: rendition_settings().record_lifetime_s,
    "VERSATILEIMAGEFIELD_CACHE_NAME": _cache_name,
    "VERSATILEIMAGEFIELD_CREATE_ON_DEMAND": lambda: rendition_settings().on_demand,
    "VERSATILEIMAGEFIELD_FILTERED_DIRNAME": lambda: rendition_settings().filtered_dirname,
    "VERSATILEIMAGEFIELD_LOSSLESS_WEBP": lambda: rendition_settings().webp_lossless,
    "VERSATILEIMAGEFIELD_PLACEHOLDER_DIRNAME": lambda: rendition_settings().placeholder_dirname,
    "VERSATILEIMAGEFIELD_POST_PROCESSOR": _post_processor,
    "VERSATILEIMAGEFIELD_PROGRESSIVE_JPEG": lambda: rendition_settings().progressive_jpeg,
    "VERSATILEIMAGEFIELD_SETTINGS": _old_dict,
    "VERSATILEIMAGEFIELD_SIZED_DIRNAME": lambda: rendition_settings().sized_dirname,
    "IMAGE_SETS": _image_sets,
    "USER_DEFINED": lambda: getattr(settings, OLD, None),
    "cache": conf.cache,
    "default_cache": lambda: default_cache,
    "post_processor_string": lambda: rendition_settings().filename_processor,
}


def reader(
    module: str, names: Mapping[str, Callable[[], Any]] | tuple[str, ...]
) -> Callable[[str], Any]:
    """Return a `__getattr__` for `module`, which calls for a value at each look-up.

    Args:
        names: Names of VALUES, or functions by name.
    """
    values = names if isinstance(names, Mapping) else {name: VALUES[name] for name in names}

    def read(name: str) -> Any:
        if name not in values:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return values[name]()

    return read
