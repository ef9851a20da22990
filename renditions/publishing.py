"""Put bytes at exactly the planned path, whole or not at all."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import SuspiciousOperation
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, default_storage, storages
from django.core.files.utils import validate_file_name

from .errors import PermanentError, StorageFailed

# Unfinished files carry it, so that a sweep can tell them from pictures.
TEMPORARY_PREFIX = ".rendition-"
TEMPORARY_SUFFIX = ".tmp"


class PathRefused(PermanentError):
    """The path leads out of the storage."""

    kind = "path"


def publish(storage: Storage, path: str, data: bytes) -> None:
    """Make `path` on `storage` hold exactly `data`; a reader sees the old file or the new one.

    Raises:
        PathRefused: the storage does not allow the path.
        StorageFailed: the storage did not take the file; nothing half-written is left at `path`.
    """
    try:
        validate_file_name(path, allow_relative_path=True)
        if isinstance(storage, FileSystemStorage):
            _publish_on_disk(storage, path, data)
        else:
            _publish_by_save(storage, path, data)
    except SuspiciousOperation as error:
        raise PathRefused(f"{path!r} is not allowed on this storage: {error}") from error
    except OSError as error:
        raise StorageFailed(f"{path}: {error}") from error


def _publish_on_disk(storage: FileSystemStorage, path: str, data: bytes) -> None:
    target = Path(storage.path(path))
    _make_folder(target.parent, storage)
    # In the same folder, because a rename is atomic only within one file system.
    temporary = target.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            # Without it a power cut may leave the new name with no content.
            os.fsync(file.fileno())
        if storage.file_permissions_mode is not None:
            temporary.chmod(storage.file_permissions_mode)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _make_folder(folder: Path, storage: FileSystemStorage) -> None:
    mode = storage.directory_permissions_mode
    if mode is None:
        folder.mkdir(parents=True, exist_ok=True)
        return
    # The mode is given to every folder that is made, and the umask does not take from it.
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(exist_ok=True)
        parent.chmod(mode)


def _publish_by_save(storage: Storage, path: str, data: bytes) -> None:
    # An object store puts a file whole or not at all, but may rename on collision, and a renamed
    # rendition is one that nobody links to.
    saved = storage.save(path, ContentFile(data))
    if saved == path:
        return
    storage.delete(path)
    retried = storage.save(path, ContentFile(data))
    storage.delete(saved)
    if retried != path:
        storage.delete(retried)
        raise StorageFailed(f"{path}: the storage wrote {retried!r} instead.")


def withdraw(storage: Storage, path: str) -> None:
    """Take the file at `path` away; an absent one is no error.

    Raises:
        StorageFailed: the storage did not do it.
    """
    try:
        storage.delete(path)
    except OSError as error:
        raise StorageFailed(f"{path}: {error}") from error


def storage_label(storage: Storage) -> str:
    """Return a name for `storage` that is the same in every process of the project."""
    if storage is default_storage:
        return "default"
    for alias in storages.backends:
        if storages[alias] is storage:
            return alias
    place = getattr(storage, "bucket_name", "") or getattr(storage, "base_url", "")
    return f"{type(storage).__module__}.{type(storage).__qualname__}:{place}"
