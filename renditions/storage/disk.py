"""Folders: files are written atomically, and unfinished files of dead processes are deleted.

A file is written in one hidden folder and then renamed. So a half-written file never has the name
of a rendition, and the sweep finds all unfinished files in one folder.
"""

import errno
import heapq
import logging
import os
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeGuard

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import FileSystemStorage, Storage

from .any import AnyStorage, FileInfo, Headers, overrides
from .failures import PathRefused

logger = logging.getLogger(__name__)

FOLDER = ".renditions-unfinished"
SUFFIX = ".unfinished"

# A rename works only inside one file system, and only into a writable folder. If renditions are on
# their own mount, or the media root is read-only, the file is written beside its target.
_CANNOT_RENAME = {errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS}
# The sweep does not look beside targets, so the next write into the same folder does.
_STALE_AFTER_S = 3600.0
# A walk has this many names of a folder in memory. It reads the folder again for the next ones.
NAMES_AT_ONCE = 10_000


def is_folder(storage: Storage) -> TypeGuard[FileSystemStorage]:
    """Whether `storage` is a folder with Django's own `save`.

    A subclass that encrypts, mirrors or counts files needs its own `save` to be called.
    """
    return isinstance(storage, FileSystemStorage) and not overrides(
        storage, FileSystemStorage, "save", "_save"
    )


class Folder(AnyStorage):
    """A folder. The operating system answers, unless the project's own methods have to."""

    storage: FileSystemStorage

    def root(self) -> tuple[str, str]:
        return "folder", f"{os.path.realpath(self.storage.location)}{os.sep}"

    def open_with_info(self, name: str, max_bytes: int) -> tuple[BinaryIO, FileInfo]:
        if overrides(self.storage, FileSystemStorage, "open", "_open", *_LOOKS):
            return super().open_with_info(name, max_bytes)
        # Of the open file, so that the version is that of the content even if it is replaced now.
        file = Path(self.storage.path(name)).open("rb")  # noqa: SIM115
        return file, _info(os.fstat(file.fileno()))

    def info(self, name: str) -> FileInfo:
        if overrides(self.storage, FileSystemStorage, *_LOOKS):
            return super().info(name)
        return _info(Path(self.storage.path(name)).stat())

    def infos(self, names: Collection[str]) -> dict[str, FileInfo]:
        if overrides(self.storage, FileSystemStorage, *_LOOKS):
            return super().infos(names)
        return {name: _info(stat) for name, stat in self._stats(names)}

    def find(self, groups: Iterable[Collection[str]]) -> dict[str, FileInfo | None]:
        if overrides(self.storage, FileSystemStorage, *_LOOKS):
            return super().find(groups)
        paths = (path for group in groups for path in group)
        return {path: None for path, _ in self._stats(paths)}

    def _stats(self, paths: Iterable[str]) -> Iterator[tuple[str, os.stat_result]]:
        located = self._locator()
        for path in paths:
            try:
                yield path, os.stat(located(path))  # noqa: PTH116 - it takes twice as long
            except (OSError, SuspiciousOperation, ValueError):
                # A path that cannot be looked up is no file, as for `Path.exists`.
                continue

    def walk(self, folder: str, after: str = "") -> Iterator[tuple[str, FileInfo]]:
        # A file that two paths lead to would be deleted under the one that no row names. So a walk
        # follows no symlink to a folder.
        top = Path(self.storage.path(folder))
        if top.resolve() == Path(self.storage.location).resolve() / folder:
            yield from super().walk(folder, after)

    def _entries(self, folder: str, first: str) -> Iterator[tuple[str, bool]]:
        if overrides(self.storage, FileSystemStorage, "listdir", "path"):
            yield from super()._entries(folder, first)
            return
        path = self.storage.path(folder)
        found = heapq.nsmallest(NAMES_AT_ONCE, (e for e in _scan(path) if e[0] >= first))
        while found:
            yield from found
            if len(found) < NAMES_AT_ONCE:
                return
            last = found[-1][0]
            found = heapq.nsmallest(NAMES_AT_ONCE, (e for e in _scan(path) if e[0] > last))

    def write(self, path: str, data: bytes, headers: Headers) -> None:
        if is_folder(self.storage):
            publish_atomically(self.storage, path, data)
        else:
            super().write(path, data, headers)

    def _locator(self) -> Callable[[str], str]:
        """Return a function that returns the absolute path of a file.

        `safe_join` costs more than the question to the system.
        """
        if overrides(self.storage, FileSystemStorage, "path"):
            return self.storage.path
        # The storage may be a proxy, which makes each access to an attribute slow.
        folder, path_of = f"{self.storage.location}{os.sep}", self.storage.path

        def located(path: str) -> str:
            is_plain = not path.startswith("/") and ".." not in path and "\\" not in path
            return folder + path if is_plain else path_of(path)

        return located


