"""The names of the old package's `serializers`."""

from rest_framework.serializers import ImageField

from renditions.serializers import VersatileImageFieldSerializer

from .functions import (
    build_versatileimagefield_url_set,
    get_rendition_key_set,
    validate_versatileimagefield_sizekey_list,
)

__all__ = [
    "ImageField",
    "VersatileImageFieldSerializer",
    "build_versatileimagefield_url_set",
    "get_rendition_key_set",
    "validate_versatileimagefield_sizekey_list",
]
