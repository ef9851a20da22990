"""The names of the old package's `mixins`."""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from renditions.files import VersatileImageMixIn
from renditions.registry import autodiscover, versatileimagefield_registry
from renditions.validators import validate_ppoi

from .datastructures import FilterLibrary
from .live import VALUES, reader

__all__ = [
    "VERSATILEIMAGEFIELD_CREATE_ON_DEMAND",
    "VERSATILEIMAGEFIELD_FILTERED_DIRNAME",
    "VERSATILEIMAGEFIELD_SIZED_DIRNAME",
    "FilterLibrary",
    "VersatileImageMixIn",
    "autodiscover",
    "cache",
    "filter_and_sizer_regex",
    "filter_regex",
    "filter_regex_snippet",
    "os",
    "re",
    "sizer_regex",
    "sizer_regex_snippet",
    "validate_ppoi",
    "versatileimagefield_registry",
]


def _filters() -> str:
    return f"__({'|'.join(versatileimagefield_registry.filter_classes)})__"


def _sizers() -> str:
    patterns = versatileimagefield_registry.filename_patterns()
    return rf"-({'|'.join(patterns)})-(\d+)x(\d+)(?:-\d+)?"


# What stands between the name of an original and its extension. The registry changes until all apps
# are ready.
_PATTERNS: Mapping[str, Callable[[], Any]] = {
    "filter_regex_snippet": _filters,
    "sizer_regex_snippet": _sizers,
    "filter_regex": lambda: re.compile(f"{_filters()}$"),
    "sizer_regex": lambda: re.compile(f"{_sizers()}$"),
    "filter_and_sizer_regex": lambda: re.compile(f"{_filters()}{_sizers()}$"),
}
_SETTINGS = (
    "cache",
    "VERSATILEIMAGEFIELD_CREATE_ON_DEMAND",
    "VERSATILEIMAGEFIELD_FILTERED_DIRNAME",
    "VERSATILEIMAGEFIELD_SIZED_DIRNAME",
)

__getattr__ = reader(__name__, {**_PATTERNS, **{name: VALUES[name] for name in _SETTINGS}})
