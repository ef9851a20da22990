"""`make bench-service` measures every row of its table."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from benchmarks.service.table import DATABASES, GROUPS, POSTGRES, ROWS, SQLITE
from tests.service.processes import CHECKOUT, PYTHON, inherited

pytest.importorskip("storages")
TIMEOUT_S = 300


def _run(folder: Path, *options: str) -> tuple[str, dict]:
    command = [PYTHON, "-m", "benchmarks.service", "--results", str(folder), *options]
    ran = subprocess.run(
        command, cwd=CHECKOUT, env=inherited(), capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert ran.returncode == 0, ran.stderr
    return (folder / "service.md").read_text(), json.loads((folder / "service.json").read_text())


@pytest.mark.smoke
def test_a_quick_run_fills_every_row(tmp_path):
    """Each row of the table has a value, a goal and a verdict."""
    table, results = _run(tmp_path, "--quick", "--delay-ms", "1", "--database", SQLITE)

    assert set(results["groups"]) == set(GROUPS)
    section = _section(table, SQLITE)
    for row in ROWS:
        [line] = [line for line in section.splitlines() if line.startswith(f"| {row.text} |")]
        *_, goal, measured, met = (cell.strip() for cell in line.strip("|").split("|"))
        assert goal.startswith(row.bound.value), line
        # What is added to something may be below 0 in two or three rounds.
        assert re.fullmatch(r"-?[\d,]+(\.\d+)?", measured), line
        assert met in ("yes", "no"), line


@pytest.mark.smoke
@pytest.mark.postgres
def test_one_group_is_measured_alone_on_postgresql(tmp_path):
    """The other rows say that they were left out."""
    table, results = _run(tmp_path, "--quick", "--database", POSTGRES, "--only", "planning")

    assert results["groups"]["planning"][POSTGRES]["per_s"] > 0
    assert _section(table, POSTGRES).count("not measured") == len(ROWS) - 1


def _section(table: str, database: str) -> str:
    """Return the part of the report about one database."""
    return table.partition(f"| {DATABASES[database]} |")[2].partition("\n\n")[0]
