"""Uploads, from the save to the files, through real processes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.app.models import Person
from tests.service.waiting import wait_for
from workers import dispatch, ledger
from workers.targets import signature, target_of

from .filters import ORDINARY, SLOW
from .outcome import all_made, assert_all_made

pytestmark = pytest.mark.smoke

Save = Callable[..., Person]
Begun = Callable[[], list[int]]

FIELD = Person._meta.get_field("headshot")


def test_save_makes_every_rendition(save: Save, media: Path):
    """After a save, a worker makes all declared renditions, each with the right pixels."""
    person = save()

    wait_for(lambda: all_made(person), 10, "all renditions are made")

    assert_all_made(person, media)


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


def _made_at(person: Person, media: Path) -> int:
    """Return when the last rendition was written, in ns."""
    return max((media / p.path).stat().st_mtime_ns for p in person.headshot.plans())
