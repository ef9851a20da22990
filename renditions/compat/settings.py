"""The settings under the names of the old package, for old sizers and filters.

`settings.JPEG_QUAL` is the value now; `from ... import JPEG_QUAL` copies the value of that moment.
"""

from collections.abc import Callable, Mapping
from typing import Any

from renditions import conf
from renditions.conf import rendition_settings
from renditions.settings_table import OLD, SETTINGS

from .functions import get_rendition_key_set

QUAL = 70


def _old_dict() -> dict[str, Any]:
    """Return the values of all settings of the old package, under its keys."""
    return {
        setting.old_place.key: getattr(rendition_settings(), name.lower())
        for name, setting in SETTINGS.items()
        if setting.old_place and setting.old_place.setting == OLD and setting.old_place.key
    } | {"cache_name": rendition_settings().cache or conf.OLD_CACHE}


_VALUES: Mapping[str, Callable[[], Any]] = {
    "JPEG_QUAL": lambda: rendition_settings().jpeg_quality,
    "WEBP_QUAL": lambda: rendition_settings().webp_quality,
    "VERSATILEIMAGEFIELD_CACHE_LENGTH": lambda: rendition_settings().record_lifetime_s,
    "VERSATILEIMAGEFIELD_CACHE_NAME": lambda: rendition_settings().cache or conf.OLD_CACHE,
    "VERSATILEIMAGEFIELD_CREATE_ON_DEMAND": lambda: rendition_settings().on_demand,
    "VERSATILEIMAGEFIELD_FILTERED_DIRNAME": lambda: rendition_settings().filtered_dirname,
    "VERSATILEIMAGEFIELD_LOSSLESS_WEBP": lambda: rendition_settings().webp_lossless,
    "VERSATILEIMAGEFIELD_PLACEHOLDER_DIRNAME": lambda: rendition_settings().placeholder_dirname,
    "VERSATILEIMAGEFIELD_POST_PROCESSOR": lambda: conf.layout().process_key,
    "VERSATILEIMAGEFIELD_PROGRESSIVE_JPEG": lambda: rendition_settings().progressive_jpeg,
    "VERSATILEIMAGEFIELD_SETTINGS": _old_dict,
    "VERSATILEIMAGEFIELD_SIZED_DIRNAME": lambda: rendition_settings().sized_dirname,
    "IMAGE_SETS": lambda: {name: get_rendition_key_set(name) for name in conf.key_set_names()},
    "cache": conf.cache,
}


def __getattr__(name: str) -> Any:
    if name not in _VALUES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _VALUES[name]()


def __dir__() -> list[str]:
    return sorted({*globals(), *_VALUES})
