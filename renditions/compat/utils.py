"""The names of the old package's `utils`."""

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

__all__ = [
    "MIME_TYPE_TO_PIL_IDENTIFIER",
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
