import os
from dataclasses import replace

from django.core.files.base import ContentFile
from django.test import override_settings

from renditions import conf
from renditions.engine.status import (
    Look,
    Recalled,
    are_current,
    current_ones,
    recall,
    recall_each,
    survey,
    survey_each,
)
from renditions.engine.warming import warm
from renditions.records import RecordState
from renditions.storage import Storages
from tests.conftest import four_corners
from tests.service import servers

from .conftest import plans


def test_the_records_alone_need_no_storage(disk, photo):
    """A page or a save can afford it."""
    assert not are_current(Storages.both_on(disk), plans(photo), Look.RECORDS)
    warm(Storages.both_on(disk), plans(photo))
    disk.calls.clear()

    assert are_current(Storages.both_on(disk), plans(photo), Look.RECORDS)
    assert not disk.calls


def test_a_lost_file_is_found_by_looking_at_files(disk, photo):
    warm(Storages.both_on(disk), plans(photo))
    assert are_current(Storages.both_on(disk), plans(photo), Look.FILES)

    disk.delete(plans(photo)[0].path)
    assert not are_current(Storages.both_on(disk), plans(photo), Look.FILES)


def test_without_an_original_nothing_is_current(disk, photo):
    warm(Storages.both_on(disk), plans(photo))
    disk.delete(photo)

    assert not are_current(Storages.both_on(disk), plans(photo), Look.FILES)


def test_a_survey_makes_nothing(disk, photo):
    """It reports the records, and adopts the files that it finds."""
    crop, thumbnail, inverted = plans(photo)
    warm(Storages.both_on(disk), [crop])
    conf.cache().clear()
    warm(
        Storages.both_on(disk),
        [replace(thumbnail, original=replace(thumbnail.original, name="nowhere.jpg"))],
    )

    found = {status.plan: status.record for status in survey(Storages.both_on(disk), plans(photo))}

    assert found[crop].state is RecordState.CREATED
    assert found[thumbnail].state is RecordState.FAILED
    assert found[inverted] is None
    assert not disk.exists(inverted.path)


def test_a_survey_needs_no_cache(disk, photo):
    """A page shows a rendition even if the adopted file cannot be recorded."""
    made = plans(photo)
    warm(Storages.both_on(disk), made)
    away = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"redis://127.0.0.1:{servers.unused_port()}/0",
    }

    with override_settings(CACHES={"default": away}):
        assert all(status.is_made for status in survey(Storages.both_on(disk), made))


def test_current_ones_are_found_together(disk, photo):
    """Each kind of fault makes only its own picture stale."""
    names = ["p/good.jpg", "p/older.jpg", "p/gone.jpg", "p/unmade.jpg", "p/lost.jpg"]
    for name in names:
        disk.save(name, ContentFile(four_corners(320, 200)))
    of_each = [plans(name) for name in names]
    for name in set(names) - {"p/unmade.jpg"}:
        warm(Storages.both_on(disk), plans(name))
    os.utime(disk.path("p/older.jpg"), (4e9, 4e9))
    disk.delete("p/gone.jpg")
    disk.delete(plans("p/lost.jpg")[1].path)
    records = recall(plan for each in of_each for plan in each)

    assert current_ones(Storages.both_on(disk), [*of_each, ()], records) == {0, 5}


def test_an_error_of_one_picture_hides_no_other(disk, photo, monkeypatch):
    disk.save("p/b.jpg", ContentFile(four_corners(320, 200)))
    of_each = [plans(photo), plans("p/b.jpg")]
    for each in of_each:
        warm(Storages.both_on(disk), each)
    size = disk.size

    def fail(name):
        if name == photo:
            raise RuntimeError("throttled")
        return size(name)

    monkeypatch.setattr(disk, "size", fail)

    records = recall(plan for each in of_each for plan in each)
    assert current_ones(Storages.both_on(disk), of_each, records) == {1}


def recalled(disk, *names: str, is_looked_up: bool = True) -> list[Recalled]:
    of_each = [plans(name) for name in names]
    storages = Storages.both_on(disk)
    return [
        Recalled(storages, each, records, is_looked_up)
        for each, records in zip(of_each, recall_each(of_each), strict=True)
    ]


def test_several_originals_are_surveyed_together(disk, photo):
    """Files of one are found and recorded; one without files costs no look of its own."""
    made = plans(photo)
    warm(Storages.both_on(disk), made)
    conf.cache().clear()
    names = [photo, *(f"p/new-{number}.jpg" for number in range(20))]

    found = survey_each(recalled(disk, *names))

    assert [[status.is_made for status in each] for each in found] == [[True] * 3] + [
        [False] * 3
    ] * 20
    assert len(recall(made)) == 3
    disk.calls.clear()
    survey_each(recalled(disk, *names))
    # Once for each path: this storage cannot list.
    assert disk.calls.total() <= 60


def test_what_is_not_looked_up_counts_as_not_made(disk, photo):
    """The storage is not asked, although the files are there."""
    warm(Storages.both_on(disk), plans(photo))
    conf.cache().clear()
    disk.calls.clear()

    [found] = survey_each(recalled(disk, photo, is_looked_up=False))

    assert not any(status.is_made for status in found)
    assert not disk.calls


def test_a_survey_of_several_survives_a_storage_that_is_away(disk, photo, monkeypatch):
    """What is recorded is still known."""
    disk.save("p/b.jpg", ContentFile(four_corners(320, 200)))
    warm(Storages.both_on(disk), plans(photo)[:1])

    def fail(*_):
        raise RuntimeError("throttled")

    pictures = recalled(disk, photo, "p/b.jpg")
    monkeypatch.setattr(disk, "exists", fail)
    monkeypatch.setattr(disk, "path", fail)

    found = survey_each(pictures)

    assert [[status.is_made for status in each] for each in found] == [
        [True, False, False],
        [False, False, False],
    ]
