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
    """A worker makes all that is declared, with the right pixels in each corner."""
    person = save()

    wait_for(lambda: all_made(person), 10, "all renditions are made")

    assert_all_made(person, media)
    assert recorded(person) == {RecordState.CREATED}


def test_rolled_back_save_leaves_nothing(save: Save, media: Path, worker: Worker):
    """No row, no message and no rendition come of a save that never was."""
    before = _received(worker)
    with transaction.atomic():
        save(name="never.jpg")
        transaction.set_rollback(True)
    assert not WarmJob.objects.exists()

    # One queue: what the rolled-back save might have sent is done with before this one.
    person = save(name="after.jpg")
    wait_for(lambda: all_made(person), 10, "the next save is made")

    assert _received(worker) == before + 1
    assert not any("never" in name for name in rendition_files(media))


def test_message_waits_for_the_commit(save: Save, worker: Worker):
    """Within the transaction nothing is sent, so that no worker comes too early."""
    with transaction.atomic():
        person = save()
        before, sweeps = _received(worker), _received(worker, "sweep")
        # Whatever was sent by now comes before this one.
        dispatch.send_sweep()
        wait_for(lambda: _received(worker, "sweep") > sweeps, 10, "the queue has moved")
        assert jobs_of(person).exists()
        assert _received(worker) == before
    wait_for(lambda: all_made(person), 10, "all renditions are made")

    assert _received(worker) == before + 1


def test_doubled_messages_do_the_work_once(save: Save, hold: Path, begun: Begun):
    """However often a message comes, while the job is done or after, it is done once."""
    person = save(SLOW)
    hint = _hint_of(person)
    wait_for(begun, 10, "the job is begun")

    for _ in range(10):
        dispatch.send(hint)
    bystander = save()
    wait_for(lambda: all_made(bystander), 10, "the other child is through with the doubles")
    hold.unlink()
    wait_for(lambda: all_made(person), 10, "the job is done")
    dispatch.send(hint)
    last = save()
    wait_for(lambda: all_made(last), 10, "the late double is through")

    assert len(begun()) == 3, "one for each picture"


def test_two_workers_do_a_job_once(
    save: Save, hold: Path, begun: Begun, worker: Worker, start_another: Callable[[], Worker]
):
    """Two workers that both have the message share out one job."""
    another = start_another()
    person = save(SLOW)
    hint = _hint_of(person)
    wait_for(begun, 10, "the job is begun")

    before = [_received(node) for node in (worker, another)]

    def both_had_it() -> bool:
        dispatch.send(hint)
        now = [_received(node) for node in (worker, another)]
        return all(more > fewer for more, fewer in zip(now, before, strict=True))

    wait_for(both_had_it, 10, "both workers have had the message")
    hold.unlink()
    wait_for(lambda: all_made(person), 10, "the job is done")

    assert len(begun()) == 1


def test_save_that_replaces_the_picture_wins(
    save: Save, hold: Path, begun: Begun, picture: Callable, media: Path
):
    """A save that overtakes a job in hand gets all its renditions, and the old one none."""
    person = save(SLOW, "old.jpg")
    wait_for(begun, 10, "the old picture is begun")

    person.headshot = picture("new.jpg", *ORDINARY)
    person.save()
    hold.unlink()
    wait_for(lambda: all_made(person), 10, "the new picture is made")

    assert_all_made(person, media)
    assert not any("/old" in name for name in rendition_files(media))


def test_uploads_go_before_bulk(
    save: Save, hold: Path, begun: Begun, picture: Callable, media: Path
):
    """What somebody waits for overtakes what waits in the bulk queue."""
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
    # Two were in the worker's hands before the uploads came, two may be done beside the last ones.
    assert len(early) <= 4


def _hint_of(person: Person) -> ledger.Hint:
    job = jobs_of(person).get()
    return ledger.Hint("default", job.pk, job.generation)


def _received(worker: Worker, task: str = "warm") -> int:
    """How many messages for a task it has taken since its start."""
    return len(re.findall(rf"Task renditions\.{task}\[.*\] received", worker.logs()))


def _made_at(person: Person, media: Path) -> int:
    """When the last rendition was written, in ns."""
    return max((media / p.path).stat().st_mtime_ns for p in person.headshot.plans())
