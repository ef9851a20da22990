"""The tables and the plot of a scale run."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...plots import lines

# Their time is allowed to grow with what they change.
PER_ROW = ("cancel a run", "retry of all that failed")

# A step whose time is more than this times as long on the largest ledger grows with it. The depth
# of an index grows with the logarithm of the rows.
GROWTH = 3.0
# Shorter times say nothing: a first query plans, connects and fills the server's memory.
SHORT_MS = 10.0


def write(results: Mapping[str, Any], folder: Path) -> str:
    """Write the table and the plot to `folder`, and return the table."""
    table = markdown(results)
    (folder / "service-scale.md").write_text(table)
    series = {
        text: [(float(n), found["jobs_per_s"]) for n, found in counts.items()]
        for text, counts in results["processes"].items()
    }
    title = "Jobs a second by number of worker processes"
    (folder / "service-scale.svg").write_text(lines(title, "worker processes", series, unit="/s"))
    return table


def markdown(results: Mapping[str, Any]) -> str:
    """Return all tables."""
    text = [
        f"{results['cores']} cores, load {results['load']:.1f} after the worker processes."
        " PostgreSQL, Valkey, the object store and the worker share them.",
        *(["", "A quick run: its values mean nothing."] if results["quick"] else []),
    ]
    for files, counts in results["processes"].items():
        text += ["", f"### Worker processes, files {files}", "", *_processes(counts)]
    text += ["", "### What one core serves", "", *_first_end(results["processes"])]
    text += ["", "### Rows on the ledger", "", *_ledger(results["ledger"])]
    return "\n".join([*text, ""])


def _processes(counts: Mapping[str, Any]) -> Iterable[str]:
    parts = list(next(iter(counts.values()))["cpu_ms_per_job"])
    yield f"| processes | jobs/s | growth | cores used | {' | '.join(parts)} | database |"
    yield "|---" * (len(parts) + 5) + "|"
    first = next(iter(counts.values()))["jobs_per_s"]
    for n, found in counts.items():
        cpu = " | ".join(f"{found['cpu_ms_per_job'][part]:.1f} ms" for part in parts)
        active = ", ".join(f"{name} {n:.2f}" for name, n in found["database_active"].items())
        yield (
            f"| {n} | {found['jobs_per_s']:.1f} | {found['jobs_per_s'] / first:.1f} "
            f"| {found['cores_used']:.2f} | {cpu} | {active or 'idle'} |"
        )


def _first_end(processes: Mapping[str, Any]) -> Iterable[str]:
    """Say how many jobs a second each part could serve with a core of its own."""
    found = next(iter(processes.values()))
    cpu = next(iter(found.values()))["cpu_ms_per_job"]
    yield "From the CPU time of a job with one worker process and files in memory."
    yield ""
    yield "| part | CPU ms a job | jobs/s of one core |"
    yield "|---|---|---|"
    for part, ms in cpu.items():
        yield f"| {part} | {ms:.2f} | {1000 / ms if ms else float('inf'):,.0f} |"


def _ledger(sizes: Mapping[str, Any]) -> Iterable[str]:
    yield f"| ms | {' | '.join(f'{int(n):,} rows' for n in sizes)} | grows | found by |"
    yield "|---" * (len(sizes) + 3) + "|"
    for step in next(iter(sizes.values())):
        at = [found[step] for found in sizes.values()]
        times = " | ".join(f"{each['ms']:,.1f}" for each in at)
        yield f"| {step} | {times} | {_growth(step, at)} | {', '.join(at[-1]['scans'])} |"


def _growth(step: str, at: list[dict[str, Any]]) -> str:
    if step in PER_ROW:
        return "with the rows that it changes"
    last = at[-1]["ms"]
    grows = last > SHORT_MS and last > GROWTH * max(at[0]["ms"], SHORT_MS / GROWTH)
    return "yes" if grows else "no"
