"""What `renditions.storage` promises for every storage, and the names of storages."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import (
    FileSystemStorage,
    InMemoryStorage,
    Storage,
    default_storage,
    storages,
)
from django.utils.deconstruct import deconstructible

from renditions.storage import delete_file, publish, storage_label
from renditions.storage.failures import PathRefused


@pytest.fixture(params=["disk", "memory"])
def storage(request, tmp_path):
    return InMemoryStorage() if request.param == "memory" else FileSystemStorage(tmp_path / "disk")


@pytest.mark.parametrize(
    "name", ["a.jpg", "p/q/a.jpg", "a b/c d.jpg", "ü/日本.jpg", "%2e.jpg", "a'\"&;.jpg", "x" * 200]
)
def test_bytes_are_written_unchanged_to_exactly_the_path(storage, name):
    data = bytes(range(256)) + b"\r\n"
    publish(storage, name, b"one")
    publish(storage, name, data)

    with storage.open(name) as file:
        assert file.read() == data


@pytest.mark.parametrize("path", ["../a.jpg", "__sized__/../../a.jpg", "/etc/a.jpg", ".."])
def test_a_path_out_of_the_storage_is_refused(storage, path):
    """The error is permanent, because a second attempt cannot help."""
    with pytest.raises(PathRefused):
        publish(storage, path, b"x")


def test_a_missing_file_can_be_deleted(storage):
    storage.save("a.jpg", ContentFile(b"x"))

    delete_file(storage, "a.jpg")
    delete_file(storage, "a.jpg")

    assert not storage.exists("a.jpg")


def test_the_label_of_a_storage_is_its_alias(settings, tmp_path):
    """It is the same in every process, because the keys of records are made from it."""
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


def test_a_label_makes_no_other_storage_of_the_project(settings, tmp_path):
    """One of them may not work here: that for static files needs STATIC_URL, also if unused."""
    settings.STATIC_URL = None
    settings.STORAGES = {**settings.STORAGES}  # none of them is made yet

    assert storage_label(FileSystemStorage(tmp_path))


@pytest.mark.parametrize("base_urls", [("/one/", "/two/"), (None, None)])
def test_two_folders_have_two_labels(tmp_path, base_urls):
    """Without a base_url, all folders have one URL."""
    one = FileSystemStorage(tmp_path / "one", base_url=base_urls[0])
    two = FileSystemStorage(tmp_path / "two", base_url=base_urls[1])
    same = FileSystemStorage(tmp_path / "one", base_url=base_urls[0])

    assert storage_label(one) != storage_label(two)
    assert storage_label(one) == storage_label(same)


def test_a_storage_without_a_folder_is_identified_by_its_arguments():
    @deconstructible
    class Shelf(Storage):
        def __init__(self, number: int) -> None:
            self.number = number

    assert storage_label(Shelf(1)) != storage_label(Shelf(2))
    assert storage_label(Shelf(1)) == storage_label(Shelf(1))
