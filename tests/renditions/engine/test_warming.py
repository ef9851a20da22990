import time
from datetime import UTC, datetime

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage

from renditions import conf, storage
from renditions.engine.warming import Result, StageSeconds, warm, warm_without_recheck
from renditions.errors import (
    OutOfMemory,
    PermanentError,
    RenderFailed,
    SourceMissing,
    SourceUnreadable,
    StorageFailed,
    TransientError,
)
from renditions.imaging.filters import Filter
from renditions.imaging.rendering import OpenPicture
from renditions.imaging.sizers import Thumbnail
from renditions.records import RecordState
from renditions.storage import Storages
from tests.conftest import four_corners
from tests.renditions.conftest import CountingStorage, opened

from .conftest import plans, record_of, results


def contents(disk, made):
    found = {}
    for plan in made:
        with disk.open(plan.path) as file:
            found[plan.path] = file.read()
    return found


def test_every_plan_is_made(disk, photo):
    report = warm(Storages.both_on(disk), plans(photo))

    assert results(report) == [Result.CREATED] * 3
    assert [opened(disk, plan.path).size for plan in plans(photo)] == [
        (60, 30),
        (40, 25),
        (320, 200),
    ]


def test_one_decode_serves_all(disk, photo, decodes):
    """The original is decoded once for all renditions."""
    warm(Storages.both_on(disk), plans(photo))

    assert decodes == [3]


def test_current_renditions_are_not_made_again(disk, photo, decodes):
    """The original is not even opened."""
    warm(Storages.both_on(disk), plans(photo))
    decodes.clear()
    disk.calls.clear()

    report = warm(Storages.both_on(disk), plans(photo))

    assert results(report) == [Result.CURRENT] * 3
    assert decodes == []
    assert disk.calls["open"] == 0


def test_force_renders_current_renditions_again(disk, photo):
    warm(Storages.both_on(disk), plans(photo))

    assert results(warm(Storages.both_on(disk), plans(photo), force=True)) == [Result.CREATED] * 3


def test_a_rendition_that_storage_lost_is_made_again(disk, photo):
    """A record alone does not prove that the file exists."""
    crop, *_ = plans(photo)
    warm(Storages.both_on(disk), plans(photo))
    disk.delete(crop.path)

    assert results(warm(Storages.both_on(disk), plans(photo))) == [
        Result.CREATED,
        Result.CURRENT,
        Result.CURRENT,
    ]


def test_a_replaced_original_is_rendered_again(disk, photo):
    """The new original has the same name."""
    warm(Storages.both_on(disk), plans(photo))
    disk.delete(photo)
    disk.save(photo, ContentFile(four_corners(100, 300)))

    assert results(warm(Storages.both_on(disk), plans(photo))) == [Result.CREATED] * 3
    assert opened(disk, plans(photo)[1].path).size == (13, 40)


def test_another_encoding_is_rendered_again(disk, photo, configure):
    """The setting changes the file and not its path."""
    warm(Storages.both_on(disk), plans(photo))
    configure(PROGRESSIVE_JPEG=True)

    report = warm(Storages.both_on(disk), plans(photo))

    assert results(report) == [Result.CREATED] * 3
    assert opened(disk, plans(photo)[0].path).info.get("progressive")


def test_a_good_file_without_a_record_is_adopted(disk, photo):
    """It is not rendered again: it may come from the old package."""
    warm(Storages.both_on(disk), plans(photo))
    content = contents(disk, plans(photo))
    conf.cache().clear()

    report = warm(Storages.both_on(disk), plans(photo))

    assert results(report) == [Result.ADOPTED] * 3
    assert content == contents(disk, plans(photo))
    assert record_of(plans(photo)[0]).state is RecordState.CREATED


@pytest.mark.parametrize(
    "content", [b"", b"no picture", four_corners(60, 30)[:400], four_corners(61, 30)]
)
def test_a_bad_file_is_replaced(disk, photo, content):
    """An incomplete file, or one of another size, is rendered again."""
    crop = plans(photo)[0]
    disk.save(crop.path, ContentFile(content))

    assert results(warm(Storages.both_on(disk), [crop])) == [Result.CREATED]
    assert opened(disk, crop.path).size == (60, 30)