# The methods of a storage that say something about a file.
_LOOKS = ("exists", "size", "get_modified_time")


def _scan(folder: str) -> Iterator[tuple[str, bool]]:
    """Yield (name, is it a folder) of the files and folders in `folder`, in any order."""
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield entry.name, True
            elif entry.is_file():
                yield entry.name, False


def _info(stat: os.stat_result) -> FileInfo:
    modified = datetime.fromtimestamp(stat.st_mtime, UTC)
    return FileInfo(f"{stat.st_size}-{stat.st_mtime:.6f}", modified, stat.st_size)


def publish_atomically(storage: FileSystemStorage, path: str, data: bytes) -> None:
    """Write `data` to `path` by an atomic write.

    Raises:
        PathRefused: a symlink leads out of the storage.
        OSError: the file could not be written.
    """
    target = Path(storage.path(path))
    _refuse_symlink_out(storage, target)
    _make_folder(target.parent, storage)
    _write_atomically(storage, target, data)


def sweep(storage: Storage, *, older_than_s: float) -> int:
    """Delete the unfinished files that killed processes left on `storage`; return the count.

    Args:
        older_than_s: Longer than any living process can need to write one file.
    """
    if not isinstance(storage, FileSystemStorage):
        # An object store shows only complete files.
        return 0
    return _sweep_folder(Path(storage.location) / FOLDER, older_than_s)


def _refuse_symlink_out(storage: FileSystemStorage, target: Path) -> None:
    root = Path(storage.location).resolve()
    folder = target.parent.resolve()
    if not folder.is_relative_to(root):
        raise PathRefused(
            f"A symlink leads {target} out of the storage, to {folder}. Mount that folder inside "
            "the storage instead."
        )


def _make_folder(folder: Path, storage: FileSystemStorage) -> None:
    mode = storage.directory_permissions_mode
    if mode is None:
        folder.mkdir(parents=True, exist_ok=True)
        return
    # mkdir(mode=...) is not enough: it applies the umask, and gives parents the default mode.
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(exist_ok=True)
        parent.chmod(mode)


def _write_atomically(storage: FileSystemStorage, target: Path, data: bytes) -> None:
    """Write to another file and rename it: at any kill point `target` is the old or the new one."""
    hidden = Path(storage.location) / FOLDER
    try:
        hidden.mkdir(exist_ok=True)
        _write_and_rename(hidden, target, data, storage.file_permissions_mode)
    except OSError as error:
        if error.errno not in _CANNOT_RENAME:
            raise
        _sweep_folder(target.parent, _STALE_AFTER_S)
        _write_and_rename(target.parent, target, data, storage.file_permissions_mode)


def _write_and_rename(folder: Path, target: Path, data: bytes, mode: int | None) -> None:
    with _temporary_path(folder) as temporary:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            # Without fsync, the file may be empty after a power cut.
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(target)


@contextmanager
def _temporary_path(folder: Path) -> Iterator[Path]:
    path = folder / f".{secrets.token_hex(8)}{SUFFIX}"
    try:
        yield path
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError) and str(error.filename) == str(path):
            # An operator can repair the folder; the temporary name would not help them.
            error.filename = str(folder)
        raise


def _sweep_folder(folder: Path, older_than_s: float) -> int:
    stale = [path for path in folder.glob(f".*{SUFFIX}") if _age_s(path) > older_than_s]
    return sum(_delete(path) for path in stale)


def _delete(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        # Another user may own the file. It is harmless, so the other files are still deleted.
        logger.warning("An unfinished file cannot be deleted: %s", error)
        return False
    return True


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        # Its writer has renamed it meanwhile, or permission is denied.
        return 0
