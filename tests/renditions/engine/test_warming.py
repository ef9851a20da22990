from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage
from django.test import override_settings

from renditions import conf
from renditions.compat.datastructures import FilteredImage, SizedImage
from renditions.engine import warming
from renditions.engine.status import Look, are_made, survey
from renditions.engine.warming import Result, warm, warm_once
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
from renditions.imaging.geometry import CENTRE, FocalPoint
from renditions.imaging.sizers import Thumbnail
from renditions.planning.keys import RenditionKeySet
from renditions.planning.plans import Original, plan_key_set
from renditions.records import RecordState, project_recorder
from tests.conftest import four_corners
from tests.renditions.conftest import CountingStorage, opened
from tests.service import servers

THREE = ("crop__60x30", "thumbnail__40x40", "filters__invert__url")


@pytest.fixture
def disk(tmp_path):
    return CountingStorage(tmp_path / "disk")


@pytest.fixture
def photo(disk):
    """A picture of 320x200 at `p/a.jpg`."""
    disk.save("p/a.jpg", ContentFile(four_corners(320, 200)))
    disk.calls.clear()
    return "p/a.jpg"


def plans(name, *keys, field="app.Model.field", ppoi=CENTRE):
    key_set = RenditionKeySet.parse([(key, key) for key in keys or THREE])
    return plan_key_set(Original(field, "disk", name, ppoi), key_set, conf.style)


def results(report):
    return [outcome.result for outcome in report.outcomes]


def record_of(plan):
    return project_recorder().recall([plan]).get(plan.path)


def contents(disk, made):
    found = {}
    for plan in made:
        with disk.open(plan.path) as file:
            found[plan.path] = file.read()
    return found


def decodes(monkeypatch):
    """Return a list that grows with each picture that is opened."""
    seen = []
    real = warming.open_picture

    def counting(file, recipes, limits):
        seen.append(len(recipes))
        return real(file, recipes, limits)

    monkeypatch.setattr(warming, "open_picture", counting)
    return seen


def test_every_plan_is_made(disk, photo):
    """At its path, in its size, and in the order of the plans."""
    report = warm(disk, plans(photo))

    assert results(report) == [Result.CREATED] * 3
    assert [opened(disk, plan.path).size for plan in plans(photo)] == [
        (60, 30),
        (40, 25),
        (320, 200),
    ]


def test_one_decode_serves_all(disk, photo, monkeypatch):
    """However many renditions there are."""
    seen = decodes(monkeypatch)

    warm(disk, plans(photo))

    assert seen == [3]


def test_what_is_current_is_not_made_again(disk, photo, monkeypatch):
    """The second time nothing is opened."""
    warm(disk, plans(photo))
    seen = decodes(monkeypatch)
    disk.calls.clear()

    report = warm(disk, plans(photo))

    assert results(report) == [Result.CURRENT] * 3
    assert seen == []
    assert disk.calls["open"] == 0


def test_force_makes_again_what_is_there(disk, photo):
    """Whatever the records say."""
    warm(disk, plans(photo))

    assert results(warm(disk, plans(photo), force=True)) == [Result.CREATED] * 3


def test_a_rendition_that_storage_lost_is_made_again(disk, photo):
    """Records are a memory, not the truth."""
    crop, *_ = plans(photo)
    warm(disk, plans(photo))
    disk.delete(crop.path)

    assert results(warm(disk, plans(photo))) == [Result.CREATED, Result.CURRENT, Result.CURRENT]


def test_a_replaced_original_is_rendered_again(disk, photo):
    """Under the same name, another picture."""
    warm(disk, plans(photo))
    disk.delete(photo)
    disk.save(photo, ContentFile(four_corners(100, 300)))

    assert results(warm(disk, plans(photo))) == [Result.CREATED] * 3
    assert opened(disk, plans(photo)[1].path).size == (13, 40)


def test_another_encoding_is_rendered_again(disk, photo, configure):
    """A setting that is no part of the name changes the file all the same."""
    warm(disk, plans(photo))
    configure(PROGRESSIVE_JPEG=True)

    report = warm(disk, plans(photo))

    assert results(report) == [Result.CREATED] * 3
    assert opened(disk, plans(photo)[0].path).info.get("progressive")


