"""The facts of a picture in a column beside it: who fills them in, and what keeps them right."""

import logging
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import connections, transaction
from PIL import Image

from renditions.image_warmer import VersatileImageFieldWarmer
from renditions.imaging.geometry import Size
from tests.app.models import Story
from tests.conftest import four_corners
from tests.workers.concurrency import Call
from tests.workers.hooks import KEY_SET, does, hooked
from tests.workers.test_runs import finish, start
from workers import ledger, worker
from workers.models import JobState, Throughput, WarmJob
from workers.testing import work_owed

FIELD = Story._meta.get_field("lead")


def files() -> set[str]:
    root = Path(FIELD.storage.location) / "__sized__"
    return {path.name for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def story(db, picture, django_capture_on_commit_callbacks) -> Story:
    """Return a committed story with a picture of 100x80, and a job."""
    with django_capture_on_commit_callbacks(execute=True):
        return Story.objects.create(lead=picture("a.jpg", 100, 80))


def test_a_worker_fills_in_the_facts(story):
    """They are there as soon as the job is gone, and another instance reads them."""
    assert story.lead.meta is None

    work_owed()

    facts = Story.objects.get().lead.meta
    assert facts.size == Size(100, 80)
    assert (facts.is_animated, facts.has_alpha) == (False, False)
    assert facts.color == "#fefe00"  # one of the four quarters
    assert 20 < len(facts.thumbhash) < 40
    assert not WarmJob.objects.exists()


def test_no_rendition_is_made_that_would_be_larger_than_the_original(story):
    """The worker looks at the size of a new upload before it plans."""
    work_owed()

    assert files() == {
        "a-crop-down-c0-5__0-5-40x20-70.jpg.webp",
        "a-crop-down-c0-5__0-5-80x40-70.jpg.webp",
        "a-crop-down-c0-5__0-5-80x40-70.jpg",
    }
    assert {plan.path.rsplit("/")[-1] for plan in Story.objects.get().lead.plans()} == files()


def test_a_small_original_has_one_rendition_of_its_own_width(db, picture):
    Story.objects.create(lead=picture("tiny.jpg", 30, 30))

    work_owed()

    [name] = [name for name in files() if name.endswith(".webp")]
    with Image.open(Path(FIELD.storage.location) / "__sized__" / "stories" / name) as made:
        assert made.size == (30, 15)


def test_a_save_of_an_older_instance_keeps_the_facts(story):
    """A view that loaded the story before the worker was done does not undo its work."""
    work_owed()

    story.title = "new"
    story.save()

    fresh = Story.objects.get()
    assert fresh.title == "new"
    assert fresh.lead.meta is not None
    assert not WarmJob.objects.exists()


def test_the_facts_of_a_former_picture_are_not_those_of_the_new_one(story, picture):
    work_owed()

    story.lead = picture("b.jpg", 60, 60)
    story.save()

    assert Story.objects.get().lead.meta is None
    work_owed()
    assert Story.objects.get().lead.meta.size == Size(60, 60)


def test_new_content_under_the_same_name_has_new_facts(story):
    """The name tells nothing then, so the save clears the column."""
    work_owed()
    story.refresh_from_db()
    name = story.lead.name

    story.lead.storage.delete(name)
    story.lead.save(Path(name).name, ContentFile(four_corners(50, 90)))

    assert story.lead.name == name
    assert Story.objects.get().lead_meta is None
    work_owed()
    assert Story.objects.get().lead.meta.size == Size(50, 90)


def test_a_copy_has_the_facts_of_its_picture(story):
    work_owed()
    copy = Story.objects.get()
    copy.pk = None
    copy.save()

    assert Story.objects.get(pk=copy.pk).lead.meta is not None


def test_a_picture_of_another_row_gets_facts_too(story):
    """Its renditions are there, and only the facts are missing."""
    work_owed()
    other = Story.objects.create(lead=Story.objects.get().lead.name)

    assert WarmJob.objects.exists()
    work_owed()
    assert Story.objects.get(pk=other.pk).lead.meta is not None


def test_a_bulk_run_fills_in_the_facts_of_what_is_there(story):
    """For example after the column was added."""
    work_owed()
    Story.objects.update(lead_meta=None)
    before = files()

    run = start(FIELD)
    finish(run)
    work_owed()

    assert Story.objects.get().lead.meta.size == Size(100, 80)
    assert files() == before
    run.refresh_from_db()
    assert run.current == 1
    assert finish(start(FIELD)) == {"current": 1}


def test_the_synchronous_warmer_fills_in_the_facts(story):
    """Row and instance have them afterwards."""
    list(VersatileImageFieldWarmer(story, "lead", "lead").reports())

    assert story.lead.meta.size == Size(100, 80)
    assert Story.objects.get().lead.meta == story.lead.meta


def test_a_failed_picture_has_its_facts(story, settings):
    """A page still knows the size, although one rendition could not be made."""
    blocked = Path(FIELD.storage.location) / "__sized__" / "stories"
    blocked.mkdir(parents=True)
    (blocked / "a-crop-down-c0-5__0-5-40x20-70.jpg.webp").mkdir()

    work_owed()

    assert Story.objects.get().lead.meta.size == Size(100, 80)
    assert WarmJob.objects.get().attempts


def test_an_unreadable_picture_has_no_facts_and_a_reason(db):
    Story.objects.create(lead=ContentFile(b"no picture", name="a.jpg"))

    work_owed()

    assert WarmJob.objects.get().state == JobState.FAILED
    assert Story.objects.get().lead_meta is None


@pytest.mark.parametrize("column", ["x", [], {"name": "stories/a.jpg"}, {"name": 1, "width": "w"}])
def test_a_wrong_value_in_the_column_counts_as_none(story, column):
    """Other code can write to it; the next attempt corrects it."""
    Story.objects.update(lead_meta=column)

    assert Story.objects.get().lead.meta is None
    work_owed()
    assert Story.objects.get().lead.meta is not None


def test_a_deferred_column_costs_no_query(story, django_assert_num_queries):
    work_owed()
    loaded = Story.objects.only("lead", "lead_ppoi").get()

    with django_assert_num_queries(0):
        assert loaded.lead.meta is None
        assert not loaded.lead.lacks_meta
        assert len(loaded.lead.plans()) == 4


def test_an_attempt_that_a_save_has_overtaken_writes_no_facts(ledger_db, picture, settings):
    """They would be those of the content that was replaced."""
    story = Story.objects.using(ledger_db).create(lead=picture("a.jpg", 100, 80))
    name = story.lead.name

    def replace() -> None:
        story.lead.storage.delete(name)
        story.lead.save(Path(name).name, ContentFile(four_corners(50, 90)))

    with hooked(settings):
        settings.RENDITIONS["KEY_SETS"]["lead"] = KEY_SET
        does(replace)
        job = WarmJob.objects.using(ledger_db).get()
        worker.run_job(ledger.Hint(ledger_db, job.pk, job.generation), "t", "w")

        assert Story.objects.using(ledger_db).get().lead_meta is None
        work_owed(ledger_db)
    assert Story.objects.using(ledger_db).get().lead.meta.size == Size(50, 90)


def test_a_worker_waits_for_a_save_and_no_save_waits_for_a_worker(ledger_db, picture):
    """Both take the row before the ledger, so neither can wait for the other in a circle."""
    if ledger_db == "sqlite":
        pytest.skip("SQLite has one writer.")
    story = Story.objects.using(ledger_db).create(lead=picture("a.jpg", 100, 80))
    with transaction.atomic(using=ledger_db):
        story.title = "slow"
        story.save(using=ledger_db)
        working = Call(lambda: work_owed(ledger_db))
        assert working.is_waiting()
        story.title = "slower"
        story.save(using=ledger_db)
    working.result()
    work_owed(ledger_db)

    fresh = Story.objects.using(ledger_db).get()
    assert (fresh.title, fresh.lead.meta is not None) == ("slower", True)
    assert not WarmJob.objects.using(ledger_db).exists()


def test_an_attempt_is_counted_and_told_after_the_commit(ledger_db, picture, caplog):
    """What the log and the counts say has really happened."""
    Story.objects.using(ledger_db).create(lead=picture("a.jpg", 100, 80))
    in_transaction = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            in_transaction.append(connections[ledger_db].in_atomic_block)

    handler = Handler()
    logger = logging.getLogger("workers.job_log")
    logger.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, logger.name):
            work_owed(ledger_db)
    finally:
        logger.removeHandler(handler)

    assert in_transaction == [False]
    assert Story.objects.using(ledger_db).get().lead.meta
    assert Throughput.objects.using(ledger_db).get().made == 1
