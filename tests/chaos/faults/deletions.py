"""Pictures are replaced, cleared, deleted, copied and restored, and their names are used again.

Meanwhile the disk fails and is slow, the broker is away and loses its messages, and processes are
killed: workers, and those that change pictures, right before or after a commit.

No file is left that no row needs, also no rendition that no key set declares. No file is gone that
a row shows. `deletions_s3` does the same on an object store.

Guards: `still-shown` (a removal looks at the rows), `put-off` (an upload puts off the removals of
its name), `owed-with-change` (a removal is owed in the transaction of the change), `in-progress` (a
removal waits for the worker that has the picture), and on PostgreSQL `shared-name` (a removal waits
for an open transaction that shows the picture).
"""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

from tests.chaos.faults.kills import kill_one
from tests.chaos.run import Chaos
from tests.chaos.service import Options

if TYPE_CHECKING:
    from tests.chaos.gallery import Gallery

TROUBLES = (
    {"delete": {"errno": "EIO", "share": 0.3}},
    {"delete": {"delay_s": 0.3}, "listdir": {"delay_s": 0.5, "share": 0.5}},
    {"delete": {"errno": "EIO", "share": 0.3}, "listdir": {"errno": "EIO", "share": 0.5}},
    {"listdir": {"errno": "ETIMEDOUT", "share": 0.5}, "size": {"errno": "EIO", "share": 0.2}},
)
SETTINGS = {
    "SOFT_TIME_LIMIT_S": 8,
    "HARD_TIME_LIMIT_S": 10,
    "LEASE_S": 12,
    # A job may be killed often by chance, and must not fail as poison.
    "MAX_ATTEMPTS": 50,
    "BACKOFF_MAX_S": 2,
    "REMOVAL_DELAY_S": 1,
}
SETTLES_S = 240


def options(*, short: bool, database: str) -> Options:
    """Removals that begin soon."""
    # A process more than makers of slow renditions: it takes away files meanwhile.
    return Options(
        workers=1 if short else 2,
        concurrency=3,
        settings=SETTINGS,
        hooks=("short-waits",),
        pause_s=0.2,
    )


def run(chaos: Chaos) -> None:
    """Change pictures in the middle of one trouble after the other."""
    from tests.chaos import leftovers
    from tests.chaos.gallery import Gallery

    gallery = Gallery(chaos)
    gallery.fill(chaos.size(500, 30))
    rounds = chaos.size(10, 1)
    for trouble in TROUBLES:
        chaos.trouble(**trouble)
        gallery.change(rounds)
    chaos.trouble()
    change_without_broker(chaos, gallery, rounds)
    delete_slowly_made(chaos, gallery, chaos.size(12, 4))
    gallery.finish()
    chaos.settle(SETTLES_S)
    leftovers.judge(chaos, gallery)


def change_without_broker(chaos: Chaos, gallery: Gallery, rounds: int) -> None:
    """Kill the broker, with the loss of all of its messages."""
    broker = chaos.service.broker
    chaos.service.end(broker, signal.SIGKILL)
    shutil.rmtree(chaos.service.folder / "broker" / "appendonlydir", ignore_errors=True)
    gallery.change(rounds)
    chaos.service.bring_back(broker)


def delete_slowly_made(chaos: Chaos, gallery: Gallery, times: int) -> None:
    """Delete pictures while a worker writes a rendition, and kill a process now and then."""
    from tests.chaos.gallery import WRITES_FOR_S

    for number in range(times):
        gallery.delete_slowly_made(and_reuse_name=number % 3 == 0)
        chaos.service.pause(WRITES_FOR_S)
        if number % 2:
            kill_one(chaos)
    chaos.trouble()