def test_one_failure_does_not_stop_the_others(disk, photo, registry):
    """The others are made, and the record of the failed one has the reason."""

    class Broken(Filter):
        def apply(self, image):
            raise ZeroDivisionError("no way")

    registry.register_filter("broken", Broken)
    three = plans(photo, "crop__60x30", "filters__broken__url", "thumbnail__40x40")

    report = warm(Storages.both_on(disk), three)

    assert results(report) == [Result.CREATED, Result.FAILED, Result.CREATED]
    record = record_of(three[1])
    assert record.state is RecordState.FAILED
    assert "no way" in record.detail
    assert isinstance(report.failures[three[1]], RenderFailed)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", PermanentError),
        (b"no picture at all", PermanentError),
        (four_corners(320, 200)[:3000], SourceUnreadable),
    ],
)
def test_a_bad_original_fails_every_plan(disk, content, error):
    """The error is permanent and the same for all."""
    disk.save("bad.jpg", ContentFile(content))

    report = warm(Storages.both_on(disk), plans("bad.jpg"))

    assert results(report) == [Result.FAILED] * 3
    assert all(isinstance(reason, error) for reason in report.failures.values())


def test_a_missing_original_is_a_transient_error(disk):
    """Some storages show a new file late."""
    report = warm(Storages.both_on(disk), plans("nowhere.jpg"))

    assert {type(reason) for reason in report.failures.values()} == {SourceMissing}
    assert issubclass(SourceMissing, TransientError)


def test_attempts_are_counted(disk):
    """A record has the number of consecutive failures."""
    for _ in range(3):
        warm(Storages.both_on(disk), plans("nowhere.jpg"))

    assert record_of(plans("nowhere.jpg")[0]).attempts == 3


def test_a_success_clears_the_failure(disk):
    warm(Storages.both_on(disk), plans("late.jpg"))
    disk.save("late.jpg", ContentFile(four_corners(320, 200)))
    warm(Storages.both_on(disk), plans("late.jpg"))

    record = record_of(plans("late.jpg")[0])
    assert (record.state, record.attempts, record.headline) == (RecordState.CREATED, 0, "")


def test_a_full_storage_is_a_transient_error(disk, photo, monkeypatch):
    """The detail holds the words of the storage."""

    class Full(InMemoryStorage):
        def _save(self, name, content):
            if name.startswith("__sized__"):
                raise RuntimeError("bucket is full")
            return super()._save(name, content)

    storage = Full()
    storage.save("a.jpg", ContentFile(four_corners(320, 200)))

    report = warm(Storages.both_on(storage), plans("a.jpg", "crop__1x1", "filters__invert__url"))

    assert results(report) == [Result.FAILED, Result.CREATED]
    [reason] = report.failures.values()
    assert isinstance(reason, StorageFailed)
    assert "bucket is full" in str(reason)


def test_a_lack_of_memory_is_a_transient_error(disk, photo, registry):
    """It ends neither the process nor the other renditions."""

    class Greedy(Filter):
        def apply(self, image):
            raise MemoryError

    registry.register_filter("greedy", Greedy)

    report = warm(Storages.both_on(disk), plans(photo, "filters__greedy__url", "crop__9x9"))

    assert results(report) == [Result.FAILED, Result.CREATED]
    assert [type(reason) for reason in report.failures.values()] == [OutOfMemory]


def test_an_unwanted_rendition_is_not_published(disk, photo):
    """A job may be superseded while it is rendered."""
    answers = iter([True, False, False])

    report = warm_without_recheck(
        Storages.both_on(disk), plans(photo), still_wanted=lambda plan: next(answers)
    )

    assert results(report) == [Result.CREATED, Result.UNWANTED, Result.UNWANTED]
    assert [disk.exists(plan.path) for plan in plans(photo)] == [True, False, False]


