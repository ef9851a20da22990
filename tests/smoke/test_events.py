"""A worker is killed while a receiver of the project runs."""

import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now

from tests.service.nodes import Worker
from tests.service.waiting import wait_for
from workers.models import Event

from . import receivers
from .outcome import all_made

pytestmark = pytest.mark.smoke


def test_a_receiver_whose_process_is_killed_is_called_again(save, worker: Worker, folder: Path):
    """The renditions are made and the job is settled, and still nobody forgets the receiver."""
    told = folder / receivers.TOLD
    (folder / receivers.HOLD).touch()
    person = save()

    def calls() -> list[list[int]]:
        lines = told.read_text().splitlines() if told.exists() else []
        return [[int(number) for number in line.split()] for line in lines]

    [(process, pk)] = wait_for(calls, 15, "the receiver is called")
    assert pk == person.pk
    assert all_made(person)
    os.kill(process, signal.SIGKILL)
    (folder / receivers.HOLD).unlink()
    # What follows would be after the lease, and no test waits so long.
    Event.objects.update(due_at=Now() - timedelta(seconds=1))

    wait_for(lambda: len(calls()) == 2, 20, "the receiver is called again")
    assert calls()[1][1] == person.pk
    wait_for(lambda: not Event.objects.exists(), 10, "the event is forgotten")
