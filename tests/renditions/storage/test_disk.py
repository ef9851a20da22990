"""A rendition in a folder is complete or absent, and unfinished files are deleted later."""

import errno
import os
import stat
import threading
import time
from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage

from renditions.errors import StorageFailed, StorageRefused
from renditions.storage import disk, publish
from renditions.storage.failures import PathRefused


@pytest.fixture
def storage(tmp_path: Path) -> FileSystemStorage:
    return FileSystemStorage(tmp_path / "media")


def files(storage: FileSystemStorage) -> set[str]:
    root = Path(storage.location)
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def unfinished_file(storage: FileSystemStorage, age_s: float) -> Path:
    """Return a file that a process left when it was killed `age_s` ago."""
    path = Path(storage.location) / disk.FOLDER / f".x{age_s}{disk.SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


def raising(error: BaseException):
    def raise_it(*args: object, **kwargs: object) -> None:
        raise error

    return raise_it


def test_a_write_leaves_no_other_file(storage):
    publish(storage, "__sized__/a.jpg", b"old")
    publish(storage, "__sized__/a.jpg", b"new")

    assert files(storage) == {"__sized__/a.jpg"}


def test_a_failed_write_leaves_the_old_file_and_no_other(storage, monkeypatch):
    publish(storage, "__sized__/a.jpg", b"old")
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(os, "fsync", raising(full))

    with pytest.raises(StorageFailed, match=r"__sized__/a\.jpg: .*No space left"):
        publish(storage, "__sized__/a.jpg", b"new")

    assert files(storage) == {"__sized__/a.jpg"}
    assert Path(storage.path("__sized__/a.jpg")).read_bytes() == b"old"


def test_an_interrupt_leaves_no_unfinished_file(storage, monkeypatch):
    monkeypatch.setattr(os, "fsync", raising(KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        publish(storage, "a.jpg", b"new")

    assert files(storage) == set()


def test_a_reader_sees_the_old_file_or_the_new_one(storage):
    """A reader never sees a half-written file, however many writers there are."""
    contents = [bytes([number]) * 300_000 for number in range(4)]
    publish(storage, "a.jpg", contents[0])
    done = threading.Event()

    def write():
        for _ in range(10):
            for content in contents:
                publish(storage, "a.jpg", content)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    found = set()
    while not done.is_set():
        found.add(Path(storage.path("a.jpg")).read_bytes())
    writer.join()

    assert found <= set(contents)


def test_the_sweep_deletes_only_old_unfinished_files(storage):
    """A younger file may still be written: the age is longer than a lease."""
    dead, live = unfinished_file(storage, 100), unfinished_file(storage, 5)

    assert disk.sweep(storage, older_than_s=90) == 1
    assert not dead.exists()
    assert live.exists()


def test_the_sweep_continues_after_a_file_that_cannot_be_deleted(storage, monkeypatch, caplog):
    """Another user may own an unfinished file; the log names it."""
    stuck, _ = unfinished_file(storage, 90), unfinished_file(storage, 91)
    for path in stuck.parent.iterdir():
        os.utime(path, (1, 1))
    unlink = Path.unlink

    def refusing(self: Path, missing_ok: bool = False) -> None:
        if self == stuck:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refusing)

    assert disk.sweep(storage, older_than_s=60) == 1

    assert [stuck] == list(stuck.parent.iterdir())
    assert "cannot be deleted" in caplog.text


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EACCES, errno.EROFS])
def test_renditions_on_their_own_mount_are_written_beside_their_target(storage, monkeypatch, code):
    """A rename from the hidden folder fails there; old unfinished files are deleted."""
    rename = Path.replace

    def failing_from_the_hidden_folder(self: Path, target: Path) -> Path:
        if self.parent.name == disk.FOLDER:
            raise OSError(code, os.strerror(code))
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", failing_from_the_hidden_folder)
    folder = Path(storage.path("__sized__"))
    folder.mkdir(parents=True)
    dead = folder / f".dead{disk.SUFFIX}"
    dead.write_bytes(b"half")
    os.utime(dead, (0, 0))

    publish(storage, "__sized__/a.jpg", b"new")

    assert files(storage) == {"__sized__/a.jpg"}


def test_a_symlink_out_of_the_storage_is_refused(storage, tmp_path):
    """A user who can create a symlink in the media folder cannot let a worker write elsewhere."""
    outside = tmp_path / "outside"
    outside.mkdir()
    link = Path(storage.location) / "__sized__"
    link.parent.mkdir()
    link.symlink_to(outside)

    with pytest.raises(PathRefused, match="symlink"):
        publish(storage, "__sized__/a/b.jpg", b"new")

    assert not list(outside.iterdir())


def test_the_media_folder_may_be_a_symlink(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "media").symlink_to(tmp_path / "real")

    publish(FileSystemStorage(tmp_path / "media"), "__sized__/a.jpg", b"new")

    assert (tmp_path / "real/__sized__/a.jpg").read_bytes() == b"new"


@pytest.mark.parametrize("path", ["a\0.jpg", f"{'x' * 300}.jpg"])
def test_a_name_that_no_file_can_have_is_refused(storage, path):
    """The error is permanent, because a second attempt cannot help."""
    with pytest.raises(PathRefused):
        publish(storage, path, b"new")


def test_a_folder_without_permission_is_a_permanent_error(storage, monkeypatch):
    denied = PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr(Path, "mkdir", raising(denied))

    with pytest.raises(StorageRefused, match="Permission denied"):
        publish(storage, "__sized__/a.jpg", b"new")


def test_the_error_names_the_folder_without_permission(storage, monkeypatch):
    """The name of the temporary file would not help an operator."""

    def denied(self: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", denied)

    with pytest.raises(StorageRefused) as caught:
        publish(storage, "__sized__/a.jpg", b"new")

    assert str(caught.value).endswith(f"Permission denied: {storage.path('__sized__')!r}")


def test_files_and_folders_have_the_permissions_of_the_storage(tmp_path):
    disk = FileSystemStorage(
        tmp_path / "disk", file_permissions_mode=0o640, directory_permissions_mode=0o2750
    )

    publish(disk, "p/q/a.jpg", b"x")

    assert stat.S_IMODE(Path(disk.path("p/q/a.jpg")).stat().st_mode) == 0o640
    assert stat.S_IMODE(Path(disk.path("p/q")).stat().st_mode) == 0o2750
    assert stat.S_IMODE(Path(disk.path("p")).stat().st_mode) == 0o2750


def test_without_permissions_the_umask_applies(storage, settings):
    """This is also so for Django's own uploads."""
    settings.FILE_UPLOAD_PERMISSIONS = None
    before = os.umask(0o027)
    try:
        publish(storage, "p/a.jpg", b"x")
    finally:
        os.umask(before)

    assert stat.S_IMODE(Path(storage.path("p/a.jpg")).stat().st_mode) == 0o640
