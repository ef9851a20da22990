"""A prune in the workers: step by step, with counts, and stopped like any other bulk run."""

from datetime import timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import CommandError, call_command
from django.test import TestCase

from renditions.engine.warming import warm
from renditions.inventory import pruning
from renditions.planning.keys import RenditionKey
from renditions.signals import prune_requested
from renditions.storage import walk_files
from tests.app.models import Card, Person
from tests.workers.broker import drain
from workers import prunes, runs
from workers.conf import BULK_QUEUE, TaskName
from workers.models import RunKind, RunState, WarmRun

pytestmark = pytest.mark.django_db
HEADSHOT = Person._meta.get_field("headshot")


@pytest.fixture
def person(picture):
    drain(BULK_QUEUE)
    return Person.objects.create(headshot=picture("a.jpg"))


def make(image, *keys):
    plans = [image.plan(RenditionKey.parse(key)) for key in keys]
    warm(image.storages, plans)
    return {plan.path for plan in plans}


def files():
    return {path for path, _ in walk_files(default_storage)}


def start(**options) -> WarmRun:
    with TestCase.captureOnCommitCallbacks(execute=True):
        return runs.start_prune(HEADSHOT, **{"min_age_s": 0, **options})


def deliver() -> int:
    """Deliver the messages for steps until there are none; return how many."""
    delivered = 0
    while messages := drain(BULK_QUEUE):
        for task, kwargs in messages:
            if task == TaskName.ADVANCE_RUN:
                runs.advance(**kwargs)
                delivered += 1
    return delivered


def counted(run: WarmRun) -> dict[str, int]:
    run.refresh_from_db()
    return {name: number for name, number in run.counts.items() if number}


@pytest.fixture
def small_steps(monkeypatch):
    """One batch of three files in each step."""
    monkeypatch.setattr(prunes, "FILES_AT_ONCE", 3)
    monkeypatch.setattr(prunes, "SHARE_OF_TIME", 0)


def test_a_prune_deletes_what_nothing_needs_and_counts_it(person):
    needed = make(person.headshot, "crop__40x40", "thumbnail__50x50")
    other = make(person.headshot, "crop__9x9", "filters__invert__crop__9x9")
    default_storage.save("people/orphan.jpg", ContentFile(b"12345"))
    size = sum(default_storage.size(path) for path in other)

    run = start()
    deliver()

    assert files() == needed | {"people/a.jpg", "people/orphan.jpg"}
    assert counted(run) == {"kept": 2, "deleted": 2}
    assert (run.state, run.planned, run.deleted_bytes) == (RunState.DONE, 4, size)


def test_a_prune_of_orphans_deletes_originals(person):
    default_storage.save("people/orphan.jpg", ContentFile(b"12345"))

    run = start(orphans=True)
    deliver()

    assert files() == {"people/a.jpg"}
    assert counted(run) == {"kept": 1, "deleted": 1}
    assert run.deleted_bytes == 5


def test_young_files_are_kept(person):
    other = make(person.headshot, "crop__9x9")

    run = start(min_age_s=3600)
    deliver()

    assert other < files()
    assert counted(run) == {"kept": 1}


def test_a_prune_goes_on_where_the_last_step_ended(person, small_steps):
    other = make(person.headshot, *(f"crop__{side}x9" for side in range(1, 9)))

    run = start()
    steps = deliver()

    assert steps == 4  # of 9 files; the last one finds none
    assert not other & files()
    assert counted(run) == {"deleted": 8}


def test_a_paused_prune_deletes_nothing_until_it_is_resumed(person, small_steps):
    make(person.headshot, *(f"crop__{side}x9" for side in range(1, 9)))
    run = start()
    runs.advance("default", run.pk)
    assert runs.pause(run)
    before = files()

    deliver()
    assert files() == before
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert runs.resume(run)
    deliver()

    assert files() == {"people/a.jpg"}
    assert counted(run) == {"deleted": 8}


