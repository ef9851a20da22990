"""Functions for the setting FILENAME_PROCESSOR."""

from .hashlib_processors import md5, md5_16

__all__ = ["md5", "md5_16"]
