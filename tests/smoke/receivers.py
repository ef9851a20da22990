"""A receiver of the workers that notes each call, and that can be held."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.service.waiting import NotInTime, wait_for
from workers.events import renditions_ready

from .environment import Environment

HOLD = "hold-receivers"  # file: receivers wait while it exists
TOLD = "told"  # file: a line for each call, with the process id and the primary key

MAX_WAIT_S = 30


def receive(instance: Any, **told: Any) -> None:
    """Note the call, then wait."""
    folder = Path(Environment.of_this_process().folder)
    with (folder / TOLD).open("a") as file:
        file.write(f"{os.getpid()} {instance.pk}\n")
    with suppress(NotInTime):
        wait_for(lambda: not (folder / HOLD).exists(), MAX_WAIT_S, "the test lets go")


def connect() -> None:
    renditions_ready.connect(receive, dispatch_uid="smoke")
