"""`make bench-service`: measure each group of rows on each database; write table and plots."""

import argparse
import os
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.service.servers import Valkey, postgres, short_folder, valkey

from .environment import Environment
from .object_store import object_store
from .processes import measured
from .report import write
from .scale.run import scale
from .servers import new_database
from .table import DATABASES, GROUPS
from .yardstick import TRIES, Machine

RESULTS = Path(__file__).parent.parent / "results"
# Their files are in an object store.
REMOTE = ("objects", "current_objects")
# Their jobs are planned and not sent.
SILENT = ("current_objects", "current_disk", "planning")
# Its ledger takes a minute to fill.
ONCE = ("seat",)
QUICK_ROWS = 3000
# A run stops while this many of its jobs are outstanding; here no worker takes them.
UNBOUNDED = {"MAX_QUEUED": 10**6}


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service")
    parser.add_argument("--delay-ms", type=float, default=30, help="of the object store")
    parser.add_argument("--only", choices=GROUPS, action="append", help="a group of rows")
    parser.add_argument("--database", choices=tuple(DATABASES), action="append")
    parser.add_argument("--quick", action="store_true", help="few rounds: does it run?")
    parser.add_argument("--rows", type=int, default=10**6, help="on the ledger of the group seat")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument(
        "--scale", action="store_true", help="worker processes and large ledgers, not the table"
    )
    given = parser.parse_args(arguments)
    if given.scale:
        print(scale(given.results, given.delay_ms, quick=given.quick))
        return 0
    with valkey() as broker, postgres() as server:
        machine = Machine()
        groups = {
            group: _group(group, given, broker, server, machine) for group in given.only or GROUPS
        }
    results = {
        "delay_ms": given.delay_ms,
        "quick": given.quick,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[1],
        "fastest_yardstick_ms": machine.fastest_ms,
        "repeated": machine.repeated,
        "groups": groups,
    }
    print(write(results, given.results))
    return 0


def _group(
    group: str,
    given: argparse.Namespace,
    broker: Valkey,
    server: Mapping[str, Any],
    machine: Machine,
) -> dict[str, dict[str, Any]]:
    """Measure one group on each database; the databases share files and records."""
    found = {}
    with short_folder() as folder, _store(group, folder) as store_url:
        environment = Environment(
            folder=str(folder),
            database={},
            cache_url=broker.cache_url(1),
            broker_url="silent://" if group in SILENT else broker.broker_url(0),
            store_url=store_url,
            delay_ms=given.delay_ms,
            keys="eight" if group == "objects" else "small",
            quick=given.quick,
            rows=QUICK_ROWS if given.quick else given.rows,
            workers=UNBOUNDED if group == "planning" else {},
        )
        for database in given.database or DATABASES:

            def once(number: int, database: str = database) -> dict[str, Any]:
                name = f"{group}_{number}"
                new = replace(environment, database=new_database(database, name, folder, server))
                return measured("measured", folder / f"{database}.json", new, group)

            started = time.monotonic()
            found[database] = machine.measure(
                once, tries=1 if given.quick or group in ONCE else TRIES
            )
            took = time.monotonic() - started
            print(f"{group} on {DATABASES[database]}: {took:.0f} s", file=sys.stderr)
    broker.client().flushall()
    return found


def _store(group: str, folder: Path) -> AbstractContextManager[str]:
    return object_store(folder) if group in REMOTE else nullcontext("")


if __name__ == "__main__":
    sys.exit(main())
