"""Run faults on databases with seeds, one after the other, and print a table of the results."""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path

from psutil import TimeoutExpired

from tests.service.processes import PYTHON, Process

from .run import FAULTS, Verdict

COLUMNS = (
    "fault", "database", "seed", "injected", "lost", "left", "half_written", "duplicated", "wrong",
    "recovery_s", "reads", "took_s",
)  # fmt: skip
TIMEOUT_S = 900


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line says; return 1 if a promise was broken."""
    given = _parsed(arguments)
    seeds = given.seed or [random.randrange(1, 1_000_000)]
    print(f"Seeds: {', '.join(map(str, seeds))}. Repeat one with --seed N.", flush=True)
    verdicts = [
        _run(fault, database, seed, given)
        for database in given.database or ["sqlite", "postgres"]
        for seed in seeds
        for fault in given.fault or FAULTS
    ]
    print()
    print(table(verdicts))
    clean = all(verdict.is_clean for verdict in verdicts)
    print("\nEvery promise was kept." if clean else "\nPromises were BROKEN.")
    return 0 if clean else 1


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "--seed", type=int, action="append", help="may be repeated; default: a random one"
    )
    parser.add_argument("--database", choices=("sqlite", "postgres"), action="append")
    parser.add_argument("--fault", choices=FAULTS, action="append")
    parser.add_argument("--short", action="store_true", help="fewer faults, as in the test suite")
    parser.add_argument(
        "--without", action="append", default=[], help="a guard to take out, see guards.py"
    )
    return parser.parse_args(arguments)


def _run(fault: str, database: str, seed: int, given: argparse.Namespace) -> Verdict:
    print(f"{fault} on {database}, seed {seed}", flush=True)
    more = ["--short"] if given.short else []
    verdict = run_apart(fault, database, seed, [*more, *_without(given.without)])
    print(table([verdict]), flush=True)
    return verdict


def _without(names: Iterable[str]) -> list[str]:
    return [word for name in names for word in ("--without", name)]


def run_apart(fault: str, database: str, seed: int, more: Sequence[str] = ()) -> Verdict:
    """Run one fault in a process of its own, because Django can be configured only once."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        report, log = Path(folder, "verdict.json"), Path(folder, f"{fault}.log")
        command = [PYTHON, "-m", "tests.chaos.run", "--fault", fault, "--database", database]
        command += ["--seed", str(seed), "--verdict", str(report), *more]
        verdict = Verdict(fault, database, seed, wrong=1)
        with Process(command, log) as process:
            try:
                process.wait(TIMEOUT_S)
            except TimeoutExpired:
                verdict.notes.append(f"not within {TIMEOUT_S} s")
        if report.exists():
            verdict = Verdict(**json.loads(report.read_text()))
        if not verdict.is_clean:
            print(log.read_text(), file=sys.stderr)
    for note in verdict.notes:
        print(f"    {note}", flush=True)
    return verdict


def table(verdicts: Iterable[Verdict]) -> str:
    """Return the verdicts as a table."""
    assert {field.name for field in fields(Verdict)} >= set(COLUMNS)
    rows = [COLUMNS, *(tuple(_text(getattr(v, name)) for name in COLUMNS) for v in verdicts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _text(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
