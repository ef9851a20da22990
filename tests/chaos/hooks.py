"""Faults inside the processes of the service."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from .environment import Environment
from .patches import replace


def triple_delivery() -> None:
    """Every message is sent three times."""
    from workers import dispatch

    send = dispatch.send

    def send_thrice(hint: Any) -> None:
        for _ in range(3):
            send(hint)

    replace(dispatch, "send", send_thrice)


def skewed_clocks() -> None:
    """The clock of each process differs from the others by hours."""
    hours = (os.getppid() + os.getpid()) % 5 - 2
    true = time.time
    replace(time, "time", lambda: true() + hours * 3600)


def jumping_clock() -> None:
    """The clock of SQLite is ahead by as many hours as the run says, in all processes."""
    from django.db.backends.signals import connection_created

    path = Environment.of_this_process().clock

    def strftime(form: str, moment: str) -> str:
        ahead = timedelta(hours=int(path.read_text()) if path.exists() else 0)
        now = datetime.now(UTC) + ahead
        return now.replace(tzinfo=None).isoformat(" ", "milliseconds")

    def replace_clock(connection: Any, **_: Any) -> None:
        if connection.vendor == "sqlite":
            # Django's `Now()` is `STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')` on SQLite.
            connection.connection.create_function("strftime", 2, strftime)

    connection_created.connect(replace_clock, weak=False)


def slow_disk() -> None:
    """Writing a file takes long, so that most kills come in the middle of it."""
    from renditions.storage import disk

    class SlowOs:
        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        def fsync(self, descriptor: int) -> None:
            time.sleep(0.015)
            os.fsync(descriptor)

    replace(disk, "os", SlowOs())


def growing_key_sets() -> None:
    """A process that is about to run a task looks whether the key sets have grown."""
    from celery.signals import task_prerun

    task_prerun.connect(look_at_key_sets, weak=False)


def look_at_key_sets(**_: Any) -> None:
    """Read the key sets once more after they have grown; a process keeps what it has read."""
    from django.core.signals import setting_changed

    global _have_grown
    if not _have_grown and Environment.of_this_process().more_keys.exists():
        _have_grown = True
        setting_changed.send(sender=None, setting="RENDITIONS", value=None, enter=True)


_have_grown = False


def short_waits() -> None:
    """A removal that waits for a worker or a transaction looks again soon."""
    from workers import removals

    replace(removals, "LOOK_AGAIN_AFTER_S", 2)


HOOKS: dict[str, Callable[[], None]] = {
    "slow-disk": slow_disk,
    "triple-delivery": triple_delivery,
    "skewed-clocks": skewed_clocks,
    "jumping-clock": jumping_clock,
    "growing-key-sets": growing_key_sets,
    "short-waits": short_waits,
}
