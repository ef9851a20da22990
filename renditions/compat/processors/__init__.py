"""What may be done to the part of a file name that describes a rendition."""

from .hashlib_processors import md5, md5_16

__all__ = ["md5", "md5_16"]
