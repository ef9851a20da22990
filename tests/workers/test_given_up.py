"""Given up is not owed: a failed job knows on which original and declaration it gave up."""

from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core import serializers
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from renditions.image_warmer import VersatileImageFieldWarmer
from tests.app.models import Person
from workers import runs
from workers.enqueue import enqueue_all
from workers.models import JobState, WarmJob, WarmRun
from workers.testing import work_owed

HEADSHOT = Person._meta.get_field("headshot")

pytestmark = pytest.mark.django_db


@pytest.fixture
def given_up(picture) -> Person:
    """Return a person whose picture is broken, and whose job has given up."""
    person = Person.objects.create(headshot=picture("a.jpg"))
    Path(person.headshot.path).write_bytes(b"no picture")
    work_owed()
    assert WarmJob.objects.get().state == JobState.FAILED
    return person


@pytest.fixture
def mended(given_up, picture) -> Person:
    """The same after its file was replaced, with no save to tell of it."""
    Path(given_up.headshot.path).write_bytes(picture("a.jpg").read())
    return given_up


def all_made(person: Person) -> bool:
    plans = Person.objects.get(pk=person.pk).headshot.plans()
    return all(HEADSHOT.storage.exists(plan.path) for plan in plans)


def test_an_assigned_name_starts_a_mended_picture_again(mended):
    """An editor picks the same file again and saves."""
    person = Person.objects.get()
    person.headshot = person.headshot.name
    person.save()
    work_owed()

    assert all_made(mended)
    assert not WarmJob.objects.exists()


def test_any_save_starts_a_mended_picture_again(mended):
    """An editor sees the failure, and saves the instance without a change."""
    Person.objects.get().save()
    work_owed()

    assert all_made(mended)
    assert not WarmJob.objects.exists()


def test_enqueue_all_starts_a_mended_picture_again(mended):
    """A script repaired the files and calls `enqueue_all`."""
    assert enqueue_all(Person.objects.all()) == 1
    work_owed()

    assert all_made(mended)
    assert not WarmJob.objects.exists()


def test_a_fixture_starts_a_mended_picture_again(mended):
    """Rows and files were restored from a backup."""
    [loaded] = serializers.deserialize("json", serializers.serialize("json", [mended]))
    loaded.save()
    work_owed()

    assert all_made(mended)


def test_the_nightly_run_starts_a_mended_picture_again(mended):
    """And counts it as created, not as failed."""
    run = nightly_run()

    assert (run.created, run.failed) == (1, 0)
    assert all_made(mended)
    assert not WarmJob.objects.exists()


def test_what_is_still_broken_is_not_tried_again(given_up):
    """Not by a script, not by the nightly run: the same original fails in the same way."""
    assert enqueue_all(Person.objects.all()) == 0
    run = nightly_run()

    assert (run.created, run.failed, run.superseded) == (0, 1, 0)
    assert WarmJob.objects.get().generation == 1


def test_another_declaration_is_tried(given_up, configure):
    """A job that gave up on old keys says nothing of new ones."""
    configure(KEY_SETS={"headshot": [("other", "thumbnail__9x9")], "hero": [("h", "9x9")]})

    assert enqueue_all(Person.objects.all()) == 1


def test_poison_is_not_tried_again_each_night(picture):
    """A picture that kills its workers stays failed until it is replaced."""
    person = Person.objects.create(headshot=picture("a.jpg"))
    WarmJob.objects.update(attempts=4)
    work_owed()
    job = WarmJob.objects.get()
    assert (job.state, job.kind) == (JobState.FAILED, "poison")

    run = nightly_run()
    assert run.failed == 1

    person.headshot = picture("b.jpg")
    person.save()
    work_owed()
    assert not WarmJob.objects.exists()


# ---- others have made it -----------------------------------------------------------------------


def test_the_warmer_settles_what_it_has_made(mended):
    """After `renditions warm` the admin lists no failure."""
    VersatileImageFieldWarmer(Person.objects.all(), "headshot", "headshot").warm()

    assert not WarmJob.objects.exists()


def test_a_page_settles_what_it_has_made(mended):
    """Each rendition was made when a page asked for it, a while after the failure."""
    caches["default"].clear()
    image = Person.objects.get().headshot
    image.create_on_demand = True
    for plan in image.plans():
        assert WarmJob.objects.exists()
        assert image.rendition(plan.key).name

    assert not WarmJob.objects.exists()


