"""A folder: files appear whole under their names, and those of a dead process are found.

A file is written in one hidden folder and then renamed, so a half-written file never has the name
of a rendition, and all unfinished files are in one place.
"""

import errno
import logging
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeGuard

from django.core.files.storage import FileSystemStorage, Storage

from .failures import PathRefused

logger = logging.getLogger(__name__)

FOLDER = ".renditions-unfinished"
SUFFIX = ".unfinished"

# A rename works inside one file system and in a folder that may be written to. If renditions are on
# their own mount, or the media root is read-only, the file is written beside its target.
_CANNOT_RENAME = {errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS}
# Only the next publication into the same folder finds an unfinished file beside its target.
_SURELY_DEAD_S = 3600.0


def is_folder(storage: Storage) -> TypeGuard[FileSystemStorage]:
    """Whether `storage` is a folder that saves files as Django's own storage does.

    A storage that encrypts, mirrors or counts relies on each file going through its own `save`.
    """
    # Not type(): the default storage is a proxy for another.
    cls: Any = storage.__class__
    return issubclass(cls, FileSystemStorage) and all(
        getattr(cls, name) is getattr(FileSystemStorage, name) for name in ("save", "_save")
    )


def publish_atomically(storage: FileSystemStorage, path: str, data: bytes) -> None:
    """Make `path` hold `data` by an atomic write.

    Raises:
        PathRefused: a symlink leads out of the storage.
        OSError: the file could not be written.
    """
    target = Path(storage.path(path))
    _refuse_way_out(storage, target)
    _make_folder(target.parent, storage)
    _write_atomically(storage, target, data)


def sweep(storage: Storage, *, older_than_s: float) -> int:
    """Delete the unfinished files that killed processes left on `storage`; return how many.

    Args:
        older_than_s: Longer than any living process may have been writing.
    """
    if not isinstance(storage, FileSystemStorage):
        # An object store shows no file before it is whole.
        return 0
    return _sweep_folder(Path(storage.location) / FOLDER, older_than_s)


def _refuse_way_out(storage: FileSystemStorage, target: Path) -> None:
    """Let no symlink inside the storage lead a rendition out of it."""
    root = Path(storage.location).resolve()
    if not target.parent.resolve().is_relative_to(root):
        raise PathRefused(
            f"{target} leads out of the storage by a symlink, to {target.parent.resolve()}. "
            "Mount the other place there, or give the renditions their own storage."
        )


def _make_folder(folder: Path, storage: FileSystemStorage) -> None:
    mode = storage.directory_permissions_mode
    if mode is None:
        folder.mkdir(parents=True, exist_ok=True)
        return
    # Every folder that is made gets the mode, whatever the umask says.
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir(exist_ok=True)
        parent.chmod(mode)


def _write_atomically(storage: FileSystemStorage, target: Path, data: bytes) -> None:
    """Write beside and rename: at any kill point a reader sees the old file or the new one."""
    hidden = Path(storage.location) / FOLDER
    try:
        hidden.mkdir(exist_ok=True)
        _put_through(hidden, target, data, storage.file_permissions_mode)
    except OSError as error:
        if error.errno not in _CANNOT_RENAME:
            raise
        _sweep_folder(target.parent, _SURELY_DEAD_S)
        _put_through(target.parent, target, data, storage.file_permissions_mode)


def _put_through(folder: Path, target: Path, data: bytes, mode: int | None) -> None:
    with _temporary(folder) as temporary:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            # Without fsync, a power cut may leave the new name without content.
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(target)


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    path = folder / f".{secrets.token_hex(8)}{SUFFIX}"
    try:
        yield path
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError) and str(error.filename) == str(path):
            # An operator can mend the folder; the temporary name says nothing to them.
            error.filename = str(folder)
        raise


def _sweep_folder(folder: Path, older_than_s: float) -> int:
    dead = [path for path in folder.glob(f".*{SUFFIX}") if _age_s(path) > older_than_s]
    return sum(_removed(path) for path in dead)


def _removed(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        # It may be of another user, and does no harm.
        logger.warning("An unfinished file cannot be deleted: %s", error)
        return False
    return True


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        # Its writer has just finished it, or permission is denied.
        return 0
