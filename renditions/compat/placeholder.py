"""The names of the old package's `placeholder`."""

import os

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from renditions.placeholder import (
    OnDiscPlaceholderImage,
    OnStoragePlaceholderImage,
    PlaceholderImage,
)

__all__ = [
    "ContentFile",
    "OnDiscPlaceholderImage",
    "OnStoragePlaceholderImage",
    "PlaceholderImage",
    "default_storage",
    "empty",
    "os",
]

empty = object()
