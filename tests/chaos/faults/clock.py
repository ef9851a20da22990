"""The clock of the database jumps by an hour or a day, and each worker's clock is wrong.

Only the database writes and compares lease and due times, so the workers' clocks do not matter. If
the database's clock was set back, the sweep corrects times that are too far ahead.

The database's function for the time is replaced: in PostgreSQL by one that is found first on the
search path, in SQLite by one of each process. The clock of the machine stays as it is.

Guards: `mended-times`, `database-clock`. With only one of them out, the other one is enough.
"""

from datetime import UTC, datetime

from django.db import connection
from django.db.models.functions import Now

from tests.chaos.run import Chaos
from tests.chaos.service import Options

OURS_FIRST = "-c search_path=public,chaos,pg_catalog"
POSTGRES_CLOCK = """
    CREATE SCHEMA chaos;
    CREATE TABLE chaos.clock AS SELECT 0 AS ahead;
    CREATE FUNCTION chaos.statement_timestamp() RETURNS timestamptz STABLE LANGUAGE sql AS
    'SELECT pg_catalog.statement_timestamp() + ahead * interval ''1 hour'' FROM chaos.clock';
"""


def options(*, short: bool, database: str) -> Options:
    """Workers whose clocks differ by hours. A jump ends leases early, so allow many attempts."""
    return Options(
        workers=1 if short else 2,
        hooks=("skewed-clocks", "jumping-clock"),
        settings={"MAX_ATTEMPTS": 20},
        database={"options": OURS_FIRST} if database == "postgres" else {},
    )


def run(chaos: Chaos) -> None:
    """Let the clock jump while jobs are leased and while others are due later."""
    if connection.vendor == "postgresql":
        _execute(POSTGRES_CLOCK)
    ahead = 0
    for _ in range(chaos.size(20, 4)):
        # Some writes fail, so that some jobs are due later.
        chaos.trouble(save={"errno": "EIO", "share": 0.1}, open={"delay_s": 0.05})
        chaos.save_many(chaos.size(10, 5))
        chaos.service.pause(chaos.dice.uniform(0, 0.6))
        ahead += chaos.dice.choice((-1, 1)) * chaos.dice.choice((1, 24))
        _set_ahead(chaos, ahead)
        chaos.verdict.injected += 1
    chaos.trouble()
    chaos.settle()


def _set_ahead(chaos: Chaos, hours: int) -> None:
    """Set the clock of the database to `hours` ahead of the machine's."""
    if connection.vendor == "postgresql":
        _execute(f"UPDATE chaos.clock SET ahead = {hours}")
    else:
        fresh = chaos.environment.clock.with_suffix(".new")
        fresh.write_text(str(hours))
        fresh.replace(chaos.environment.clock)
    found = round((_now() - datetime.now(UTC)).total_seconds() / 3600)
    chaos.expect(found == hours, f"the clock is {hours} hours ahead and not {found}")


def _now() -> datetime:
    """Return the time of the database, as the ledger gets it."""
    from tests.chaos.app.models import Picture

    now: datetime = Picture.objects.values_list(Now(), flat=True)[:1].get()
    return now


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
