"""The names of the old package's `registry`."""

import copy

from renditions.planning.registry import Registry as VersatileImageFieldRegistry
from renditions.registry import (
    AlreadyRegistered,
    InvalidFilteredImageSubclass,
    InvalidSizedImageSubclass,
    NotRegistered,
    UnallowedFilterName,
    UnallowedSizerName,
    autodiscover,
    versatileimagefield_registry,
)

from .datastructures import FilteredImage, SizedImage

__all__ = [
    "AlreadyRegistered",
    "FilteredImage",
    "InvalidFilteredImageSubclass",
    "InvalidSizedImageSubclass",
    "NotRegistered",
    "SizedImage",
    "UnallowedFilterName",
    "UnallowedSizerName",
    "VersatileImageFieldRegistry",
    "autodiscover",
    "copy",
    "versatileimagefield_registry",
]

# Old code looks there for the class that it is about to replace.
VersatileImageFieldRegistry._sizedimage_registry = VersatileImageFieldRegistry.sizer_classes  # type: ignore[attr-defined]  # noqa: SLF001
VersatileImageFieldRegistry._filter_registry = VersatileImageFieldRegistry.filter_classes  # type: ignore[attr-defined]  # noqa: SLF001
