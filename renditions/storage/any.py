"""Anything that Django calls a storage: only `save` and `delete` are known of it."""

from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from renditions.errors import StorageFailed
from renditions.imaging.formats import format_named
from renditions.imaging.headers import format_of


def publish_by_save(storage: Storage, path: str, data: bytes) -> None:
    """Make `path` hold `data`.

    An object store puts a file whole or not at all, but it may choose another name when the name
    is taken, and no page links to a renamed rendition.

    Raises:
        StorageFailed: the storage insists on another name.
        OSError: the storage did not take the file.
    """
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
    """Return `data` as a file with its content type, which an object store serves it with."""
    file = ContentFile(data)
    found = format_of(data)
    if found:
        file.content_type = format_named(found).mime  # type: ignore[attr-defined]
    return file
