"""The names of the old package's `files`."""

from django import VERSION as DJANGO_VERSION
from django.core.files.base import File
from django.db.models.fields.files import FieldFile, ImageFieldFile, ImageFileDescriptor

from renditions.files import (
    VersatileImageFieldFile,
    VersatileImageFileDescriptor,
    VersatileImageMixIn,
)

__all__ = [
    "DJANGO_VERSION",
    "FieldFile",
    "File",
    "ImageFieldFile",
    "ImageFileDescriptor",
    "VersatileImageFieldFile",
    "VersatileImageFileDescriptor",
    "VersatileImageMixIn",
]
