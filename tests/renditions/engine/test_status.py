from dataclasses import replace

from django.test import override_settings

from renditions import conf
from renditions.engine.status import Look, are_current, survey
from renditions.engine.warming import warm
from renditions.records import RecordState
from renditions.storage import Storages
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
