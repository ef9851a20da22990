"""`make bench-service` measures every row of its tables."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from benchmarks.service.table import DATABASES, GROUPS, POSTGRES, ROWS, SQLITE
from tests.service.processes import CHECKOUT, PYTHON, inherited

pytest.importorskip("storages")
TIMEOUT_S = 300


def _run(folder: Path, *options: str, name: str = "service") -> tuple[str, dict]:
    command = [PYTHON, "-m", "benchmarks.service", "--results", str(folder), *options]
    ran = subprocess.run(
        command, cwd=CHECKOUT, env=inherited(), capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads((folder / f"{name}.json").read_text())
    return (folder / f"{name}.md").read_text(), found


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


@pytest.mark.smoke
@pytest.mark.postgres
def test_a_quick_scale_run_fills_both_tables(tmp_path):
    """Worker processes finish their jobs with each kind of files, and each step has a time."""
    options = ("--scale", "--quick", "--delay-ms", "1")
    table, results = _run(tmp_path, *options, name="service-scale")

    assert len(results["processes"]) == 2
    for counts in results["processes"].values():
        assert all(found["jobs_per_s"] > 0 for found in counts.values()), counts
    for steps in results["ledger"].values():
        assert all(found["ms"] > 0 for found in steps.values()), steps
        assert steps["retry of all that failed"]["rows"] > 0
    assert (tmp_path / "service-scale.svg").read_text().count("<polyline") == 2
    assert "| claim and settle of a job |" in table


def _section(table: str, database: str) -> str:
    """Return the part of the report about one database."""
    return table.partition(f"| {DATABASES[database]} |")[2].partition("\n\n")[0]
