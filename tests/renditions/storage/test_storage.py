"""What `renditions.storage` promises for every storage, and the names of storages."""

from weakref import ref

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
from hypothesis import example, given
from hypothesis import strategies as st

from renditions.storage import delete_files, publish, storage_label, storage_named
from renditions.storage.failures import PathRefused
from renditions.storage.urls import url_of


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

    delete_files(storage, ["a.jpg"])
    delete_files(storage, ["a.jpg"])

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


def test_a_storage_with_the_label_of_another_is_still_found(tmp_path):
    """Two objects for one folder share a label, and one of them is gone."""
    first = FileSystemStorage(tmp_path)
    label = storage_label(first)
    second = FileSystemStorage(tmp_path)
    assert storage_label(second) == label
    del second

    assert storage_label(first) == label
    assert storage_named(label) is first


def test_a_label_keeps_no_storage_alive(tmp_path):
    """A project may make a storage for each request."""
    storage = FileSystemStorage(tmp_path)
    storage_label(storage)
    gone = ref(storage)
    del storage

    assert gone() is None


# ---- URLs --------------------------------------------------------------------------------------

NAMES = st.text(st.sampled_from("ab./\\ü%?#;:~!*()'\"&= _-7\n"), max_size=12)
BASES = ["/media/", "https://cdn.test/a/b/", "/", "media/", "//cdn.test/", "/media", "/m/?a=b"]


@given(NAMES, st.sampled_from(BASES))
@example("p/a-crop-c0-5__0-5-9x9-70.jpg", "/media/")
@example("p//a.jpg", "/media/")
@example("/p/a.jpg", "/media/")
@example("../p/../a.jpg", "/media/")
@example("p/..", "/media/")
@example("p\\..\\a.jpg", "/media/")
@example("a", "/m/?a=b")
def test_a_url_is_that_of_the_storage(name, base):
    """The URLs of a folder are joined once, and equal those of Django for each file."""
    storage = FileSystemStorage(base_url=base)

    assert url_of(storage, name) == storage.url(name)


def test_a_storage_without_urls_says_so(settings):
    settings.MEDIA_URL = ""
    storage = FileSystemStorage()
    vars(storage)["base_url"] = None

    with pytest.raises(ValueError, match="not accessible via a URL"):
        url_of(storage, "a.jpg")


def test_an_own_url_of_a_storage_is_used(monkeypatch):
    """It may be that of a subclass, of a patched object or of the patched class."""

    class Signing(FileSystemStorage):
        def url(self, name):
            return f"{super().url(name)}?signed"

    signing, patched, plain = Signing(), FileSystemStorage(), FileSystemStorage()
    patched.url = lambda name: f"/patched/{name}"

    assert url_of(signing, "p/a.jpg") == "/media/p/a.jpg?signed"
    assert url_of(patched, "p/a.jpg") == "/patched/p/a.jpg"
    assert url_of(plain, "p/a.jpg") == "/media/p/a.jpg"
    monkeypatch.setattr(FileSystemStorage, "url", lambda self, name: f"/of-class/{name}")
    assert url_of(plain, "p/a.jpg") == "/of-class/p/a.jpg"
    assert url_of(default_storage, "p/a.jpg") == "/of-class/p/a.jpg"


def test_the_url_of_the_default_storage_follows_the_settings(settings):
    assert url_of(default_storage, "p/a.jpg") == "/media/p/a.jpg"
    settings.MEDIA_URL = "/elsewhere/"
    assert url_of(default_storage, "p/a.jpg") == "/elsewhere/p/a.jpg"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.InMemoryStorage",
            "OPTIONS": {"base_url": "/memory/"},
        },
    }
    assert url_of(default_storage, "p/a.jpg") == "/memory/p/a.jpg"
