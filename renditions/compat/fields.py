"""The names of the old package's `fields`."""

from renditions.fields import PPOIField, VersatileImageField

__all__ = [
    "PPOIField",
    "VersatileImageField",
]
