"""The names of the old package's `placeholder`."""

from renditions.placeholder import (
    OnDiscPlaceholderImage,
    OnStoragePlaceholderImage,
    PlaceholderImage,
)

__all__ = [
    "OnDiscPlaceholderImage",
    "OnStoragePlaceholderImage",
    "PlaceholderImage",
]
