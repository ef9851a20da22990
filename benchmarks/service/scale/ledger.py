"""What each step of the service takes on a large ledger: a child process on PostgreSQL.

python -m benchmarks.service.scale.ledger FILE SIZE...
"""

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

ROUNDS = 5
# A step that takes longer is measured once.
SLOW_MS = 3000

logger = logging.getLogger(__name__)


def main(file: Path, sizes: list[int]) -> None:
    """Measure each step at each size."""
    import django
    from django.core.management import call_command

    django.setup()
    logging.getLogger("workers").setLevel(logging.ERROR)
    import_module("benchmarks.service.celery")
    call_command("migrate", run_syncdb=True, verbosity=0)
    from .ledger_rows import fill

    found = {}
    for size in sizes:
        start = time.monotonic()
        fill(size)
        print(f"{size:,} rows after {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
        found[size] = _measured()
        file.write_text(json.dumps(found, indent=1))


def _measured() -> dict[str, dict[str, Any]]:
    from .ledger_steps import FINAL_STEPS, STEPS

    return {
        **{name: _time(name, prepare) for name, prepare in STEPS.items()},
        **{name: _time(name, prepare, 1) for name, prepare in FINAL_STEPS.items()},
    }


def _time(name: str, prepare: Callable[[], Any], rounds: int = ROUNDS) -> Mapping[str, Any]:
    """Take a step several times, each in a transaction that is rolled back."""
    from django.db import connection, transaction
    from django.test.utils import CaptureQueriesContext

    from .ledger_rows import TABLE
    from .plans import scans

    times: list[float] = []
    result: Any = None
    while len(times) < rounds and (not times or times[0] < SLOW_MS):
        with transaction.atomic():
            step = prepare()
            with CaptureQueriesContext(connection) as queries:
                start = time.perf_counter()
                result = step()
                times.append((time.perf_counter() - start) * 1000)
            transaction.set_rollback(True)
    result = len(result) if isinstance(result, list) else result
    ways = scans([query["sql"] for query in queries], TABLE)
    print(f"  {name}: {median(times):.1f} ms, {ways}, {result}", file=sys.stderr, flush=True)
    return {"ms": median(times), "scans": ways, "rows": result if isinstance(result, int) else None}


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(size) for size in sys.argv[2:]])
