"""What the sweep mends besides lost messages: clocks that were set back, files left by the dead."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db.models import F
from django.db.models.functions import Now

from renditions.errors import StorageFailed
from renditions.storage import disk
from workers import dispatch, ledger, recovery
from workers.failures import Failure
from workers.ledger import Hint
from workers.models import WarmJob
from workers.targets import JobTarget


def jump_back(using: str, hours: int) -> None:
    """Set the database's clock back: all that is in the ledger lies further ahead by as much."""
    ahead = timedelta(hours=hours)
    for name in ("due_at", "lease_until", "hinted_at"):
        rows = WarmJob.objects.using(using).filter(**{f"{name}__isnull": False})
        rows.update(**{name: F(name) + ahead})


def mend(using: str) -> int:
    return ledger.clamp_times(using, lease_s=90, delay_s=900)


def test_a_clock_that_was_set_back_holds_up_no_job(ledger_db):
    """What was due is due again at once, and its message is sent again."""
    ledger.enqueue(JobTarget(ledger_db, "app.Person", "1", "headshot"), "s")
    jump_back(ledger_db, 3)
    assert not ledger.due(ledger_db, 10, bulk=False, resend_after_s=60)

    assert mend(ledger_db) == 1

    assert len(ledger.due(ledger_db, 10, bulk=False, resend_after_s=60)) == 1


def test_a_lease_from_before_the_jump_lasts_no_longer_than_a_lease(ledger_db):
    """Its worker may be alive: it keeps the job as long as anybody may."""
    hint = ledger.enqueue(JobTarget(ledger_db, "app.Person", "1", "headshot"), "s")
    claim = ledger.claim(hint, task_id="t", worker="w", lease_s=90, max_attempts=4)
    assert claim
    jump_back(ledger_db, 3)

    mend(ledger_db)

    assert ledger.holds(claim)
    ahead = WarmJob.objects.using(ledger_db).filter(lease_until__gt=Now() + timedelta(seconds=91))
    assert not ahead.exists()


def test_times_that_can_be_are_left_alone(ledger_db):
    """No jump, nothing to mend: a wait before the next attempt is waited for."""
    hint = ledger.enqueue(JobTarget(ledger_db, "app.Person", "1", "headshot"), "s")
    claim = ledger.claim(hint, task_id="t", worker="w", lease_s=90, max_attempts=4)
    assert claim
    ledger.postpone(claim, [Failure.of_job(StorageFailed("away"))], delay_s=890)

    assert mend(ledger_db) == 0
    again = Hint(ledger_db, hint.job_id, hint.generation)
    assert not ledger.claim(again, task_id="t", worker="w", lease_s=90, max_attempts=4)


@pytest.mark.django_db
def test_a_sweep_removes_what_killed_workers_were_writing(monkeypatch):
    """Whoever was writing it for longer than a lease has been killed."""
    monkeypatch.setattr(dispatch, "room", lambda queue: 0)
    dead = Path(default_storage.path(disk.FOLDER)) / f".dead{disk.SUFFIX}"
    dead.parent.mkdir(parents=True)
    dead.write_bytes(b"half")
    os.utime(dead, (0, 0))

    recovery.sweep()

    assert not dead.exists()
