"""A bulk run over all pictures, through the real queue."""

from collections.abc import Callable
from pathlib import Path

import pytest
from celery import current_app
from django.core.files.base import ContentFile
from django.db import transaction

from tests.app.models import Person
from tests.service.waiting import wait_for
from workers.models import RunState, WarmRun

from .filters import ORDINARY
from .outcome import all_made, assert_all_made

pytestmark = pytest.mark.smoke

COUNTS = ("created", "current", "blank", "failed", "superseded")


def test_counts_of_a_run_add_up(picture: Callable, save: Callable[..., Person], media: Path):
    """At every moment of a bulk run, its counts add up to the number of pictures."""
    made = [save() for _ in range(3)]
    wait_for(lambda: all_made(*made), 10, "the first renditions are made")
    fresh = [Person(headshot=picture(f"{i}.jpg", *ORDINARY)) for i in range(50)]
    broken = Person(headshot=ContentFile(b"no picture", "broken.jpg"))
    Person.objects.bulk_create([*fresh, broken, Person(), Person()])

    current_app.send_task("renditions.rewarm_all")
    runs = WarmRun.objects.filter(model_label=Person._meta.label)
    run = wait_for(runs.first, 10, "the run has begun")
    wait_for(lambda: _adds_up(run) and run.state == RunState.DONE, 20, "the run is done")

    counted = {name: getattr(run, name) for name in COUNTS}
    expected = {"created": 50, "current": 3, "blank": 2, "failed": 1, "superseded": 0}
    assert counted == expected
    for person in fresh:
        assert_all_made(person, media)


def _adds_up(run: WarmRun) -> bool:
    with transaction.atomic():
        run.refresh_from_db()
        outstanding = run.jobs.count()
    assert run.planned == outstanding + sum(getattr(run, name) for name in COUNTS)
    return True
