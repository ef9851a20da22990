"""Read and write any Django storage, with nothing but the methods that Django documents."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from posixpath import join
from typing import BinaryIO, cast

from django.core.exceptions import SuspiciousOperation
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.utils.timezone import is_naive, make_aware

from renditions.errors import StorageFailed, StorageRefused

# The version of a file on a storage that tells neither size nor date.
UNVERSIONED = "unversioned"


@dataclass(frozen=True, slots=True)
class FileInfo:
    """The facts that a storage knows about a file."""

    version: str  # changes when the file is replaced
    modified: datetime | None  # always aware; None: the storage has no dates
    size: int | None = None  # in bytes; None: the storage does not tell it


@dataclass(frozen=True, slots=True)
class Headers:
    """What a browser is told together with a file. Only an object store keeps it."""

    content_type: str | None = None  # None: the storage guesses it from the name
    cache_control: str | None = None  # None: the storage decides


class AnyStorage:
    """The operations that renditions need. A subclass does them in fewer steps.

    Every method raises `FileNotFoundError` if the file is missing, and otherwise whatever the
    storage raises.
    """

    # Number of files that may be written at the same time. A storage of the project may use a
    # database, and a thread would leak its connection; so it is used by one thread only.
    writes_at_once = 1

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def root(self) -> tuple[str, str]:
        """Return the place that the storage writes to, and what comes before each path there.

        Two storages may write to one place, for example to a folder and to a folder inside it.
        """
        bucket = getattr(self.storage, "bucket_name", None)
        if bucket:
            # Of any class: a subclass of the project may write to the bucket of another storage.
            location = str(getattr(self.storage, "location", "") or "").strip("/")
            return f"bucket {bucket}", join(location, "") if location else ""
        # Two objects of one class with the same arguments.
        return _described(self.storage), ""

    def open(self, name: str, max_bytes: int) -> BinaryIO:
        """Open the file at `name`.

        Args:
            max_bytes: A file that is longer need not be read to its end.
        """
        file = cast("BinaryIO", self.storage.open(name, "rb"))
        # Some storages fetch the file only when it is used.
        file.seek(0)
        return file

    def open_with_info(self, name: str, max_bytes: int) -> tuple[BinaryIO, FileInfo]:
        """Like `open`; also return what the storage knows of the file."""
        # The version first: if the file is replaced in between, its renditions count as stale.
        info = self.info(name)
        return self.open(name, max_bytes), info

    def info(self, name: str) -> FileInfo:
        """Return what the storage knows of the file at `name`.

        Size and date are optional in a Django storage. Without them every content under a name has
        one version: only a save tells that it was replaced.
        """
        try:
            return self._told(name)
        except (OSError, SuspiciousOperation, ValueError):
            raise
        # Some clients have their own error for a missing file: google.cloud.exceptions.NotFound.
        except Exception as error:
            if self._may_exist(name):
                raise
            raise FileNotFoundError(name) from error

    def _told(self, name: str) -> FileInfo:
        parts = []
        size = modified = None
        with suppress(NotImplementedError):
            size = self.storage.size(name)
            parts.append(str(size))
        with suppress(NotImplementedError):
            modified = self.storage.get_modified_time(name)
            if is_naive(modified):  # with USE_TZ off
                modified = make_aware(modified)
            parts.append(f"{modified.timestamp():.6f}")
        return FileInfo("-".join(parts) or UNVERSIONED, modified, size)

    def infos(self, names: Collection[str]) -> dict[str, FileInfo]:
        """Return what the storage knows of the files at `names`; missing ones are left out."""
        found = {}
        for name in names:
            with suppress(FileNotFoundError, SuspiciousOperation, ValueError):
                found[name] = self.info(name)
        return found

    def find(self, groups: Iterable[Collection[str]]) -> dict[str, FileInfo | None]:
        """Return which of the files exist, with what is known of them without another question.

        Args:
            groups: Paths that probably stand side by side in a listing, such as all renditions of
                one original.
        """
        return {path: None for group in groups for path in group if self._exists(path)}

    def files_in(self, folder: str, beginning: str = "") -> Iterator[str]:
        """Yield the paths of the files in `folder` whose names begin with `beginning`.

        They come in any order, and without those of subfolders. A missing folder has no files.

        Raises:
            NotImplementedError: the storage cannot list.
        """
        try:
            _, names = self.storage.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        yield from (join(folder, name) for name in names if name.startswith(beginning))

    def walk(self, folder: str, after: str = "") -> Iterator[tuple[str, FileInfo]]:
        """Yield the files in `folder` and its subfolders, in an order that stays the same.

        Files may come and go meanwhile: each file that stays is yielded once.

        Args:
            folder: An empty text: the whole storage.
            after: Path of a file; it and all files before it are left out. It may be gone.

        Raises:
            NotImplementedError: the storage cannot list.
        """
        done = after.removeprefix(join(folder, "")) if folder else after
        for path in self._paths(folder, done.split("/") if done else ()):
            with suppress(FileNotFoundError):
                yield path, self.info(path)

    def _paths(self, folder: str, after: Sequence[str]) -> Iterator[str]:
        """Yield the paths of the files below `folder`, depth first.

        Args:
            after: The parts of the last path that is left out, below `folder`.
        """
        first = after[0] if after else ""
        for name, is_folder in self._entries(folder, first):
            path = join(folder, name)
            if is_folder:
                yield from self._paths(path, after[1:] if name == first else ())
            elif name != first:
                yield path

    def _entries(self, folder: str, first: str) -> Iterator[tuple[str, bool]]:
        """Yield (name, is it a folder) of what is in `folder`, sorted, from the name `first` on."""
        try:
            folders, names = self.storage.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        found = [(name, False) for name in names] + [(name, True) for name in folders]
        yield from sorted(entry for entry in found if entry[0] and entry[0] >= first)

    def delete(self, paths: Collection[str]) -> None:
        """Delete files. A missing one is no error.

        Raises:
            NotImplementedError: the storage cannot delete.
        """
        for path in paths:
            with suppress(FileNotFoundError):
                self.storage.delete(path)

    def _may_exist(self, name: str) -> bool:
        try:
            return self._exists(name)
        except NotImplementedError:
            # It is optional, too.
            return True

    def _exists(self, path: str) -> bool:
        try:
            return self.storage.exists(path)
        except (SuspiciousOperation, ValueError):
            # The storage accepts no file at this path. The attempt to write it tells why.
            return False

    def write(self, path: str, data: bytes, headers: Headers) -> None:
        """Write `data` to exactly `path`. A reader sees the old file or the new one.

        A Django storage may choose another name if the name exists, and no page links to a renamed
        rendition. So the old file is deleted first, and saved again.

        Raises:
            StorageFailed: the storage renamed the file twice.
            StorageRefused: the name is taken, and the storage cannot delete.
        """
        saved = self.storage.save(path, _typed(data, headers))
        if saved == path:
            return
        try:
            self.storage.delete(path)
        except NotImplementedError as error:
            raise StorageRefused(
                f"{path}: the storage neither replaces nor deletes files"
            ) from error
        retried = self.storage.save(path, _typed(data, headers))
        self.storage.delete(saved)
        if retried != path:
            self.storage.delete(retried)
            raise StorageFailed(f"{path}: the storage renamed it to {retried!r}.")


def _described(storage: Storage) -> str:
    cls, arguments = storage.__class__, getattr(storage, "_constructor_args", "")
    return f"{cls.__module__}.{cls.__qualname__}:{arguments!r}"


def overrides(storage: Storage, base: type[Storage], *methods: str) -> bool:
    """Whether the class of `storage` has other `methods` than `base`, which it inherits from."""
    # Not type(): the default storage is a proxy object.
    cls: type[Storage] = storage.__class__
    return any(getattr(cls, name) is not getattr(base, name) for name in methods)


def _typed(data: bytes, headers: Headers) -> "ContentFile[bytes]":
    """Return `data` as a file with its content type; an object store serves it with this type."""
    file = ContentFile(data)
    if headers.content_type:
        file.content_type = headers.content_type  # type: ignore[attr-defined]
    return file
