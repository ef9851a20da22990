"""Measure worker processes with several storages, and steps on ledgers of several sizes."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.service.servers import postgres, short_folder, valkey

from ..environment import Environment
from ..object_store import object_store
from ..processes import measured
from ..servers import new_database
from ..table import POSTGRES
from .report import write

PROCESSES, QUICK_PROCESSES = (1, 2, 4, 8), (2,)
SIZES, QUICK_SIZES = (10_000, 1_000_000, 10_000_000), (6000,)
# A folder of Linux that is no disk.
MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Files:
    """Where originals and renditions are."""

    text: str
    jobs: int  # for each worker process
    in_memory: bool = False
    delay_ms: float | None = None  # of the object store; None: there is none


def kinds_of_files(delay_ms: float) -> tuple[Files, ...]:
    """Return the storages that are compared: they end the growth at different places."""
    return (
        Files("in memory (tmpfs)", 250, in_memory=True),
        Files("on the disk of this machine", 100),
        Files(f"object store, {delay_ms:g} ms a request", 100, delay_ms=delay_ms),
        Files(f"object store, {10 * delay_ms:g} ms a request", 25, delay_ms=10 * delay_ms),
    )


def scale(results: Path, delay_ms: float, *, quick: bool) -> str:
    """Measure everything, write table, plot and JSON to `results`, and return the table."""
    found: dict[str, Any] = {"cores": os.cpu_count(), "quick": quick, "processes": {}}
    kinds = kinds_of_files(delay_ms)
    for files in kinds[::2] if quick else kinds:
        print(f"Worker processes, files {files.text}", file=sys.stderr)
        found["processes"][files.text] = _processes(files, quick)
    found["load"] = os.getloadavg()[2]
    found["ledger"] = _ledger(QUICK_SIZES if quick else SIZES)
    results.mkdir(parents=True, exist_ok=True)
    (results / "service-scale.json").write_text(json.dumps(found, indent=1) + "\n")
    return write(found, results)


def _processes(files: Files, quick: bool) -> dict[str, Any]:
    counts = QUICK_PROCESSES if quick else PROCESSES
    jobs = 10 if quick else files.jobs
    # A commit waits for the disk, as in production.
    with (
        valkey() as broker,
        postgres("-c", "fsync=on") as server,
        short_folder() as folder,
        _media(files) as media,
        nullcontext("") if files.delay_ms is None else object_store(folder) as store_url,
    ):
        environment = Environment(
            folder=str(media),
            database=new_database(POSTGRES, "processes", folder, server),
            cache_url=broker.cache_url(1),
            broker_url=broker.broker_url(0),
            store_url=store_url,
            delay_ms=files.delay_ms or 0,
        )
        arguments = [str(jobs), *map(str, counts)]
        return measured("scale.processes", folder / "found.json", environment, *arguments)


@contextmanager
def _media(files: Files) -> Iterator[Path]:
    place = MEMORY if files.in_memory and MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="rb-", dir=place) as folder:
        yield Path(folder)


def _ledger(sizes: tuple[int, ...]) -> dict[str, Any]:
    # Only the time that grows is asked for, so commits need not wait for the disk.
    with valkey() as broker, postgres() as server, short_folder() as folder:
        environment = Environment(
            folder=str(folder),
            database=new_database(POSTGRES, "ledger", folder, server),
            cache_url=broker.cache_url(1),
            broker_url="silent://",
        )
        file = folder / "found.json"
        return measured("scale.ledger", file, environment, *map(str, sizes))
