"""The names of the old package's `mixins`."""

from renditions.files import VersatileImageMixIn

__all__ = [
    "VersatileImageMixIn",
]
