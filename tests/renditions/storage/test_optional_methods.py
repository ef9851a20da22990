"""A Django storage may lack `size`, `get_modified_time`, `listdir` and `delete`."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage

from renditions import conf
from renditions.engine.removal import delete_sized
from renditions.engine.status import Look, are_current
from renditions.engine.warming import Result, warm
from renditions.errors import StorageRefused
from renditions.imaging.geometry import FocalPoint
from renditions.planning.keys import RenditionKeySet
from renditions.planning.plans import Original, plan_key_set
from renditions.storage import Storages, delete_files, publish
from tests.conftest import four_corners


def missing(*args, **kwargs):
    raise NotImplementedError("subclasses of Storage must provide this method")


class Sizeless(FileSystemStorage):
    size = missing


class Dateless(FileSystemStorage):
    get_modified_time = missing


class Bare(FileSystemStorage):
    size = get_modified_time = listdir = missing


class Keeping(InMemoryStorage):
    delete = missing


def plans():
    keys = RenditionKeySet.parse([("crop", "crop__60x30"), ("thumbnail", "thumbnail__40x40")])
    return plan_key_set(Original("", "x", "a.jpg", FocalPoint(0.5, 0.5)), keys, conf.style)


@pytest.mark.parametrize("kind", [Sizeless, Dateless, Bare])
def test_renditions_are_made_on_a_storage_without_sizes_or_dates(kind, tmp_path):
    """And a second look finds them made."""
    storage = kind(tmp_path)
    FileSystemStorage(tmp_path).save("a.jpg", ContentFile(four_corners(320, 200)))

    report = warm(Storages.both_on(storage), plans())

    assert {outcome.result for outcome in report.outcomes} == {Result.CREATED}
    assert are_current(Storages.both_on(storage), plans(), Look.FILES)
    again = warm(Storages.both_on(storage), plans())
    assert {outcome.result for outcome in again.outcomes} == {Result.CURRENT}


def test_a_storage_that_cannot_delete_says_so():
    """The error names the path, and is one that repeating does not help."""
    storage = Keeping()
    publish(storage, "a.txt", b"one")

    with pytest.raises(StorageRefused, match=r"a\.txt"):
        delete_files(storage, ["a.txt"])
    with pytest.raises(StorageRefused, match="neither replaces nor deletes"):
        publish(storage, "a.txt", b"two")


def test_a_storage_that_cannot_list_says_so(tmp_path):
    """Deleting all renditions of a picture needs a list of its folder."""
    with pytest.raises(StorageRefused, match="cannot list"):
        delete_sized(Bare(tmp_path), plans()[0].original)
