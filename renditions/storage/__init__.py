"""Read and write a storage: a complete file at exactly the planned path, or none.

`disk` works on a folder, `s3` on a bucket, and `any` on every other Django storage.
"""

import hashlib
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, BinaryIO, Self
from weakref import WeakValueDictionary, ref

from django.core.files.storage import FileSystemStorage, Storage, default_storage, storages
from django.core.files.utils import validate_file_name
from django.core.signals import setting_changed
from django.dispatch import receiver

from renditions.errors import StorageRefused

from .any import AnyStorage, FileInfo, Headers
from .disk import Folder
from .failures import translated, translated_source
from .objects import side_by_side


@dataclass(frozen=True, slots=True)
class Storages:
    """Where the original of a picture is, and where its renditions are."""

    originals: Storage
    renditions: Storage

    @classmethod
    def both_on(cls, storage: Storage) -> Self:
        return cls(storage, storage)

    @property
    def labels(self) -> tuple[str, str]:
        """The labels of both, as `storage_label` returns them; `Original` has them."""
        if self.renditions is self.originals:
            return storage_label(self.originals), ""
        return storage_label(self.originals), storage_label(self.renditions)


def adapter_of(storage: Storage) -> AnyStorage:
    """Return the operations on `storage`, in as few steps as it allows."""
    if isinstance(storage, FileSystemStorage):
        return Folder(storage)
    # A project that uses S3 has imported this module. It is optional, so we do not.
    if "storages.backends.s3" in sys.modules:
        from .s3 import S3

        if S3.serves(storage):
            return S3(storage)
    return AnyStorage(storage)


def publish(storage: Storage, path: str, data: bytes, headers: Headers | None = None) -> None:
    """Write `data` to `path` on `storage`. A reader sees the old file or the new one.

    Raises:
        PathRefused: the storage does not accept the path.
        StorageRefused: permission denied.
        StorageFailed: the storage did not accept the file; `path` has no half-written file.
    """
    write(adapter_of(storage), path, data, headers or Headers())


def write(adapter: AnyStorage, path: str, data: bytes, headers: Headers) -> None:
    """Like `publish`."""
    with translated(path):
        validate_file_name(path, allow_relative_path=True)
        adapter.write(path, data, headers)


def start_write(
    adapter: AnyStorage,
    path: str,
    data: bytes,
    headers: Headers,
    *,
    took: Callable[[float], object],
) -> "Future[None]":
    """Like `publish`, but the result tells of the error.

    The file is written meanwhile, or, on a storage for one thread only, before this returns.

    Args:
        took: Called with the seconds that the write took, in the thread that wrote, also after an
            error.
    """
    if adapter.writes_at_once > 1:
        return side_by_side(_timed_write, adapter, path, data, headers, took)
    written: Future[None] = Future()
    try:
        _timed_write(adapter, path, data, headers, took)
    except Exception as error:  # noqa: BLE001 - raised by the result
        written.set_exception(error)
    else:
        written.set_result(None)
    return written


def _timed_write(
    adapter: AnyStorage, path: str, data: bytes, headers: Headers, took: Callable[[float], object]
) -> None:
    began = time.perf_counter()
    try:
        write(adapter, path, data, headers)
    finally:
        took(time.perf_counter() - began)


def open_original(storage: Storage, name: str, max_bytes: int) -> tuple[BinaryIO, FileInfo]:
    """Open the original at `name`, and return its version, too.

    Args:
        max_bytes: A file that is longer need not be complete.

    Raises:
        SourceMissing: the file does not exist.
        PathRefused: the storage does not accept the name.
        StorageRefused, StorageFailed: the storage did not answer.
    """
    with translated_source(name):
        return adapter_of(storage).open_with_info(name, max_bytes)


def source_version(storage: Storage, name: str) -> str:
    """Return the version of the original at `name`: it changes when the file is replaced.

    Raises:
        SourceMissing: the file does not exist.
        PathRefused: the storage does not accept the name.
        StorageRefused, StorageFailed: the storage did not answer.
    """
    return file_info(storage, name).version


def file_info(storage: Storage, name: str) -> FileInfo:
    """Return what the storage knows of the original at `name`.

    Raises:
        SourceMissing, PathRefused, StorageRefused, StorageFailed: as `source_version`.
    """
    with translated_source(name):
        return adapter_of(storage).info(name)


