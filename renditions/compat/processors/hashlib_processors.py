"""Digests of the part of a file name that describes a rendition."""

import hashlib


def md5(image_key: str) -> str:
    """Return the 32 hexadecimal digits of the MD5 digest."""
    # Existing file names contain it. It is not used for security.
    return hashlib.md5(image_key.encode(), usedforsecurity=False).hexdigest()


def md5_16(image_key: str) -> str:
    """Return the first 16 digits of `md5`."""
    return md5(image_key)[:16]
