"""A walk over all files of a storage: in one order, from any file on, in bounded memory."""

from itertools import islice

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage, storages
from storages.backends.s3 import S3Storage

from renditions.errors import StorageRefused
from renditions.storage import adapter_of, disk, root_of, walk_files
from renditions.storage.s3 import S3
from tests.service import servers

NAMES = [
    "a-b/x.jpg", "a/b.jpg", "a/b/c.jpg", "a/ü.jpg", "a.jpg", "b/" + "n" * 100, "z", "B.jpg",
]  # fmt: skip


@pytest.fixture(scope="module")
def s3_server():
    return servers.s3_options("walked")


@pytest.fixture(params=["folder", "memory", "bucket", "folder of a bucket"])
def storage(request, tmp_path):
    if request.param == "folder":
        yield FileSystemStorage(tmp_path / "walked")
        return
    if request.param == "memory":
        yield InMemoryStorage()
        return
    location = "in/here" if request.param == "folder of a bucket" else ""
    storage = S3Storage(**request.getfixturevalue("s3_server"), location=location)
    bucket = storage.connection.Bucket("walked")
    storage.connection.meta.client.create_bucket(Bucket="walked")
    yield storage
    bucket.objects.all().delete()


def walked(storage, *args):
    return [path for path, _ in walk_files(storage, *args)]


@pytest.fixture
def filled(storage):
    for name in NAMES:
        storage.save(name, ContentFile(name.encode()))
    return storage


def test_a_walk_yields_each_file_once_and_says_its_size(filled):
    found = dict(walk_files(filled))

    assert sorted(found) == sorted(NAMES)
    assert all(info.size == len(path.encode()) for path, info in found.items())
    assert all(info.modified is not None for info in found.values())


def test_a_walk_goes_on_after_any_file(filled):
    """Also if the file was deleted meanwhile."""
    order = walked(filled)

    for position, path in enumerate(order):
        assert walked(filled, "", path) == order[position + 1 :]
    filled.delete(order[3])
    assert walked(filled, "", order[3]) == order[4:]


def test_a_walk_stays_below_its_folder(filled):
    assert sorted(walked(filled, "a")) == ["a/b.jpg", "a/b/c.jpg", "a/ü.jpg"]
    first, *others = walked(filled, "a")
    assert walked(filled, "a", first) == others
    assert walked(filled, "missing") == []


def test_objects_that_no_path_names_are_left_out(s3_server):
    """The storage would delete another object under this path."""
    storage = S3Storage(**s3_server)
    client = storage.connection.meta.client
    client.create_bucket(Bucket="walked")
    for key in ("a//b.jpg", "a/b.jpg", "folder/", "c/../d.jpg"):
        client.put_object(Bucket="walked", Key=key, Body=b"x")

    try:
        assert walked(storage) == ["a/b.jpg"]
    finally:
        storage.connection.Bucket("walked").objects.all().delete()


def test_a_storage_that_cannot_list_says_so():
    with pytest.raises(StorageRefused, match="cannot list"):
        walked(Storage())


# ---- folders -----------------------------------------------------------------------------------


def test_a_large_folder_is_walked_a_few_names_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "NAMES_AT_ONCE", 7)
    names = [f"{number:03}" for number in range(100)]
    for name in names:
        (tmp_path / name).touch()
    largest = []
    smallest_of = disk.heapq.nsmallest

    def noted(number, entries):
        found = smallest_of(number, entries)
        largest.append(len(found))
        return found

    monkeypatch.setattr(disk.heapq, "nsmallest", noted)

    assert walked(FileSystemStorage(tmp_path)) == names
    assert max(largest) == 7


def test_files_that_come_and_go_during_a_walk_disturb_no_other_file(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "NAMES_AT_ONCE", 3)
    for name in "bdfhjl":
        (tmp_path / name).touch()
    walk = walk_files(FileSystemStorage(tmp_path))

    before = [path for path, _ in islice(walk, 2)]
    (tmp_path / "a").touch()
    (tmp_path / "b").unlink()
    (tmp_path / "f").unlink()
    (tmp_path / "k").touch()
    after = [path for path, _ in walk]

    assert before == ["b", "d"]
    assert after == ["h", "j", "k", "l"]


def test_no_symlink_to_a_folder_is_followed(tmp_path):
    """The same file would be found under two paths, and no row names one of them."""
    root = tmp_path / "media"
    (root / "people").mkdir(parents=True)
    (root / "people" / "a.jpg").touch()
    (root / "alias").symlink_to(root / "people")
    (root / "people" / "loop").symlink_to(root)
    (root / "broken").symlink_to(root / "missing")
    storage = FileSystemStorage(root)

    assert walked(storage) == ["people/a.jpg"]
    assert walked(storage, "alias") == []


def test_a_media_root_may_be_a_symlink(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.jpg").touch()
    (tmp_path / "media").symlink_to(tmp_path / "real")

    assert walked(FileSystemStorage(tmp_path / "media")) == ["a.jpg"]


# ---- roots -------------------------------------------------------------------------------------


def test_storages_of_the_same_files_have_the_same_root(settings, tmp_path, s3_server):
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / "alias").symlink_to(tmp_path)

    roots = {
        root_of(storages["default"]),
        root_of(FileSystemStorage(tmp_path)),
        root_of(FileSystemStorage(tmp_path / "alias")),
    }
    assert len(roots) == 1
    assert root_of(FileSystemStorage(tmp_path / "inner")).startswith(roots.pop())
    bucket, inner = S3Storage(**s3_server), S3Storage(**s3_server, location="in/")
    assert root_of(inner) == f"{root_of(bucket)}in/"
    assert root_of(InMemoryStorage()) == root_of(InMemoryStorage())
    assert root_of(bucket) != root_of(InMemoryStorage())


class Zipped(S3Storage):
    """Of the project: it has its own way to read."""

    def _open(self, name, mode="rb"):
        raise NotImplementedError


def test_a_bucket_is_one_place_for_storages_of_any_class(s3_server):
    assert not isinstance(adapter_of(Zipped(**s3_server)), S3)
    assert root_of(Zipped(**s3_server)) == root_of(S3Storage(**s3_server))
    inner = {**s3_server, "location": "in/here"}
    assert root_of(Zipped(**inner)) == root_of(S3Storage(**inner))
