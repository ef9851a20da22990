"""The names of the old package's `utils`."""

import os
from functools import reduce
from importlib import import_module
from types import ModuleType

from django.core.exceptions import ImproperlyConfigured

from renditions.planning.keys import InvalidSizeKey, InvalidSizeKeySet

from .functions import (
    MIME_TYPE_TO_PIL_IDENTIFIER,
    build_versatileimagefield_url_set,
    get_filtered_filename,
    get_filtered_path,
    get_image_metadata_from_file,
    get_rendition_key_set,
    get_resized_filename,
    get_resized_path,
    get_url_from_image_key,
    post_process_image_key,
    validate_versatileimagefield_sizekey_list,
)
from .live import VALUES, reader

__all__ = [
    "IMAGE_SETS",
    "JPEG_QUAL",
    "MIME_TYPE_TO_PIL_IDENTIFIER",
    "VERSATILEIMAGEFIELD_FILTERED_DIRNAME",
    "VERSATILEIMAGEFIELD_POST_PROCESSOR",
    "VERSATILEIMAGEFIELD_SIZED_DIRNAME",
    "WEBP_QUAL",
    "ImproperlyConfigured",
    "InvalidSizeKey",
    "InvalidSizeKeySet",
    "build_versatileimagefield_url_set",
    "get_filtered_filename",
    "get_filtered_path",
    "get_image_metadata_from_file",
    "get_rendition_key_set",
    "get_resized_filename",
    "get_resized_path",
    "get_url_from_image_key",
    "os",
    "post_process_image_key",
    "reduce",
    "validate_versatileimagefield_sizekey_list",
]

_SETTINGS = (
    "IMAGE_SETS",
    "JPEG_QUAL",
    "VERSATILEIMAGEFIELD_FILTERED_DIRNAME",
    "VERSATILEIMAGEFIELD_POST_PROCESSOR",
    "VERSATILEIMAGEFIELD_SIZED_DIRNAME",
    "WEBP_QUAL",
)


def _magic() -> ModuleType:
    try:
        return import_module("magic")
    except ImportError as error:
        # This package does not need python-magic.
        raise AttributeError(f"python-magic is not installed: {error}") from error


__getattr__ = reader(__name__, {"magic": _magic, **{name: VALUES[name] for name in _SETTINGS}})
