"""One run: one fault, one database, one seed. It prints notes and writes its verdict as JSON.

python -m tests.chaos.run --fault kills --database sqlite --seed 1 [--short] [--without GUARD]
"""

import argparse
import importlib
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .service import Options, Service, prepared, report_of, seeded

FAULTS = (
    "kills", "deploys", "poison", "broker", "cache", "storage", "s3", "database", "races",
    "names", "clock", "receivers", "deletions", "deletions_s3",
)  # fmt: skip
# In these, a process is stopped while it writes.
INTERRUPTING = ("kills", "storage", "deletions")
# The service must recover within this time. Leases, backoff and sweeps are short here.
RECOVERY_S = 90
# Without a guard it may never recover.
RECOVERY_WITHOUT_GUARD_S = 25


@dataclass
class Verdict:
    """The result of a run. `lost`, `left`, `half_written`, `duplicated`, `wrong` must be 0."""

    fault: str
    database: str
    seed: int
    injected: int = 0
    reads: int = 0
    lost: int = 0  # files that are missing without a reason
    left: int = 0  # files that nothing needs any more
    half_written: int = 0  # seen by the reader, or there at the end
    duplicated: int = 0  # work that was done twice
    wrong: int = 0  # renditions with other content, and other broken promises
    recovery_s: float = 0  # the longest
    took_s: float = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.left or self.half_written or self.duplicated or self.wrong)


class Chaos:
    """The tools of a fault: save pictures, make trouble, wait, and note broken promises."""

    def __init__(self, service: Service, verdict: Verdict, *, short: bool, seed: int) -> None:
        self.service = service
        self.environment = service.environment
        self.verdict = verdict
        self.short = short
        self.dice = seeded(seed, verdict.fault)
        self.may_fail: set[str] = set()  # primary keys of pictures that cannot be rendered
        self._number = 0

    def size(self, full: int, short: int) -> int:
        """Return `full`, or `short` in a short run."""
        return short if self.short else full

    def save(self, name: str = "a.jpg", **more: Any) -> Any:
        """Save a new picture and return it."""
        from django.core.files.base import ContentFile

        from .app.models import Picture
        from .pictures import drawn

        self._number += 1
        picture = Picture(number=self._number, **more)
        picture.image = ContentFile(drawn(self._number), name=name)
        picture.save()
        return picture

    def save_many(self, count: int) -> list[Any]:
        return [self.save() for _ in range(count)]

    def next_number(self) -> int:
        """Return a number that no picture has yet."""
        self._number += 1
        return self._number

    def settled(self) -> bool:
        """Whether no job is queued or running."""
        from workers.models import JobState, WarmJob

        return not WarmJob.objects.exclude(state=JobState.FAILED).exists()

    def settle(self, within_s: float = RECOVERY_S) -> float:
        """Wait until the service has recovered; return how many seconds that took."""
        if self.environment.without:
            within_s = min(within_s, RECOVERY_WITHOUT_GUARD_S)
        since = time.monotonic()
        self.service.wait(self.settled, within_s, "every job is done or failed")
        took = time.monotonic() - since
        self.verdict.recovery_s = max(self.verdict.recovery_s, took)
        return took

    def broken(self, promise: str, times: int = 1) -> None:
        """Note a broken promise."""
        self.verdict.wrong += times
        self.note(f"NOT KEPT: {promise}")

    def expect(self, kept: object, promise: str) -> None:
        """Note a broken promise unless it was kept."""
        if not kept:
            self.broken(promise)

    def note(self, text: str) -> None:
        """Print a line and keep it in the verdict."""
        self.verdict.notes.append(text)
        print(f"    {text}", flush=True)

    def trouble(self, **operations: Any) -> None:
        """Let operations of the storage fail in every process from now on; none: it works again.

        See `suffer` in app/storages.py.
        """
        fresh = self.environment.trouble.with_suffix(".new")
        fresh.write_text(json.dumps(operations))
        fresh.replace(self.environment.trouble)


def run(fault: str, database: str, seed: int, *, short: bool, without: tuple[str, ...]) -> Verdict:
    """Run one fault from beginning to end, in this process and its children."""
    module = importlib.import_module(f"tests.chaos.faults.{fault}")
    options: Options = module.options(short=short, database=database)
    if short:
        # Elsewhere a reader sees nothing, and it takes time from the other short runs.
        options.reader = fault in INTERRUPTING
    verdict = Verdict(fault, database, seed)
    since = time.monotonic()
    with prepared(database, options, without) as environment:
        service = Service(environment, options)
        service.start_stores()
        try:
            _migrate()
            from . import judge

            service.start()
            chaos = Chaos(service, verdict, short=short, seed=seed)
            module.run(chaos)
            judge.judge(chaos)
        except Exception:
            traceback.print_exc()
            verdict.wrong += 1
            verdict.notes.append(traceback.format_exc(limit=-2))
        finally:
            service.stop()
            _finish(verdict, service)
    verdict.took_s = time.monotonic() - since
    return verdict


def _finish(verdict: Verdict, service: Service) -> None:
    report = report_of(service.reader_report)
    verdict.reads = report["reads"]
    verdict.half_written += len(report["broken"])
    # A folder for logs, database and media of the run.
    kept = os.environ.get("CHAOS_KEEP")
    if kept:
        ignored = shutil.ignore_patterns("*.sock")
        shutil.copytree(service.folder, kept, dirs_exist_ok=True, ignore=ignored)


def _migrate() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    # So that messages of this process go to the broker of the run.
    importlib.import_module("tests.chaos.celery")


def main(arguments: Iterable[str] | None = None) -> int:
    """Run what the command line says; return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault", choices=FAULTS, required=True)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("--verdict", type=Path)
    given = parser.parse_args(list(arguments) if arguments else None)
    verdict = run(
        given.fault, given.database, given.seed, short=given.short, without=tuple(given.without)
    )
    if given.verdict:
        given.verdict.write_text(json.dumps(asdict(verdict)))
    print(json.dumps(asdict(verdict), indent=1), flush=True)
    return 0 if verdict.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
