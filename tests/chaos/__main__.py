"""Run faults, seeds and databases one after the other, and print the table."""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path

from .processes import PARENT_DEATH
from .run import FAULTS, Verdict

COLUMNS = (
    "fault", "database", "seed", "injected", "lost", "half_written", "duplicated", "wrong",
    "recovery_s", "reads", "took_s",
)  # fmt: skip
# A run that hangs is one that failed.
TIMEOUT_S = 900


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; 1 unless all promises were kept."""
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
    print("\nAll promises were kept." if clean else "\nNOT all promises were kept.")
    return 0 if clean else 1


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="one or several; else random")
    parser.add_argument("--database", choices=("sqlite", "postgres"), action="append")
    parser.add_argument("--fault", choices=FAULTS, action="append")
    parser.add_argument("--short", action="store_true", help="a few of each, as in the test suite")
    parser.add_argument("--without", action="append", default=[], help="take a guard out")
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
    """Run one fault in a process of its own, which is all that Django's settings allow."""
    import os

    with tempfile.NamedTemporaryFile(prefix="verdict-", suffix=".json") as file:
        command = [sys.executable, "-m", "tests.chaos.run", "--fault", fault]
        command += ["--database", database, "--seed", str(seed), "--verdict", file.name, *more]
        try:
            subprocess.run(
                [*PARENT_DEATH, str(os.getpid()), *command], timeout=TIMEOUT_S, check=False,
                stdout=subprocess.PIPE, stderr=sys.stderr,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Verdict(fault, database, seed, wrong=1, notes=[f"not within {TIMEOUT_S} s"])
        text = Path(file.name).read_text()
    if not text:
        return Verdict(fault, database, seed, wrong=1, notes=["it died"])
    verdict = Verdict(**json.loads(text))
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