def test_a_cancelled_prune_ends(person, small_steps):
    make(person.headshot, *(f"crop__{side}x9" for side in range(1, 9)))
    run = start()
    runs.advance("default", run.pk)
    assert runs.cancel(run)
    before = files()

    deliver()
    runs.continue_all("default")
    deliver()

    assert files() == before
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED


def test_a_step_that_is_delivered_twice_counts_no_file_twice(person, small_steps, monkeypatch):
    warm(person.headshot.storages, person.headshot.plans())
    run = start()
    drain(BULK_QUEUE)
    move = prunes._move_cursor

    def move_after_another(*args):
        monkeypatch.setattr(prunes, "_move_cursor", move)
        runs.advance("default", run.pk)
        return move(*args)

    monkeypatch.setattr(prunes, "_move_cursor", move_after_another)
    runs.advance("default", run.pk)
    deliver()

    assert counted(run) == {"kept": 5}


def test_a_prune_that_is_paused_during_a_step_counts_what_it_has_deleted(person, monkeypatch):
    monkeypatch.setattr(prunes, "FILES_AT_ONCE", 3)
    make(person.headshot, *(f"crop__{side}x9" for side in range(1, 9)))
    run = start()
    delete = pruning.delete_renditions

    def pause_and_delete(storage, paths):
        runs.pause(run)
        delete(storage, paths)

    monkeypatch.setattr(pruning, "delete_renditions", pause_and_delete)
    deliver()

    assert counted(run) == {"deleted": 3}
    assert run.state == RunState.PAUSED
    assert len(files()) == 6


def test_one_prune_and_one_rewarm_of_a_field_may_run_at_once(person):
    prune, rewarm = start(), runs.start(HEADSHOT)

    assert prune != rewarm
    assert start() == prune
    assert runs.start(HEADSHOT) == rewarm
    assert runs.unfinished(HEADSHOT).get() == rewarm


class Stubborn(FileSystemStorage):
    def delete(self, name):
        if "9x9" in name:
            raise OSError("disk on fire")
        super().delete(name)


def test_a_file_that_cannot_be_deleted_is_counted_with_its_reason(picture, monkeypatch):
    monkeypatch.setattr(HEADSHOT, "storage", Stubborn())
    person = Person.objects.create(headshot=picture("a.jpg"))
    make(person.headshot, "crop__9x9", "crop__8x8")

    run = start()
    deliver()

    assert counted(run) == {"deleted": 1, "failed": 1}
    assert "disk on fire" in run.last_error
    assert run.state == RunState.DONE


class Silent(FileSystemStorage):
    error: Exception = OSError("no route to host")

    def listdir(self, path):
        raise self.error


def test_a_storage_that_does_not_answer_is_asked_again_by_the_sweep(person, monkeypatch):
    monkeypatch.setattr(HEADSHOT, "storage", Silent())
    other = make(person.headshot, "crop__9x9")
    run = start()
    assert deliver() == 1
    run.refresh_from_db()
    assert (run.state, run.planned) == (RunState.RUNNING, 0)
    assert "no route to host" in run.last_error

    monkeypatch.setattr(HEADSHOT, "storage", default_storage)
    runs.continue_all("default")
    deliver()

    assert not other & files()
    assert counted(run) == {"deleted": 1}
    assert run.state == RunState.DONE


def test_a_storage_that_cannot_list_ends_the_run_with_a_failure(person, monkeypatch):
    monkeypatch.setattr(HEADSHOT, "storage", Silent())
    monkeypatch.setattr(Silent, "error", NotImplementedError())

    run = start()
    deliver()

    assert counted(run) == {"failed": 1}
    assert "cannot list" in run.last_error
    assert run.state == RunState.DONE


def test_a_time_limit_ends_the_step(person, monkeypatch):
    """It must not count as an error of one file."""

    def too_slow(storage, paths):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(pruning, "delete_renditions", too_slow)
    make(person.headshot, "crop__9x9")
    run = start()

    with pytest.raises(SoftTimeLimitExceeded):
        runs.advance("default", run.pk)

    assert counted(run) == {}


