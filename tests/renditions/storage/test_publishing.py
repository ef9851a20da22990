import os
import stat
import threading
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, default_storage, storages

from renditions.errors import StorageFailed
from renditions.storage import delete_file, publish, storage_label
from renditions.storage.failures import PathRefused
from tests.conftest import four_corners


@pytest.fixture
def disk(tmp_path):
    return FileSystemStorage(tmp_path / "disk")


class Renaming(InMemoryStorage):
    """Renames on collision, as most storages do."""


class Encrypting(FileSystemStorage):
    """Keeps nothing on disk that can be read there."""

    def _save(self, name, content):
        return super()._save(name, ContentFile(flipped(content.read())))

    def _open(self, name, mode="rb"):
        with super()._open(name, mode) as file:
            return ContentFile(flipped(file.read()), name)


class Mirroring(FileSystemStorage):
    """Tells of what it has saved."""

    def save(self, name, content, max_length=None):
        saved = super().save(name, content, max_length)
        Path(self.path(f"{saved}.mirrored")).touch()
        return saved


class Typed(InMemoryStorage):
    """Remembers what files were said to be."""

    def _save(self, name, content):
        self.type = content.content_type
        return super()._save(name, content)


class AlwaysRenaming(InMemoryStorage):
    """Never writes where it is told to."""

    def get_available_name(self, name, max_length=None):
        return f"x-{name}"


def flipped(data):
    return bytes(byte ^ 255 for byte in data)


def read(storage, path):
    with storage.open(path) as file:
        return file.read()


def files_on(disk):
    """Return every file, hidden ones included."""
    return [path.name for path in Path(disk.location).rglob("*") if path.is_file()]


NAMES = ["a.jpg", "p/q/a.jpg", "a b/c d.jpg", "ü/日本.jpg", "%2e.jpg", "a'\"&;.jpg", "x" * 200]


@pytest.mark.parametrize("name", NAMES)
def test_bytes_lie_at_exactly_the_path(disk, name):
    """Whatever it is called."""
    publish(disk, name, b"one")
    publish(disk, name, b"two")

    assert read(disk, name) == b"two"


def test_nothing_is_left_but_the_file(disk):
    """No temporary file, no renamed copy."""
    publish(disk, "p/a.jpg", b"one")
    publish(disk, "p/a.jpg", b"two")

    assert disk.listdir("p") == ([], ["a.jpg"])


@pytest.mark.parametrize("path", ["../a.jpg", "/etc/a.jpg", "p/../../a.jpg", ".."])
def test_a_path_out_of_the_storage_is_refused(disk, path):
    """For good: repeating would not help."""
    with pytest.raises(PathRefused, match="not allowed"):
        publish(disk, path, b"x")


def test_a_failed_write_leaves_the_old_file(disk, monkeypatch):
    """And no temporary one."""
    publish(disk, "a.jpg", b"old")
    monkeypatch.setattr(os, "fsync", raising(OSError("disk full")))

    with pytest.raises(StorageFailed, match=r"a\.jpg: disk full"):
        publish(disk, "a.jpg", b"new")

    assert read(disk, "a.jpg") == b"old"
    assert files_on(disk) == ["a.jpg"]