def test_an_adoption_settles_what_it_has_found(mended):
    """The files came from a backup."""
    plans = Person.objects.get().headshot.plans()
    VersatileImageFieldWarmer(Person.objects.all(), "headshot", "headshot").warm()
    WarmJob.objects.create(
        model_label="app.Person",
        object_pk=str(mended.pk),
        field_name="headshot",
        state=JobState.FAILED,
        due_at=timezone.now(),
        queued_at=timezone.now(),
        changed_at=timezone.now(),
    )

    call_command("renditions", "adopt", "app.Person.headshot", stdout=StringIO(), verbosity=0)

    assert plans
    assert not WarmJob.objects.exists()


def test_a_run_settles_what_is_current(mended):
    """Something made all renditions, and nobody told the ledger."""
    VersatileImageFieldWarmer(Person.objects.all(), "headshot", "headshot").warm()
    Person.objects.get().save()
    WarmJob.objects.create(
        model_label="app.Person",
        object_pk=str(mended.pk),
        field_name="headshot",
        state=JobState.FAILED,
        due_at=timezone.now(),
        queued_at=timezone.now(),
        changed_at=timezone.now(),
    )

    run = nightly_run()

    assert (run.current, run.failed) == (1, 0)
    assert not WarmJob.objects.exists()


def test_one_rendition_on_demand_settles_nothing(mended):
    """The others are still not made."""
    image = Person.objects.get().headshot
    image.create_on_demand = True

    assert image.thumbnail["50x50"].name

    assert WarmJob.objects.get().state == JobState.FAILED


# ---- bulk runs tell the truth ------------------------------------------------------------------


def test_a_forced_run_waits_for_what_had_failed(mended):
    """It counts failed pictures as its own, sends for them, and is not done before they are."""
    [run] = runs.start_in_each_database(HEADSHOT, force=True)
    runs.advance("default", run.pk)
    runs.advance("default", run.pk)
    run.refresh_from_db()

    assert (run.outstanding, run.superseded, run.state) == (1, 0, "running")
    _finish(run)
    assert (run.created, run.failed, run.superseded, run.state) == (1, 0, 0, "done")


def test_an_older_worker_hands_a_run_on(picture, configure, monkeypatch):
    """It would call current what the newer release wants made, and end the run."""
    person = Person.objects.create(headshot=picture("a.jpg"))
    work_owed()
    run = _started_by_a_newer_release(configure, monkeypatch)

    runs.advance("default", run.pk)

    run.refresh_from_db()
    assert (run.planned, run.state, run.waits_for_release) == (0, "running", True)
    out = StringIO()
    call_command("rewarm", "status", stdout=out)
    assert "restart the workers" in out.getvalue()

    _with_the_newer_release(configure)
    _finish(run)
    assert (run.created, run.state, run.waits_for_release) == (1, "done", False)
    assert HEADSHOT.storage.exists(person.headshot.thumbnail["9x9"].name)


NEW_KEYS = {"headshot": [("new", "thumbnail__9x9")], "hero": [("h", "9x9")]}


def _with_the_newer_release(configure) -> None:
    configure(KEY_SETS=NEW_KEYS)


def _started_by_a_newer_release(configure, monkeypatch) -> WarmRun:
    from django.test import override_settings

    from workers.targets import declaration

    run = runs.start(HEADSHOT)
    with override_settings(RENDITIONS={"KEY_SETS": NEW_KEYS}):
        digest = declaration(HEADSHOT)
    later = timezone.now() + timedelta(minutes=5)
    WarmRun.objects.filter(pk=run.pk).update(declaration=digest, enqueuer_started_at=later)
    run.refresh_from_db()
    return run


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("action", ["start", "status"])
def test_a_ledger_that_is_not_migrated_is_an_error_with_its_remedy(action):
    """The command does not say that there was no run yet."""
    with connection.schema_editor() as editor:
        editor.alter_db_table(WarmRun, "rendition_workers_warmrun", "away")
    try:
        with pytest.raises(CommandError, match=r"manage\.py migrate"):
            call_command("rewarm", action, stdout=StringIO(), stderr=StringIO())
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(WarmRun, "away", "rendition_workers_warmrun")


def nightly_run() -> WarmRun:
    """Run what beat starts each night, and return the run over the headshots."""
    [run] = [run for run in runs.start_all() if run.model_label == "app.Person"]
    _finish(run)
    return run


def _finish(run: WarmRun) -> None:
    """Do what workers and sweeps do until the run has ended."""
    for _ in range(20):
        runs.advance("default", run.pk)
        work_owed()
        runs.continue_all("default")
        run.refresh_from_db()
        if run.state != "running":
            return
    raise AssertionError(f"{run} did not end: {run.counts}")
