import os

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from renditions import conf
from renditions.engine.adoption import ExistingFiles, Verdict
from renditions.engine.warming import warm
from renditions.imaging.geometry import FocalPoint
from renditions.planning.keys import RenditionKeySet
from renditions.planning.plans import Original, plan_key_set
from renditions.storage import Storages
from tests.conftest import four_corners


@pytest.fixture
def disk(tmp_path):
    disk = FileSystemStorage(tmp_path / "disk")
    disk.save("a.jpg", ContentFile(four_corners(320, 200)))
    return disk


def plan(key="crop__60x30", name="a.jpg"):
    key_set = RenditionKeySet.parse([(key, key)])
    [made] = plan_key_set(Original("", "disk", name, FocalPoint(0.5, 0.5)), key_set, conf.style)
    return made


def looked(disk, original, plan):
    existing = ExistingFiles(Storages.both_on(disk), original)
    existing.look([plan])
    return existing


def put(disk, path, data):
    disk.delete(path)
    disk.save(path, ContentFile(data))


KEYS = ["crop__60x30", "thumbnail__50x50", "filters__invert__url", "crop__9x9__webp"]


@pytest.mark.parametrize("key", KEYS)
def test_a_rendition_without_a_record_is_adopted(disk, key):
    """The old package wrote the same files to the same paths."""
    warm(Storages.both_on(disk), [plan(key)])

    assert looked(disk, "a.jpg", plan(key)).verdict(plan(key)) is Verdict.ADOPTED


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (None, Verdict.MISSING),
        (b"", Verdict.BROKEN),
        (b"<html>not found</html>", Verdict.BROKEN),
        (four_corners(60, 30)[:500], Verdict.BROKEN),
        (four_corners(30, 60), Verdict.WRONG_SIZE),
        (four_corners(60, 30, "PNG"), Verdict.WRONG_FORMAT),
        (four_corners(60, 30), Verdict.ADOPTED),
    ],
)
def test_a_file_that_is_not_the_rendition_is_refused(disk, data, verdict):
    """The verdict says why."""
    if data is not None:
        put(disk, plan().path, data)

    assert looked(disk, "a.jpg", plan()).verdict(plan()) is verdict


def test_a_file_that_is_older_than_its_original_is_refused(disk):
    """It may show the picture before the original was replaced."""
    put(disk, plan().path, four_corners(60, 30))
    os.utime(disk.path(plan().path), (1, 1))

    assert looked(disk, "a.jpg", plan()).verdict(plan()) is Verdict.OLDER


@pytest.mark.parametrize("spoil", [lambda disk: disk.delete("a.jpg"),
                                   lambda disk: put(disk, "a.jpg", b"nothing")])  # fmt: skip
def test_a_file_without_a_readable_original_is_refused(disk, spoil):
    put(disk, plan().path, four_corners(60, 30))
    spoil(disk)
    os.utime(disk.path(plan().path), (4e9, 4e9))

    assert looked(disk, "a.jpg", plan()).verdict(plan()) is Verdict.NO_ORIGINAL


SPACED = "my cards/a b.jpg"
SQUEEZED = "__sized__/mycards/ab-crop-c0-5__0-5-60x30-70.jpg"


def test_a_file_at_the_old_path_without_spaces_is_copied(disk):
    """The old package removed the spaces from paths."""
    put(disk, SPACED, four_corners(320, 200))
    put(disk, SQUEEZED, four_corners(60, 30))

    assert looked(disk, SPACED, plan(name=SPACED)).adopt(plan(name=SPACED)) is Verdict.ADOPTED

    with disk.open(plan(name=SPACED).path) as file:
        assert file.read() == four_corners(60, 30)
    assert disk.exists(SQUEEZED)


def test_a_file_at_the_old_path_may_show_another_original(disk):
    """It is not adopted, because the wrong picture would be shown."""
    put(disk, SPACED, four_corners(320, 200))
    warm(Storages.both_on(disk), [plan("filters__invert__crop__60x30", SPACED)])
    with disk.open(plan("filters__invert__crop__60x30", SPACED).path) as file:
        put(disk, SQUEEZED, file.read())

    assert looked(disk, SPACED, plan(name=SPACED)).adopt(plan(name=SPACED)) is Verdict.MISSING
    assert not disk.exists(plan(name=SPACED).path)
