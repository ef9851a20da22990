"""Put bytes at exactly the planned path, whole or not at all."""

import errno
import hashlib
from pathlib import Path
from typing import Any, TypeGuard

from django.core.exceptions import SuspiciousOperation
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, default_storage, storages
from django.core.files.utils import validate_file_name

from renditions.errors import PermanentError, RenditionError, StorageFailed, StorageRefused
from renditions.imaging.formats import format_named
from renditions.imaging.headers import format_of

from . import disk as unfinished


class PathRefused(PermanentError):
    """No file can lie at the path, or it leads out of the storage."""

    kind = "path"


def publish(storage: Storage, path: str, data: bytes) -> None:
    """Make `path` on `storage` hold exactly `data`; a reader sees the old file or the new one.

    Raises:
        PathRefused: the storage does not allow the path.
        StorageRefused: nobody may write there.
        StorageFailed: the storage did not take the file; nothing half-written is left at `path`.
    """
    try:
        validate_file_name(path, allow_relative_path=True)
        if _writes_plainly(storage):
            _publish_on_disk(storage, path, data)
        else:
            _publish_by_save(storage, path, data)
    except (SuspiciousOperation, ValueError) as error:
        raise PathRefused(f"{path!r} is not allowed on this storage: {error}") from error
    except OSError as error:
        raise storage_error(path, error) from error


def storage_error(path: str, error: OSError) -> RenditionError:
    """Return what `error` at `path` means: only what may pass by itself is transient."""
    if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP):
        return PathRefused(f"{path!r} is no name for this storage: {error}")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return StorageRefused(f"{path}: {error}")
    return StorageFailed(f"{path}: {error}")


def _writes_plainly(storage: Storage) -> TypeGuard[FileSystemStorage]:
    """Whether `storage` is a folder that saves files as Django's own does.

    One that encrypts, mirrors or counts what it saves relies on every file going through it.
    """
    # Not type(): the default storage stands in for another.
    cls: Any = storage.__class__
    return issubclass(cls, FileSystemStorage) and all(
        getattr(cls, name) is getattr(FileSystemStorage, name) for name in ("save", "_save")
    )


def _publish_on_disk(storage: FileSystemStorage, path: str, data: bytes) -> None:
    target = Path(storage.path(path))
    _refuse_way_out(storage, target)
    _make_folder(target.parent, storage)
    unfinished.put(storage, target, data)


def _refuse_way_out(storage: FileSystemStorage, target: Path) -> None:
    """Let no symlink inside the storage lead a rendition out of it."""
    root = Path(storage.location).resolve()
    if not target.parent.resolve().is_relative_to(root):
        raise PathRefused(
            f"{target} leads out of the storage by a symlink, to {target.parent.resolve()}. "
            "Mount the other place there, or give the renditions a storage of their own."
        )


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
    saved = storage.save(path, _typed(data))
    if saved == path:
        return
    storage.delete(path)
    retried = storage.save(path, _typed(data))
    storage.delete(saved)
    if retried != path:
        storage.delete(retried)
        raise StorageFailed(f"{path}: the storage wrote {retried!r} instead.")


def _typed(data: bytes) -> "ContentFile[bytes]":
    """Return `data` as a file that says what it is: an object store serves it as that."""
    file = ContentFile(data)
    found = format_of(data)
    if found:
        file.content_type = format_named(found).mime  # type: ignore[attr-defined]
    return file


def delete_file(storage: Storage, path: str) -> None:
    """Take the file at `path` away; an absent one is no error.

    Raises:
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
    # Not the URL: it is the same for any two folders that nobody gave one.
    place = ":".join(str(getattr(storage, name, "")) for name in ("bucket_name", "location"))
    if place == ":":
        # A storage of the project's own is the class and what it was made with, secrets perhaps.
        made_with = repr(getattr(storage, "_constructor_args", ""))
        place = hashlib.blake2b(made_with.encode(), digest_size=8).hexdigest()
    return f"{type(storage).__module__}.{type(storage).__qualname__}:{place}"
