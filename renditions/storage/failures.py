"""Translate an error of a storage into a permanent or a transient one."""

import errno

from renditions.errors import (
    PermanentError,
    RenditionError,
    StorageFailed,
    StorageRefused,
    gettext_noop,
)


class PathRefused(PermanentError):
    """The storage does not accept the path, or the path leads out of the storage."""

    kind = "path"
    headline = gettext_noop("The file storage does not accept this file name.")


def storage_error(path: str, error: OSError) -> RenditionError:
    if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP):
        return PathRefused(f"{path!r}: {error}")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return StorageRefused(f"{path}: {error}")
    return StorageFailed(f"{path}: {error}")