def test_an_interrupt_is_raised(disk, photo, registry):
    """Files that were published before are complete and recorded."""

    class Stop(Exception):
        pass

    class Stopping(Filter):
        def apply(self, image):
            raise Stop

    registry.register_filter("stopping", Stopping)
    both = plans(photo, "crop__60x30", "filters__stopping__url")

    with pytest.raises(Stop):
        warm_without_recheck(Storages.both_on(disk), both, interrupts=(Stop,))

    assert record_of(both[0]).state is RecordState.CREATED
    assert record_of(both[1]) is None


def test_no_plans_cost_no_call(disk):
    assert warm(Storages.both_on(disk), []).outcomes == ()
    assert not disk.calls


def test_a_format_in_the_key_is_the_format_of_the_file(disk, photo):
    [webp] = plans(photo, "crop__60x30__webp")

    warm(Storages.both_on(disk), [webp])

    assert webp.path.endswith("-60x30-70.jpg.webp")
    assert opened(disk, webp.path).format == "WEBP"


def test_two_keys_with_one_path_are_one_plan(photo):
    assert len(plans(photo, "60x30", "crop__60x30")) == 1


class Odd(Thumbnail):
    filename_key = "odd"

    def cut(self, source, target, ppoi):
        raise RuntimeError("cannot cut")


def test_a_broken_sizer_fails_its_own_renditions_only(disk, photo, registry):
    registry.register_sizer("odd", Odd)

    report = warm(Storages.both_on(disk), plans(photo, "odd__1x1", "crop__9x9"))

    assert results(report) == [Result.FAILED, Result.CREATED]


def test_a_storage_without_dates_works(tmp_path):
    """There the size alone shows that an original was replaced."""

    class Dateless(FileSystemStorage):
        def get_modified_time(self, name):
            raise NotImplementedError

    disk = Dateless(tmp_path)
    disk.save("a.jpg", ContentFile(four_corners(320, 200)))

    assert results(warm(Storages.both_on(disk), plans("a.jpg"))) == [Result.CREATED] * 3
    assert results(warm(Storages.both_on(disk), plans("a.jpg"))) == [Result.CURRENT] * 3
    conf.cache().clear()
    # Without a record, the size does not prove that the file was made from this original.
    assert results(warm(Storages.both_on(disk), plans("a.jpg"))) == [Result.CREATED] * 3


def test_an_existing_file_that_cannot_be_read_is_a_transient_error(disk, photo):
    """The other renditions are not affected."""
    crop, thumbnail, _ = plans(photo)
    warm(Storages.both_on(disk), [crop, thumbnail])
    conf.cache().clear()

    class Flaky(CountingStorage):
        def _open(self, name, mode="rb"):
            if name == crop.path:
                raise ConnectionError("reset by peer")
            return super()._open(name, mode)

    report = warm(Storages.both_on(Flaky(disk.location)), [crop, thumbnail])

    assert results(report) == [Result.FAILED, Result.ADOPTED]
    [reason] = report.failures.values()
    assert isinstance(reason, TransientError)


@pytest.mark.parametrize(
    ("name", "error", "kind"),
    [
        ("../../x.jpg", None, "path"),
        ("p/a.jpg", PermissionError(13, "Permission denied"), "denied"),
        ("p/a.jpg", OSError(5, "Input/output error"), "storage"),
    ],
)
def test_an_original_without_size_or_date_fails_with_the_error_of_the_storage(
    disk, photo, monkeypatch, caplog, name, error, kind
):
    """Each failure is logged, and only an error that may pass is transient."""

    def size(self: FileSystemStorage, name: str) -> int:
        if error:
            raise error
        return real(self, name)

    real = FileSystemStorage.size
    monkeypatch.setattr(FileSystemStorage, "size", size)
    [plan] = plans(name, "crop__9x9")

    [reason] = warm(Storages.both_on(disk), [plan]).failures.values()

    assert reason.kind == kind
    assert f"{plan.path} could not be made" in caplog.text


class Restless(FileSystemStorage):
    """A storage that returns another date at each call."""

    asked = 0

    def get_modified_time(self, name: str) -> datetime:
        self.asked += 1
        return datetime.fromtimestamp(self.asked, UTC)