def test_a_good_file_that_nobody_knows_is_adopted(disk, photo):
    """Without being made again: it may come from the inherited package."""
    warm(disk, plans(photo))
    content = contents(disk, plans(photo))
    conf.cache().clear()

    report = warm(disk, plans(photo))

    assert results(report) == [Result.ADOPTED] * 3
    assert content == contents(disk, plans(photo))
    assert record_of(plans(photo)[0]).state is RecordState.CREATED


@pytest.mark.parametrize(
    "content", [b"", b"no picture", four_corners(60, 30)[:400], four_corners(61, 30)]
)
def test_a_bad_file_is_replaced(disk, photo, content):
    """Half a picture, no picture, or one of another size."""
    crop = plans(photo)[0]
    disk.save(crop.path, ContentFile(content))

    assert results(warm(disk, [crop])) == [Result.CREATED]
    assert opened(disk, crop.path).size == (60, 30)


def test_one_failure_does_not_stop_the_others(disk, photo, registry):
    """The others are made, and the failed one has its reason."""

    class Broken(Filter):
        def apply(self, image):
            raise ZeroDivisionError("no way")

    registry.register_filter("broken", Broken)
    three = plans(photo, "crop__60x30", "filters__broken__url", "thumbnail__40x40")

    report = warm(disk, three)

    assert results(report) == [Result.CREATED, Result.FAILED, Result.CREATED]
    record = record_of(three[1])
    assert record.state is RecordState.FAILED
    assert "no way" in record.error
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
    """For good, with one and the same reason."""
    disk.save("bad.jpg", ContentFile(content))

    report = warm(disk, plans("bad.jpg"))

    assert results(report) == [Result.FAILED] * 3
    assert all(isinstance(reason, error) for reason in report.failures.values())


def test_a_missing_original_may_come_later(disk):
    """Some storages show a new file late."""
    report = warm(disk, plans("nowhere.jpg"))

    assert {type(reason) for reason in report.failures.values()} == {SourceMissing}
    assert issubclass(SourceMissing, TransientError)


def test_attempts_are_counted(disk):
    """A record says how often it was tried in vain."""
    for _ in range(3):
        warm(disk, plans("nowhere.jpg"))

    assert record_of(plans("nowhere.jpg")[0]).attempts == 3


def test_a_success_clears_the_failure(disk):
    """Once made, nothing is known of the failures before."""
    warm(disk, plans("late.jpg"))
    disk.save("late.jpg", ContentFile(four_corners(320, 200)))
    warm(disk, plans("late.jpg"))

    record = record_of(plans("late.jpg")[0])
    assert (record.state, record.attempts, record.error) == (RecordState.CREATED, 0, "")


def test_a_storage_that_takes_nothing_fails_for_now(disk, photo, monkeypatch):
    """And the reason is the storage's own."""

    class Full(InMemoryStorage):
        def _save(self, name, content):
            if name.startswith("__sized__"):
                raise RuntimeError("bucket is full")
            return super()._save(name, content)

    storage = Full()
    storage.save("a.jpg", ContentFile(four_corners(320, 200)))

    report = warm(storage, plans("a.jpg", "crop__1x1", "filters__invert__url"))

    assert results(report) == [Result.FAILED, Result.CREATED]
    [reason] = report.failures.values()
    assert isinstance(reason, StorageFailed)
    assert "bucket is full" in str(reason)


def test_a_lack_of_memory_may_pass(disk, photo, registry):
    """It stops neither the process nor the other renditions."""

    class Greedy(Filter):
        def apply(self, image):
            raise MemoryError

    registry.register_filter("greedy", Greedy)

    report = warm(disk, plans(photo, "filters__greedy__url", "crop__9x9"))

    assert results(report) == [Result.FAILED, Result.CREATED]
    assert [type(reason) for reason in report.failures.values()] == [OutOfMemory]


def test_nothing_is_published_that_is_not_wanted_any_more(disk, photo):
    """The work may be withdrawn while it is being done."""
    answers = iter([True, False, False])

    report = warm_once(disk, plans(photo), still_wanted=lambda plan: next(answers))

    assert results(report) == [Result.CREATED, Result.UNWANTED, Result.UNWANTED]
    assert [disk.exists(plan.path) for plan in plans(photo)] == [True, False, False]