def file_infos(storage: Storage, names: Collection[str]) -> dict[str, FileInfo]:
    """Return what the storage knows of each file at `names`; missing ones are left out.

    Raises:
        PathRefused, StorageRefused, StorageFailed: as `source_version`.
    """
    with translated(next(iter(names), "")):
        return adapter_of(storage).infos(names)


def source_versions(storage: Storage, names: Collection[str]) -> dict[str, str]:
    """Return the version of each original at `names`; missing ones are left out.

    Raises:
        OSError: the storage did not answer.
    """
    return {name: info.version for name, info in adapter_of(storage).infos(names).items()}


def find_files(storage: Storage, groups: Iterable[Collection[str]]) -> dict[str, FileInfo | None]:
    """Return which files exist, with what the storage told of them meanwhile.

    Args:
        groups: Paths that stand side by side in a listing, such as all renditions of one original.

    Raises:
        OSError: the storage did not answer.
    """
    return adapter_of(storage).find(groups)


def list_files(storage: Storage, folder: str, beginning: str = "") -> list[str]:
    """Return the paths of the files in `folder` whose names begin with `beginning`.

    Raises:
        PathRefused: the storage does not accept the path.
        StorageRefused: the storage cannot list, or permission denied.
        StorageFailed: the storage did not answer.
    """
    try:
        with translated(folder):
            return list(adapter_of(storage).files_in(folder, beginning))
    except NotImplementedError as error:
        raise StorageRefused(f"{folder}: the storage cannot list files") from error


def walk_files(
    storage: Storage, folder: str = "", after: str = ""
) -> Iterator[tuple[str, FileInfo]]:
    """Yield the path of each file below `folder`, in an order that stays the same.

    Args:
        after: Path of a file; it and all files before it are left out. It may be gone.

    Raises:
        PathRefused: the storage does not accept the path.
        StorageRefused: the storage cannot list, or permission denied.
        StorageFailed: the storage did not answer.
    """
    files = adapter_of(storage).walk(folder, after)
    while True:
        # Not around the yield: an error of the caller is not one of the storage.
        try:
            with translated(folder or "."):
                found = next(files, None)
        except NotImplementedError as error:
            raise StorageRefused(f"{folder or '.'}: the storage cannot list files") from error
        if found is None:
            return
        yield found


def root_of(storage: Storage) -> str:
    """Return where `storage` keeps its files. A storage inside another one begins with its root.

    Unlike `storage_label`, it is the same for two storages that share their files.
    """
    return ":".join(adapter_of(storage).root())


def delete_files(storage: Storage, paths: Collection[str]) -> None:
    """Delete the files at `paths`; a missing file is no error.

    Raises:
        PathRefused: the storage does not accept a path.
        StorageRefused: permission denied.
        StorageFailed: the storage did not delete a file.
    """
    if not paths:
        return
    first = next(iter(paths))
    try:
        with translated(first):
            adapter_of(storage).delete(paths)
    except NotImplementedError as error:
        raise StorageRefused(f"{first}: the storage cannot delete files") from error


def storage_label(storage: Storage) -> str:
    """Return a name for `storage`, the same in every process of the project."""
    if storage is default_storage:
        return "default"
    key = id(storage)
    known = _labels.get(key)
    if known is None:
        known = _label(storage), ref(storage, lambda _: _labels.pop(key, None))
        _labels[key] = known
    label = known[0]
    if label not in storages.backends:
        _labelled[label] = storage
    return label


def _label(storage: Storage) -> str:
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
    return f"{type(storage).__module__}.{type(storage).__qualname__}:{location}"


def storage_named(label: str) -> Storage:
    """Return the storage that `storage_label` named in this process; else the default one."""
    if label in storages.backends:
        return storages[label]
    return _labelled.get(label, default_storage)


@receiver(setting_changed)
def _drop_labels(**_: Any) -> None:
    """Compute them again: STORAGES or a folder may be another one, which happens in tests only."""
    _labels.clear()


# By identity, because a storage may be equal to another one. Each URL needs the label.
_labels: dict[int, tuple[str, ref[Storage]]] = {}
# Weak, because a project may make a storage for each request.
_labelled: WeakValueDictionary[str, Storage] = WeakValueDictionary()