def test_a_worker_of_an_older_release_prunes_nothing(person, configure):
    """It would delete the renditions of keys that it does not know."""
    other = make(person.headshot, "crop__9x9")
    run = start()
    WarmRun.objects.update(enqueuer_started_at=prunes.STARTED_AT + timedelta(hours=1))
    sets = {"headshot": [("a", "crop__40x40")], "hero": [("b", "crop__9x9")]}
    configure(KEY_SETS={**sets, "other": [("c", "crop__7x7")]})
    runs.advance("default", run.pk)
    run.refresh_from_db()
    assert run.waits_for_release
    assert other < files()

    WarmRun.objects.update(declaration=prunes.declaration())
    runs.continue_all("default")
    deliver()

    run.refresh_from_db()
    assert not run.waits_for_release
    assert run.state == RunState.DONE


# ---- the command and the admin -----------------------------------------------------------------


def test_the_command_starts_runs(person, capsys):
    make(person.headshot, "crop__9x9")
    with TestCase.captureOnCommitCallbacks(execute=True):
        call_command(
            *("renditions", "prune", "app.Person.headshot", "app.Article.lead"),
            *("--in-workers", "--orphans", "--older-than", "2h"),
        )

    prunes_of = WarmRun.objects.filter(kind=RunKind.PRUNE).order_by("pk")
    assert [(run.field_name, run.orphans, run.min_age_s) for run in prunes_of] == [
        ("headshot", True, 7200),
        ("lead", True, 7200),
    ]
    printed = "".join(f"{run}: running\n" for run in prunes_of)
    assert capsys.readouterr().out == printed
    assert len(drain(BULK_QUEUE)) == 2


def test_the_command_needs_the_workers(db):
    receivers, prune_requested.receivers = prune_requested.receivers, []
    prune_requested.sender_receivers_cache.clear()
    try:
        with pytest.raises(CommandError, match="needs the app"):
            call_command("renditions", "prune", "--in-workers")
    finally:
        prune_requested.receivers = receivers


ADD_RUN = "/admin/rendition_workers/warmrun/add/"


def test_a_prune_is_started_by_adding_it_in_the_admin(admin_client):
    data = {"kind": "prune", "field": "app.Card.note", "orphans": "on", "min_age_days": "3"}
    page = admin_client.post(ADD_RUN, data, follow=True).content.decode()

    run = WarmRun.objects.get()
    assert "was added successfully" in page
    assert (run.kind, run.field_name, run.orphans) == (RunKind.PRUNE, "note", True)
    assert run.min_age_s == 3 * 86_400
    again = admin_client.post(ADD_RUN, data, follow=True).content.decode()
    assert "is not finished" in again


def test_a_prune_of_orphans_needs_a_known_folder(admin_client, monkeypatch):
    monkeypatch.setattr(Card._meta.get_field("note"), "upload_to", lambda *args: "x.jpg")
    data = {"kind": "prune", "field": "app.Card.note", "orphans": "on", "min_age_days": "3"}

    page = admin_client.post(ADD_RUN, data).content.decode()

    assert "cannot be told from others" in page
    assert not WarmRun.objects.exists()


def test_only_a_field_with_warm_can_be_rewarmed(admin_client):
    page = admin_client.post(ADD_RUN, {"kind": "warm", "field": "app.Card.note"}).content.decode()

    assert "declares no renditions to make" in page
    assert not WarmRun.objects.exists()


def test_the_list_shows_what_a_prune_has_deleted(admin_client):
    WarmRun.objects.create(
        model_label="app.Person", field_name="headshot", kind="prune", planned=9, kept=5, deleted=4
    )

    page = admin_client.get("/admin/rendition_workers/warmrun/").content.decode()

    assert "kept: 5, deleted: 4" in page
    assert "Delete files that nothing needs" in page
