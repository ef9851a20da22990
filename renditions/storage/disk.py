"""Files that are being written, in one hidden folder, so that those of a dead process are found."""

import errno
import logging
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.files.storage import FileSystemStorage, Storage

logger = logging.getLogger(__name__)

FOLDER = ".renditions-unfinished"
SUFFIX = ".unfinished"

# A rename needs one file system, and a folder that may be written to. Where renditions lie on a
# mount of their own, or the media root is read-only, the file is written beside its target.
_NOT_FROM_HERE = {errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS}
# A file beside its target is one that only the next publication into that folder can find.
_SURELY_DEAD_S = 3600.0


def put(storage: FileSystemStorage, target: Path, data: bytes) -> None:
    """Make `target` hold `data`: a reader sees the old file or the new one, at any kill point."""
    hidden = Path(storage.location) / FOLDER
    try:
        hidden.mkdir(exist_ok=True)
        _put_through(hidden, target, data, storage.file_permissions_mode)
    except OSError as error:
        if error.errno not in _NOT_FROM_HERE:
            raise
        _sweep_folder(target.parent, _SURELY_DEAD_S)
        _put_through(target.parent, target, data, storage.file_permissions_mode)


def sweep(storage: Storage, *, older_than_s: float) -> int:
    """Remove what killed processes left unfinished on `storage`; return how many files.

    Args:
        older_than_s: Longer than anybody who is still alive may have been writing.
    """
    if not isinstance(storage, FileSystemStorage):
        # An object store shows no file before it is whole.
        return 0
    return _sweep_folder(Path(storage.location) / FOLDER, older_than_s)


def _put_through(folder: Path, target: Path, data: bytes, mode: int | None) -> None:
    with _temporary(folder) as temporary:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            # Without it a power cut may leave the new name with no content.
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
            # Whoever reads it can do something about the folder only.
            error.filename = str(folder)
        raise


def _sweep_folder(folder: Path, older_than_s: float) -> int:
    dead = [path for path in folder.glob(f".*{SUFFIX}") if _age_s(path) > older_than_s]
    return sum(_removed(path) for path in dead)


def _removed(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        # Of another user, perhaps; it is only in the way.
        logger.warning("An unfinished file cannot be removed: %s", error)
        return False
    return True


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        # Its owner has just finished it, or nobody may look at it.
        return 0
