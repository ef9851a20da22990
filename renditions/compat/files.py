"""The names of the old package's `files`."""

from renditions.files import VersatileImageFieldFile, VersatileImageFileDescriptor

__all__ = [
    "VersatileImageFieldFile",
    "VersatileImageFileDescriptor",
]