def test_an_original_whose_date_always_changes_is_rendered_twice(tmp_path, decodes):
    """It is not rendered in an endless loop."""
    disk = Restless(tmp_path)
    disk.save("a.jpg", ContentFile(four_corners(320, 200)))

    assert results(warm(Storages.both_on(disk), plans("a.jpg", "9x9"))) == [Result.CREATED]

    assert len(decodes) == 2


def test_a_storage_that_fails_after_the_last_rendition_fails_nothing(disk, photo, monkeypatch):
    """The renditions are published already."""
    write = storage.write

    def failing(*args: object) -> int:
        raise RuntimeError("403")

    def write_then_fail(*args: object) -> None:
        write(*args)
        monkeypatch.setattr(disk, "size", failing)

    monkeypatch.setattr(storage, "write", write_then_fail)

    assert results(warm(Storages.both_on(disk), plans(photo, "9x9"))) == [Result.CREATED]
    with pytest.raises(RuntimeError):
        disk.size(photo)


class SlowDown(Exception):
    """Like the errors of botocore, it is no OSError."""


def throttled(*args: object) -> None:
    raise SlowDown("please")


def test_an_error_of_an_object_store_client_is_transient(disk, photo, monkeypatch):
    """It says nothing about the picture."""
    monkeypatch.setattr(disk, "open", throttled)
    report = warm(Storages.both_on(disk), plans(photo))

    assert report.failures
    assert all(isinstance(error, StorageFailed) for error in report.failures.values())
    assert all("SlowDown: please" in str(error) for error in report.failures.values())


class Clock:
    """A clock that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def before(self, seconds: float, call):
        """Return `call`, which takes `seconds` now."""

        def slow(*args: object, **kwargs: object):
            self.now += seconds
            return call(*args, **kwargs)

        return slow


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    return clock


def test_report_tells_the_seconds_of_each_stage(disk, photo, clock, monkeypatch):
    """Opening takes 2 s, decoding 3 s, rendering 5 s, and each of the three writes 7 s."""
    monkeypatch.setattr(disk, "open", clock.before(2, disk.open))
    monkeypatch.setattr(OpenPicture, "_decode", clock.before(3, OpenPicture._decode))
    monkeypatch.setattr(OpenPicture, "_render_still", clock.before(5, OpenPicture._render_still))
    monkeypatch.setattr(storage, "write", clock.before(7, storage.write))
    made = plans(photo, "9x9", "8x8", "7x7")

    report = warm(Storages.both_on(disk), made)

    assert report.seconds == StageSeconds(fetch=2, decode=3, render=3 * 5, publish=3 * 7)
    assert report.published_bytes == sum(disk.size(plan.path) for plan in made)


def test_failed_stages_have_seconds_too(disk, photo, clock, monkeypatch):
    """A storage that refuses each file takes its time."""
    monkeypatch.setattr(storage, "write", clock.before(7, throttled))

    report = warm(Storages.both_on(disk), plans(photo))

    assert report.seconds.publish == 3 * 7
    assert report.published_bytes == 0


def test_nothing_to_make_takes_no_time_to_render(disk, photo):
    warm(Storages.both_on(disk), plans(photo))

    report = warm(Storages.both_on(disk), plans(photo))

    assert report.seconds == StageSeconds(fetch=report.seconds.fetch)
    assert report.seconds.fetch > 0
    assert report.published_bytes == 0


def test_seconds_of_both_renderings_are_added(tmp_path, clock, monkeypatch):
    """An original that is replaced meanwhile is rendered twice, and both count."""
    monkeypatch.setattr(OpenPicture, "_render_still", clock.before(5, OpenPicture._render_still))
    disk = Restless(tmp_path)
    disk.save("a.jpg", ContentFile(four_corners(320, 200)))
    [plan] = plans("a.jpg", "9x9")

    report = warm(Storages.both_on(disk), [plan])

    assert report.seconds.render == 2 * 5
    assert report.published_bytes == 2 * disk.size(plan.path)
