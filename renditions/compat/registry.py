"""The names of the old package's `registry`."""

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

__all__ = [
    "AlreadyRegistered",
    "InvalidFilteredImageSubclass",
    "InvalidSizedImageSubclass",
    "NotRegistered",
    "UnallowedFilterName",
    "UnallowedSizerName",
    "VersatileImageFieldRegistry",
    "autodiscover",
    "versatileimagefield_registry",
]
