"""What an error of a storage means."""

import errno

from renditions.errors import (
    PermanentError,
    RenditionError,
    StorageFailed,
    StorageRefused,
    gettext_noop,
)


class PathRefused(PermanentError):
    """No file can be at the path, or the path leads out of the storage."""

    kind = "path"
    headline = gettext_noop("The file storage does not accept this file name.")


def storage_error(path: str, error: OSError) -> RenditionError:
    """Return what `error` at `path` means: only what may pass by itself is transient."""
    if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP):
        return PathRefused(f"{path!r} is not a possible name on this storage: {error}")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return StorageRefused(f"{path}: {error}")
    return StorageFailed(f"{path}: {error}")
