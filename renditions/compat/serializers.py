"""The names of the old package's `serializers`."""

from renditions.serializers import VersatileImageFieldSerializer

__all__ = [
    "VersatileImageFieldSerializer",
]
