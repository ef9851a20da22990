"""One upload, from the save to the files, through real processes."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import transaction

from renditions.records import RecordState
from tests.app.models import Person
from tests.service.nodes import Worker
from tests.service.waiting import wait_for
from workers import dispatch, ledger
from workers.models import WarmJob
from workers.targets import signature, target_of

from .filters import ORDINARY, SLOW
from .outcome import all_made, assert_all_made, jobs_of, recorded, rendition_files

pytestmark = pytest.mark.smoke

Save = Callable[..., Person]
Begun = Callable[[], list[int]]

FIELD = Person._meta.get_field("headshot")


def test_save_makes_every_rendition(save: Save, media: Path):
    """After a save, a worker makes all declared renditions, each with the right pixels."""
    person = save()

    wait_for(lambda: all_made(person), 10, "all renditions are made")

    assert_all_made(person, media)
    assert recorded(person) == {RecordState.CREATED}


def test_rolled_back_save_leaves_nothing(save: Save, media: Path, worker: Worker):
    """A save that is rolled back leaves no ledger row, no message and no rendition."""
    before = _received(worker)
    with transaction.atomic():
        save(name="never.jpg")
        transaction.set_rollback(True)
    assert not WarmJob.objects.exists()

    # Messages are taken in order: one of the rolled-back save would be taken before this one.
    person = save(name="after.jpg")
    wait_for(lambda: all_made(person), 10, "the next save is made")

    assert _received(worker) == before + 1
    assert not any("never" in name for name in rendition_files(media))


def test_message_waits_for_the_commit(save: Save, worker: Worker):
    """No message is sent before the commit, so that no worker looks for the row too early."""
    with transaction.atomic():
        person = save()
        before, sweeps = _received(worker), _received(worker, "sweep")
        # A message that was sent already would be taken before this one.
        dispatch.send_sweep()
        wait_for(
            lambda: _received(worker, "sweep") > sweeps, 10, "the worker took the later message"
        )
        assert jobs_of(person).exists()
        assert _received(worker) == before
    wait_for(lambda: all_made(person), 10, "all renditions are made")

    assert _received(worker) == before + 1


def test_job_with_many_messages_is_done_once(save: Save, hold: Path, begun: Begun):
    """A job is done once, however many messages come during it and after it."""
    person = save(SLOW)
    hint = _hint_of(person)
    wait_for(begun, 10, "the job has begun")

    for _ in range(10):
        dispatch.send(hint)
    bystander = save()
    wait_for(lambda: all_made(bystander), 10, "the other pool process has taken the extra messages")
    hold.unlink()
    wait_for(lambda: all_made(person), 10, "the job is done")
    dispatch.send(hint)
    last = save()
    wait_for(lambda: all_made(last), 10, "the late message is taken")

    assert len(begun()) == 3, "a picture was rendered twice"


def test_two_workers_do_a_job_once(
    save: Save, hold: Path, begun: Begun, worker: Worker, start_another: Callable[[], Worker]
):
    """A job whose message reaches two workers is done once."""
    another = start_another()
    person = save(SLOW)
    hint = _hint_of(person)
    wait_for(begun, 10, "the job has begun")

    before = [_received(node) for node in (worker, another)]

    def both_took_it() -> bool:
        dispatch.send(hint)
        now = [_received(node) for node in (worker, another)]
        return all(more > fewer for more, fewer in zip(now, before, strict=True))

    wait_for(both_took_it, 10, "both workers have taken the message")
    hold.unlink()
    wait_for(lambda: all_made(person), 10, "the job is done")

    assert len(begun()) == 1


def test_save_that_replaces_the_picture_wins(
    save: Save, hold: Path, begun: Begun, picture: Callable, media: Path
):
    """After a save during a job, the new picture has all its renditions, and the old one none."""
    person = save(SLOW, "old.jpg")
    wait_for(begun, 10, "the job of the old picture has begun")

    person.headshot = picture("new.jpg", *ORDINARY)
    person.save()
    hold.unlink()
    wait_for(lambda: all_made(person), 10, "the new picture is made")

    assert_all_made(person, media)
    assert not any("/old" in name for name in rendition_files(media))


def test_uploads_are_done_before_bulk_runs(
    save: Save, hold: Path, begun: Begun, picture: Callable, media: Path
):
    """Jobs of uploads overtake jobs that wait in the bulk queue."""
    save(SLOW)
    save(SLOW)
    wait_for(lambda: len(begun()) == 2, 10, "both children are busy")
    bulk = [Person(headshot=picture(f"{i}.jpg", *ORDINARY)) for i in range(12)]
    Person.objects.bulk_create(bulk)
    for person in bulk:
        owed = ledger.enqueue(
            target_of(person, FIELD, "default"), signature(FIELD, person.headshot.plans())
        )
        dispatch.send(replace(owed, bulk=True))
    uploads = [save() for _ in range(6)]

    hold.unlink()
    wait_for(lambda: all_made(*uploads, *bulk), 15, "all are made")

    last_upload = max(_made_at(person, media) for person in uploads)
    early = [person for person in bulk if _made_at(person, media) < last_upload]
    # The worker had taken two before the uploads came; two more may run next to the last uploads.
    assert len(early) <= 4


def _hint_of(person: Person) -> ledger.Hint:
    job = jobs_of(person).get()
    return ledger.Hint("default", job.pk, job.generation)


def _received(worker: Worker, task: str = "warm") -> int:
    """Return how many messages of a task the worker has taken since its start."""
    return len(re.findall(rf"Task renditions\.{task}\[.*\] received", worker.logs()))


def _made_at(person: Person, media: Path) -> int:
    """Return when the last rendition was written, in ns."""
    return max((media / p.path).stat().st_mtime_ns for p in person.headshot.plans())
