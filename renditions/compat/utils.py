"""The names of the old package's `utils`."""

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
from .live import reader

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
    "post_process_image_key",
    "validate_versatileimagefield_sizekey_list",
]

__getattr__ = reader(
    __name__,
    (
        "IMAGE_SETS",
        "JPEG_QUAL",
        "VERSATILEIMAGEFIELD_FILTERED_DIRNAME",
        "VERSATILEIMAGEFIELD_POST_PROCESSOR",
        "VERSATILEIMAGEFIELD_SIZED_DIRNAME",
        "WEBP_QUAL",
    ),
)
