"""The table, the plot and the JSON of a run."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..plots import distances
from .table import DATABASES, ROWS, Row


def write(results: Mapping[str, Any], folder: Path) -> str:
    """Write all files of the results to `folder` and return the table."""
    folder.mkdir(parents=True, exist_ok=True)
    table = markdown(results)
    (folder / "service.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "service.md").write_text(table)
    for database in measured_databases(results):
        title = f"{DATABASES[database]}: before (grey) and now, as multiples of the goal"
        plot = distances(title, list(_factors(database, results)))
        (folder / f"service-{database}.svg").write_text(plot)
    return table


def value_of(row: Row, database: str, results: Mapping[str, Any]) -> float | None:
    """Return what was measured; None: this run has left it out."""
    found = results["groups"].get(row.group, {}).get(database, {}).get(row.value)
    return None if found is None else float(found)


def markdown(results: Mapping[str, Any]) -> str:
    """Return the table, with goals."""
    lines = [
        f"Each request to the object store takes {results['delay_ms']:g} ms. "
        f"{results['cores']} cores, load {results['load']:.1f} at the end. "
        f"A fixed piece of Python took {_yardstick(results)} ms of CPU beside what is reported. "
        f"{results['repeated']} times a slower phase of the machine made a group start again. "
        "'Before' is the value when the goals were set.",
        *(["", "A quick run: its values mean nothing."] if results["quick"] else []),
    ]
    for database in measured_databases(results):
        name = DATABASES[database]
        lines += ["", f"| {name} | before | goal | measured | met |", "|---|---|---|---|---|"]
        lines += [_line(row, database, value_of(row, database, results)) for row in ROWS]
    return "\n".join([*lines, ""])


def measured_databases(results: Mapping[str, Any]) -> list[str]:
    found = {database for group in results["groups"].values() for database in group}
    return [database for database in DATABASES if database in found]


def _factors(database: str, results: Mapping[str, Any]) -> Iterator[tuple[str, float, float]]:
    """Yield text, factor before and factor now of each row whose goal is not 0."""
    for row in ROWS:
        goal, value = row.goal(database), value_of(row, database, results)
        if goal and value is not None:
            yield row.text, row.bound.factor(row.was(database), goal), row.bound.factor(value, goal)


def _yardstick(results: Mapping[str, Any]) -> str:
    groups = results["groups"].values()
    times = [ms for group in groups for found in group.values() for ms in found["yardstick_ms"]]
    return f"{min(times):.1f} to {max(times):.1f}"


def _line(row: Row, database: str, value: float | None) -> str:
    goal = row.goal(database)
    cells = [row.text, f"{row.was(database):,g}", f"{row.bound.value} {goal:,g}"]
    if value is None:
        return f"| {' | '.join([*cells, 'not measured', ''])} |"
    met = "yes" if row.bound.is_met(value, goal) else "no"
    return f"| {' | '.join([*cells, f'{value:,.{row.digits}f}', met])} |"
