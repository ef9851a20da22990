"""Storages that are written through their own `save`."""

from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage

from renditions import conf
from renditions.errors import StorageFailed
from renditions.storage import publish
from tests.conftest import four_corners


class Renaming(InMemoryStorage):
    """Renames a file if its name exists, as most storages do."""


class AlwaysRenaming(InMemoryStorage):
    def get_available_name(self, name, max_length=None):
        return f"x-{name}"


class Encrypting(FileSystemStorage):
    def _save(self, name, content):
        return super()._save(name, ContentFile(flipped(content.read())))

    def _open(self, name, mode="rb"):
        with super()._open(name, mode) as file:
            return ContentFile(flipped(file.read()), name)


class Mirroring(FileSystemStorage):
    """Writes a second file for each file that it saves."""

    def save(self, name, content, max_length=None):
        saved = super().save(name, content, max_length)
        Path(self.path(f"{saved}.mirrored")).touch()
        return saved


class Typed(InMemoryStorage):
    """Remembers the content type of the last file."""

    def _save(self, name, content):
        self.type = content.content_type
        return super()._save(name, content)


def flipped(data):
    return bytes(byte ^ 255 for byte in data)


def read(storage, path):
    with storage.open(path) as file:
        return file.read()


def test_a_storage_that_renames_is_made_to_keep_the_name():
    """No page links to a renamed rendition."""
    storage = Renaming()
    publish(storage, "p/a.jpg", b"one")
    publish(storage, "p/a.jpg", b"two")

    assert read(storage, "p/a.jpg") == b"two"
    assert storage.listdir("p") == ([], ["a.jpg"])


def test_a_storage_that_never_keeps_a_name_fails():
    """No renamed file is left on it."""
    storage = AlwaysRenaming()

    with pytest.raises(StorageFailed, match=r"renamed it to 'x-a\.jpg'"):
        publish(storage, "a.jpg", b"x")

    assert storage.listdir("") == ([], [])


@pytest.mark.parametrize(
    ("storage", "files"),
    [
        (Encrypting, {"a.jpg": flipped(b"one")}),
        (Mirroring, {"a.jpg": b"one", "a.jpg.mirrored": b""}),
    ],
)
def test_a_folder_with_its_own_save_is_written_through_it(tmp_path, storage, files):
    """A project relies on every file passing its storage."""
    disk = storage(tmp_path / "disk")

    publish(disk, "a.jpg", b"one")

    assert read(disk, "a.jpg") == b"one"
    folder = Path(disk.location)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files


@pytest.mark.parametrize(
    ("name", "mime"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")]
)
def test_a_file_has_the_content_type_of_its_content(name, mime):
    """The extension may be wrong."""
    storage = Typed()

    data = four_corners(9, 9, name)

    publish(storage, "a.jpg", data, conf.headers_for(data))

    assert storage.type == mime