def test_an_interrupt_goes_through(disk, photo, registry):
    """What was published by then is whole and recorded."""

    class Stop(Exception):
        pass

    class Stopping(Filter):
        def apply(self, image):
            raise Stop

    registry.register_filter("stopping", Stopping)
    both = plans(photo, "crop__60x30", "filters__stopping__url")

    with pytest.raises(Stop):
        warm_once(disk, both, interrupts=(Stop,))

    assert record_of(both[0]).state is RecordState.CREATED
    assert record_of(both[1]) is None


def test_no_plans_cost_nothing(disk):
    """Not even a look at the storage."""
    assert warm(disk, []).outcomes == ()
    assert not disk.calls


def test_known_current_asks_no_storage(disk, photo):
    """A page or a save may ask it."""
    assert not are_made(disk, plans(photo), Look.RECORDS)
    warm(disk, plans(photo))
    disk.calls.clear()

    assert are_made(disk, plans(photo), Look.RECORDS)
    assert not disk.calls


def test_current_looks_at_the_storage(disk, photo):
    """The rendition is there, and made of the original as it is."""
    warm(disk, plans(photo))
    assert are_made(disk, plans(photo), Look.FILES)

    disk.delete(plans(photo)[0].path)
    assert not are_made(disk, plans(photo), Look.FILES)


def test_current_needs_an_original(disk, photo):
    """Renditions of a lost original are current for nobody."""
    warm(disk, plans(photo))
    disk.delete(photo)

    assert not are_made(disk, plans(photo), Look.FILES)


def test_a_survey_makes_nothing(disk, photo):
    """It says what is known, and adopts what it finds."""
    crop, thumbnail, inverted = plans(photo)
    warm(disk, [crop])
    conf.cache().clear()
    warm(disk, [replace(thumbnail, original=replace(thumbnail.original, name="nowhere.jpg"))])

    found = {status.plan: status.record for status in survey(disk, plans(photo))}

    assert found[crop].state is RecordState.CREATED
    assert found[thumbnail].state is RecordState.FAILED
    assert found[inverted] is None
    assert not disk.exists(inverted.path)


def test_a_survey_needs_no_cache(disk, photo):
    """A page says that a picture is there though what it finds cannot be recorded."""
    made = plans(photo)
    warm(disk, made)
    away = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"redis://127.0.0.1:{servers.unused_port()}/0",
    }

    with override_settings(CACHES={"default": away}):
        assert all(status.is_made for status in survey(disk, made))


def test_a_format_in_the_key_is_the_format_of_the_file(disk, photo):
    """At a path of its own."""
    [webp] = plans(photo, "crop__60x30__webp")

    warm(disk, [webp])

    assert webp.path.endswith("-60x30-70.jpg.webp")
    assert opened(disk, webp.path).format == "WEBP"


