"""Write to any Django storage, with nothing but its methods `save` and `delete`."""

from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from renditions.errors import StorageFailed, StorageRefused
from renditions.imaging.formats import format_named
from renditions.imaging.headers import format_of


def publish_by_save(storage: Storage, path: str, data: bytes) -> None:
    """Write `data` to `path`.

    An object store writes atomically. But `save` may choose another name if the name exists, and
    no page links to a renamed rendition. So the old file is deleted first, and saved again.

    Raises:
        StorageFailed: the storage renamed the file twice.
        StorageRefused: the name is taken, and the storage cannot delete.
        OSError: the storage did not accept the file.
    """
    saved = storage.save(path, _typed(data))
    if saved == path:
        return
    try:
        storage.delete(path)
    except NotImplementedError as error:
        raise StorageRefused(f"{path}: the storage neither replaces nor deletes files") from error
    retried = storage.save(path, _typed(data))
    storage.delete(saved)
    if retried != path:
        storage.delete(retried)
        raise StorageFailed(f"{path}: the storage renamed it to {retried!r}.")


def _typed(data: bytes) -> "ContentFile[bytes]":
    """Return `data` as a file with its content type; an object store serves it with this type."""
    file = ContentFile(data)
    found = format_of(data)
    if found:
        file.content_type = format_named(found).mime  # type: ignore[attr-defined]
    return file
