"""Translate an error of a storage into a permanent or a transient one."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import SuspiciousOperation

from renditions.errors import (
    PermanentError,
    RenditionError,
    SourceMissing,
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


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Translate an error inside the block that concerns the file at `path`.

    Raises:
        PathRefused: the storage does not accept the path.
        StorageRefused: permission denied.
        StorageFailed: the storage did not answer.
    """
    try:
        yield
    except (SuspiciousOperation, ValueError) as error:
        raise PathRefused(f"{path!r}: {error}") from error
    except OSError as error:
        raise storage_error(path, error) from error


@contextmanager
def translated_source(name: str) -> Iterator[None]:
    """Like `translated`, for an original: a missing file is `SourceMissing`."""
    with translated(name):
        try:
            yield
        except FileNotFoundError as error:
            raise SourceMissing(name) from error