def test_an_interrupt_leaves_no_temporary_file(disk, monkeypatch):
    """Not even one that is no error."""
    monkeypatch.setattr(os, "fsync", raising(KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        publish(disk, "a.jpg", b"new")

    assert files_on(disk) == []


def test_a_reader_sees_the_old_file_or_the_new_one(disk):
    """Never a part of either, while writers are at it."""
    contents = [bytes([number]) * 300_000 for number in range(4)]
    publish(disk, "a.jpg", contents[0])
    done = threading.Event()

    def write():
        for _ in range(10):
            for content in contents:
                publish(disk, "a.jpg", content)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(read(disk, "a.jpg"))
    writer.join()

    assert seen <= set(contents)


def test_the_storage_says_who_may_read(tmp_path):
    """Its permissions hold for the file and for every folder that is made."""
    disk = FileSystemStorage(
        tmp_path / "disk", file_permissions_mode=0o640, directory_permissions_mode=0o2750
    )

    publish(disk, "p/q/a.jpg", b"x")

    assert stat.S_IMODE(Path(disk.path("p/q/a.jpg")).stat().st_mode) == 0o640
    assert stat.S_IMODE(Path(disk.path("p/q")).stat().st_mode) == 0o2750
    assert stat.S_IMODE(Path(disk.path("p")).stat().st_mode) == 0o2750


def test_without_permissions_the_umask_holds(disk, settings):
    """As for Django's own uploads."""
    settings.FILE_UPLOAD_PERMISSIONS = None
    before = os.umask(0o027)
    try:
        publish(disk, "p/a.jpg", b"x")
    finally:
        os.umask(before)

    assert stat.S_IMODE(Path(disk.path("p/a.jpg")).stat().st_mode) == 0o640


def test_a_storage_that_renames_is_made_to_keep_the_name():
    """A renamed rendition is one that nobody links to."""
    storage = Renaming()
    publish(storage, "p/a.jpg", b"one")
    publish(storage, "p/a.jpg", b"two")

    assert read(storage, "p/a.jpg") == b"two"
    assert storage.listdir("p") == ([], ["a.jpg"])


@pytest.mark.parametrize(
    ("storage", "lies_there"),
    [
        (Encrypting, {"a.jpg": flipped(b"one")}),
        (Mirroring, {"a.jpg": b"one", "a.jpg.mirrored": b""}),
    ],
)
def test_a_disk_with_a_way_of_its_own_is_asked_to_save(tmp_path, storage, lies_there):
    """Its project relies on every file going through it."""
    disk = storage(tmp_path / "disk")

    publish(disk, "a.jpg", b"one")

    assert read(disk, "a.jpg") == b"one"
    folder = Path(disk.location)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == lies_there


@pytest.mark.parametrize(
    ("name", "mime"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")]
)
def test_an_object_store_is_told_what_the_file_is(name, mime):
    """By its content: what is called `.jpg` may be anything."""
    storage = Typed()

    publish(storage, "a.jpg", four_corners(9, 9, name))

    assert storage.type == mime


def test_a_storage_that_never_keeps_a_name_fails():
    """And is not littered."""
    storage = AlwaysRenaming()

    with pytest.raises(StorageFailed, match=r"wrote 'x-a\.jpg' instead"):
        publish(storage, "a.jpg", b"x")

    assert storage.listdir("") == ([], [])


def test_what_is_withdrawn_is_gone(disk):
    """And withdrawing it again is no error."""
    disk.save("a.jpg", ContentFile(b"x"))

    delete_file(disk, "a.jpg")
    delete_file(disk, "a.jpg")

    assert not disk.exists("a.jpg")


def test_a_label_is_the_alias_of_the_storage(settings, tmp_path):
    """It is the same in every process, because records are found by it."""
    settings.STORAGES = {
        **settings.STORAGES,
        "other": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path, "base_url": "/other/"},
        },
    }

    assert storage_label(default_storage) == "default"
    assert storage_label(storages["default"]) == "default"
    assert storage_label(storages["other"]) == "other"


def test_storages_without_an_alias_are_told_apart(tmp_path):
    """By their class and their place."""
    one = FileSystemStorage(tmp_path / "one", base_url="/one/")
    two = FileSystemStorage(tmp_path / "two", base_url="/two/")
    same = FileSystemStorage(tmp_path / "one", base_url="/one/")

    assert storage_label(one) != storage_label(two)
    assert storage_label(one) == storage_label(same)


def test_storages_with_one_address_are_told_apart(tmp_path):
    """Without a base_url the folder decides."""
    one = FileSystemStorage(tmp_path / "one")
    two = FileSystemStorage(tmp_path / "two")

    assert storage_label(one) != storage_label(two)


def raising(error):
    def raise_it(*args, **kwargs):
        raise error

    return raise_it


def test_bytes_are_taken_as_they_are(disk):
    """No mode of text changes them."""
    data = bytes(range(256)) + b"\r\n"

    publish(disk, "a.jpg", BytesIO(data).getvalue())

    assert read(disk, "a.jpg") == data
