"""Faults that happen inside of the service's own processes."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from .environment import Place


def triple_delivery() -> None:
    """Every message is sent, and so delivered, three times."""
    from workers import dispatch

    send = dispatch.send

    def send_thrice(hint: Any) -> None:
        for _ in range(3):
            send(hint)

    dispatch.send = send_thrice


def skewed_clocks() -> None:
    """Each process has a clock of its own, hours away from the others."""
    hours = (os.getppid() + os.getpid()) % 5 - 2
    true = time.time
    time.time = lambda: true() + hours * 3600


def jumping_clock() -> None:
    """SQLite's clock, which is the machine's, is ahead by what the run says, in all processes."""
    from django.db.backends.signals import connection_created

    path = Place.of_this_process().clock

    def strftime(form: str, moment: str) -> str:
        ahead = timedelta(hours=int(path.read_text()) if path.exists() else 0)
        now = datetime.now(UTC) + ahead
        return now.replace(tzinfo=None).isoformat(" ", "milliseconds")

    def replace_clock(connection: Any, **_: Any) -> None:
        if connection.vendor == "sqlite":
            # `Now()` is `STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')` there, and nothing else asks it.
            connection.connection.create_function("strftime", 2, strftime)

    connection_created.connect(replace_clock, weak=False)


def slow_disk() -> None:
    """A file is long on its way to the disk: who is killed is most likely killed there."""
    from renditions.storage import disk as unfinished

    class SlowOs:
        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        def fsync(self, descriptor: int) -> None:
            time.sleep(0.015)
            os.fsync(descriptor)

    unfinished.os = SlowOs()


HOOKS: dict[str, Callable[[], None]] = {
    "slow-disk": slow_disk,
    "triple-delivery": triple_delivery,
    "skewed-clocks": skewed_clocks,
    "jumping-clock": jumping_clock,
}
