"""Write to a storage: a complete file at exactly the planned path, or none.

`disk` writes to a folder, `any` to every other Django storage.
"""

import hashlib
from weakref import WeakValueDictionary

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import Storage, default_storage, storages
from django.core.files.utils import validate_file_name

from renditions.errors import StorageRefused

from .any import publish_by_save
from .disk import is_folder, publish_atomically
from .failures import PathRefused, storage_error


def publish(storage: Storage, path: str, data: bytes) -> None:
    """Write `data` to `path` on `storage`. A reader sees the old file or the new one.

    Raises:
        PathRefused: the storage does not accept the path.
        StorageRefused: permission denied.
        StorageFailed: the storage did not accept the file; `path` has no half-written file.
    """
    try:
        validate_file_name(path, allow_relative_path=True)
        if is_folder(storage):
            publish_atomically(storage, path, data)
        else:
            publish_by_save(storage, path, data)
    except (SuspiciousOperation, ValueError) as error:
        raise PathRefused(f"{path!r}: {error}") from error
    except OSError as error:
        raise storage_error(path, error) from error


def delete_file(storage: Storage, path: str) -> None:
    """Delete the file at `path`; a missing file is no error.

    Raises:
        StorageRefused: permission denied.
        StorageFailed: the storage did not delete the file.
    """
    try:
        storage.delete(path)
    except OSError as error:
        raise storage_error(path, error) from error
    except NotImplementedError as error:
        raise StorageRefused(f"{path}: the storage cannot delete files") from error


def storage_label(storage: Storage) -> str:
    """Return a name for `storage`, the same in every process of the project."""
    if storage is default_storage:
        return "default"
    # Only those that the project has made: making another one may fail, and costs time. A copy,
    # because another thread may make one meanwhile.
    for alias, made in list(vars(storages)["_storages"].items()):
        if made is storage:
            return str(alias)
    # Not the URL: all folders without a base_url have MEDIA_URL.
    location = ":".join(str(getattr(storage, name, "")) for name in ("bucket_name", "location"))
    if location == ":":
        # A custom storage is identified by its arguments; a digest, because they may hold secrets.
        arguments = repr(getattr(storage, "_constructor_args", ""))
        location = hashlib.blake2b(arguments.encode(), digest_size=8).hexdigest()
    label = f"{type(storage).__module__}.{type(storage).__qualname__}:{location}"
    _labelled[label] = storage
    return label


def storage_named(label: str) -> Storage:
    """Return the storage that `storage_label` named in this process; else the default one."""
    if label in storages.backends:
        return storages[label]
    return _labelled.get(label, default_storage)


# Weak, because a project may make a storage for each request.
_labelled: WeakValueDictionary[str, Storage] = WeakValueDictionary()
