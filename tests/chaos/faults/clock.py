"""Clocks jump: the database's by an hour, back and forth, and each worker has one of its own.

Lease and due time are written and compared by the database alone, so that workers need not agree
on the time. Where the database's own clock was set back, the sweep mends what lies too far ahead.

Guards: `mended-times`, `database-clock` (which cover for each other where only one is out).
"""

from datetime import timedelta

from django.db.models import F

from tests.chaos.run import Chaos
from tests.chaos.service import Options


def options(*, short: bool, database: str) -> Options:
    """Workers whose clocks differ by hours; attempts enough for leases that are cut short."""
    return Options(hooks=("skewed-clocks",), settings={"MAX_ATTEMPTS": 20})


def run(chaos: Chaos) -> None:
    """Move all times of the ledger, which is what it sees of a clock that jumps."""
    for _ in range(chaos.size(20, 4)):
        # Some fail on the way, so that there is something that is due later.
        chaos.trouble(save={"errno": "EIO", "share": 0.1}, open={"delay_s": 0.05})
        chaos.save_many(chaos.size(10, 5))
        chaos.service.pause(chaos.dice.uniform(0, 0.6))
        _jump(chaos.dice.choice((-1, 1)) * chaos.dice.choice((1, 24)))
        chaos.verdict.injected += 1
    chaos.trouble()
    chaos.settle()


def _jump(hours: int) -> None:
    """Set the clock `hours` ahead: what was written before is that much further in the past."""
    from workers.models import WarmJob

    by = timedelta(hours=hours)
    for name in ("due_at", "lease_until", "hinted_at"):
        rows = WarmJob.objects.filter(**{f"{name}__isnull": False})
        rows.update(**{name: F(name) - by})
