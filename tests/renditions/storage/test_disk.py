"""A rendition is there whole or not at all, and what a killed process leaves goes away."""

import errno
import os
import time
from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage, Storage
from django.utils.deconstruct import deconstructible

from renditions.errors import StorageFailed, StorageRefused
from renditions.storage import disk as disk_storage
from renditions.storage import publish, storage_label
from renditions.storage.failures import PathRefused


@pytest.fixture
def storage(tmp_path: Path) -> FileSystemStorage:
    return FileSystemStorage(tmp_path / "media")


def files(storage: FileSystemStorage) -> set[str]:
    root = Path(storage.location)
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def left_over(storage: FileSystemStorage, age_s: float) -> Path:
    """Put what a process that was killed `age_s` ago would have left."""
    path = Path(storage.location) / disk_storage.FOLDER / f".x{age_s}{disk_storage.SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


def test_a_published_file_is_all_that_there_is(storage):
    """Nothing is left beside it."""
    publish(storage, "__sized__/a.jpg", b"new")

    assert files(storage) == {"__sized__/a.jpg"}


def test_a_failed_publication_leaves_the_old_file_and_nothing_else(storage, monkeypatch):
    """A disk that is full at the last step changes nothing."""
    publish(storage, "__sized__/a.jpg", b"old")

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed):
        publish(storage, "__sized__/a.jpg", b"new")

    assert files(storage) == {"__sized__/a.jpg"}
    assert Path(storage.path("__sized__/a.jpg")).read_bytes() == b"old"


def test_the_sweep_takes_the_dead_and_leaves_the_living(storage):
    """Age tells them apart: nobody writes for longer than a lease."""
    dead, live = left_over(storage, 100), left_over(storage, 5)

    assert disk_storage.sweep(storage, older_than_s=90) == 1
    assert not dead.exists()
    assert live.exists()


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EACCES, errno.EROFS])
def test_renditions_on_a_mount_of_their_own_are_written_beside_their_target(
    storage, monkeypatch, code
):
    """A rename from the hidden folder is impossible there; what was left before is swept."""
    rename = Path.replace

    def across(self: Path, target: Path) -> Path:
        if self.parent.name == disk_storage.FOLDER:
            raise OSError(code, os.strerror(code))
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", across)
    folder = Path(storage.path("__sized__"))
    folder.mkdir(parents=True)
    dead = folder / f".dead{disk_storage.SUFFIX}"
    dead.write_bytes(b"half")
    os.utime(dead, (0, 0))

    publish(storage, "__sized__/a.jpg", b"new")

    assert files(storage) == {"__sized__/a.jpg"}


def test_a_symlink_leads_no_rendition_out_of_the_storage(storage, tmp_path):
    """Whoever can put a symlink into the media folder can't have a worker write elsewhere."""
    outside = tmp_path / "outside"
    outside.mkdir()
    link = Path(storage.location) / "__sized__"
    link.parent.mkdir()
    link.symlink_to(outside)

    with pytest.raises(PathRefused, match="symlink"):
        publish(storage, "__sized__/a/b.jpg", b"new")

    assert not list(outside.iterdir())


def test_a_storage_that_is_itself_reached_by_a_symlink_is_fine(tmp_path):
    """Only a way out is refused."""
    (tmp_path / "real").mkdir()
    (tmp_path / "media").symlink_to(tmp_path / "real")

    publish(FileSystemStorage(tmp_path / "media"), "__sized__/a.jpg", b"new")

    assert (tmp_path / "real/__sized__/a.jpg").read_bytes() == b"new"


@pytest.mark.parametrize(
    "path", ["../a.jpg", "__sized__/../../a.jpg", "/etc/a.jpg", "a\0.jpg", f"{'x' * 300}.jpg"]
)
def test_a_path_that_can_not_be_is_refused_for_good(storage, path):
    """Repeating it would change nothing."""
    with pytest.raises(PathRefused):
        publish(storage, path, b"new")


def test_a_folder_that_nobody_may_write_to_is_no_passing_trouble(storage, monkeypatch):
    """Somebody has to change it, so it fails at once and says so."""

    def denied(*args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", denied)

    with pytest.raises(StorageRefused, match="Permission denied"):
        publish(storage, "__sized__/a.jpg", b"new")


def test_the_folder_that_nobody_may_write_to_is_named(storage, monkeypatch):
    """And not the file under a name of chance that could not be made in it."""

    def denied(self: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", denied)

    with pytest.raises(StorageRefused) as caught:
        publish(storage, "__sized__/a.jpg", b"new")

    assert str(caught.value).endswith(f"Permission denied: {storage.path('__sized__')!r}")


def test_two_storages_are_never_taken_for_one(tmp_path):
    """What is known of a name on the one says nothing of the same name on the other."""
    one, other = FileSystemStorage(tmp_path / "1"), FileSystemStorage(tmp_path / "2")

    assert storage_label(one) != storage_label(other)


def test_storages_of_one_class_that_were_made_differently_are_two():
    """A storage of a project's own need not have a folder or a bucket to tell it by."""

    @deconstructible
    class Shelf(Storage):
        def __init__(self, number: int) -> None:
            self.number = number

    assert storage_label(Shelf(1)) != storage_label(Shelf(2))
    assert storage_label(Shelf(1)) == storage_label(Shelf(1))


def test_what_may_not_be_removed_keeps_nothing_else_from_it(storage, monkeypatch, caplog):
    """An unfinished file of another user stays, and the log says so; the others go."""
    stuck, _ = left_over(storage, 90), left_over(storage, 91)
    for path in stuck.parent.iterdir():
        os.utime(path, (1, 1))
    unlink = Path.unlink

    def refusing(self: Path, missing_ok: bool = False) -> None:
        if self == stuck:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refusing)

    assert disk_storage.sweep(storage, older_than_s=60) == 1

    assert [stuck] == list(stuck.parent.iterdir())
    assert "cannot be deleted" in caplog.text