class Halved(SizedImage):
    filename_key = "halved"
    seen: list = []

    def process_image(self, image, image_format, save_kwargs, width, height):
        type(self).seen.append((self.path_to_image, self.storage, self.ppoi, image.size))
        out = BytesIO()
        image.resize((width // 2, height // 2)).save(out, **save_kwargs)
        return out


class Marked(FilteredImage):
    seen: list = []

    def preprocess_JPEG(self, image, **kwargs):  # noqa: N802
        return image.convert("L"), {"quality": 3}

    def process_image(self, image, image_format, save_kwargs):
        type(self).seen.append((self.path_to_image, image.mode, save_kwargs["quality"]))
        out = BytesIO()
        image.save(out, **save_kwargs)
        return out


def test_old_sizers_and_filters_work_beside_new_ones(disk, photo, registry, monkeypatch):
    """In one decode, each knowing the picture and the focal point it is for."""
    registry.register_sizer("halved", Halved)
    registry.register_filter("marked", Marked)
    Halved.seen, Marked.seen = [], []
    seen = decodes(monkeypatch)
    keys = [
        "crop__60x30", "halved__60x30", "filters__marked__url", "filters__marked__crop__20x20",
        "filters__invert__halved__20x20",
    ]  # fmt: skip
    made = plans(photo, *keys, ppoi=FocalPoint(0.25, 0.75))

    report = warm(disk, made)

    assert results(report) == [Result.CREATED] * 5
    assert [opened(disk, plan.path).size for plan in made] == [
        (60, 30), (30, 15), (320, 200), (20, 20), (10, 10),
    ]  # fmt: skip
    assert seen == [5]
    assert Halved.seen == [("p/a.jpg", disk, (0.25, 0.75), (320, 200))] * 2
    assert Marked.seen == [("p/a.jpg", "L", 3)]


def test_thousands_of_renditions_of_one_size_are_one_plan(photo):
    """The same key twice is made once."""
    assert len(plans(photo, "60x30", "crop__60x30")) == 1


class Odd(Thumbnail):
    filename_key = "odd"

    def cut(self, source, target, ppoi):
        raise RuntimeError("cannot cut")


def test_a_broken_sizer_fails_its_own_renditions_only(disk, photo, registry):
    """Wherever it breaks."""
    registry.register_sizer("odd", Odd)

    report = warm(disk, plans(photo, "odd__1x1", "crop__9x9"))

    assert results(report) == [Result.FAILED, Result.CREATED]


def test_a_disk_without_dates_is_no_obstacle(tmp_path):
    """Then the size alone tells one original from another."""

    class Dateless(FileSystemStorage):
        def get_modified_time(self, name):
            raise NotImplementedError

    disk = Dateless(tmp_path)
    disk.save("a.jpg", ContentFile(four_corners(320, 200)))

    assert results(warm(disk, plans("a.jpg"))) == [Result.CREATED] * 3
    assert results(warm(disk, plans("a.jpg"))) == [Result.CURRENT] * 3
    conf.cache().clear()
    # Nothing says that what lies there was made from this original.
    assert results(warm(disk, plans("a.jpg"))) == [Result.CREATED] * 3


def test_a_storage_that_does_not_answer_may_answer_later(disk, photo):
    """What lies there already is looked at, and that may fail like everything else."""
    crop, thumbnail, _ = plans(photo)
    warm(disk, [crop, thumbnail])
    conf.cache().clear()

    class Flaky(CountingStorage):
        def _open(self, name, mode="rb"):
            if name == crop.path:
                raise ConnectionError("reset by peer")
            return super()._open(name, mode)

    report = warm(Flaky(disk.location), [crop, thumbnail])

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
def test_an_original_that_cannot_be_looked_at_fails_as_what_it_is(
    disk, photo, monkeypatch, caplog, name, error, kind
):
    """What cannot pass is not tried again, and each failure is in the log."""

    def size(self: FileSystemStorage, name: str) -> int:
        if error:
            raise error
        return real(self, name)

    real = FileSystemStorage.size
    monkeypatch.setattr(FileSystemStorage, "size", size)
    [plan] = plans(name, "crop__9x9")

    [reason] = warm(disk, [plan]).failures.values()

    assert reason.kind == kind
    assert f"{plan.path} could not be made" in caplog.text


class Restless(FileSystemStorage):
    """A storage that gives another date each time."""

    asked = 0

    def get_modified_time(self, name: str) -> datetime:
        self.asked += 1
        return datetime.fromtimestamp(self.asked, UTC)


def test_an_original_that_never_holds_still_is_begun_anew_once(tmp_path, monkeypatch):
    """A storage whose dates change by themselves costs twice the work, and not for ever."""
    disk = Restless(tmp_path)
    disk.save("a.jpg", ContentFile(four_corners(320, 200)))
    seen = decodes(monkeypatch)

    assert results(warm(disk, plans("a.jpg", "9x9"))) == [Result.CREATED]

    assert len(seen) == 2


def test_a_storage_that_fails_behind_the_last_rendition_breaks_nothing(disk, photo, monkeypatch):
    """What was made stays made, whatever the client of an object store raises then."""
    publish = warming.publish

    def publish_then_fail(*args: object) -> None:
        publish(*args)
        monkeypatch.setattr(warming, "source_version", failing)

    def failing(*args: object) -> str:
        raise RuntimeError("403")

    monkeypatch.setattr(warming, "publish", publish_then_fail)

    assert results(warm(disk, plans(photo, "9x9"))) == [Result.CREATED]
