"""Bytes to and from a storage: whole or not at all, at exactly the planned path.

A folder is written by `disk`, anything else that Django calls a storage by `any`.
"""

import hashlib

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import Storage, default_storage, storages
from django.core.files.utils import validate_file_name

from .any import publish_by_save
from .disk import is_folder, publish_atomically
from .failures import PathRefused, storage_error


def publish(storage: Storage, path: str, data: bytes) -> None:
    """Make `path` on `storage` hold exactly `data`; a reader sees the old file or the new one.

    Raises:
        PathRefused: the storage does not allow the path.
        StorageRefused: permission denied.
        StorageFailed: the storage did not take the file; `path` holds no half-written file.
    """
    try:
        validate_file_name(path, allow_relative_path=True)
        if is_folder(storage):
            publish_atomically(storage, path, data)
        else:
            publish_by_save(storage, path, data)
    except (SuspiciousOperation, ValueError) as error:
        raise PathRefused(f"{path!r} is not allowed on this storage: {error}") from error
    except OSError as error:
        raise storage_error(path, error) from error


def delete_file(storage: Storage, path: str) -> None:
    """Delete the file at `path`; an absent one is no error.

    Raises:
        StorageRefused: permission denied.
        StorageFailed: the storage did not do it.
    """
    try:
        storage.delete(path)
    except OSError as error:
        raise storage_error(path, error) from error


def storage_label(storage: Storage) -> str:
    """Return a name for `storage` that is the same in every process of the project."""
    if storage is default_storage:
        return "default"
    for alias in storages.backends:
        if storages[alias] is storage:
            return alias
    # Not the URL: two folders without a URL of their own share one.
    place = ":".join(str(getattr(storage, name, "")) for name in ("bucket_name", "location"))
    if place == ":":
        # A project's own storage is its class and its arguments, which may hold secrets.
        made_with = repr(getattr(storage, "_constructor_args", ""))
        place = hashlib.blake2b(made_with.encode(), digest_size=8).hexdigest()
    return f"{type(storage).__module__}.{type(storage).__qualname__}:{place}"
