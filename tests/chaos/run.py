"""One run: one fault, one database, one seed. Prints what it does; writes its verdict as JSON.

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

from .environment import Place
from .service import Options, Service, placed, report_of, seeded

FAULTS = (
    "kills", "deploys", "poison", "broker", "cache", "storage", "s3", "database", "races",
    "names", "clock",
)  # fmt: skip
CUT_OFF = ("kills", "storage")
# Nobody may wait longer than this for what heals by itself: leases, backoff and sweeps are short.
PATIENCE_S = 90
# With a guard out nobody expects it to heal.
LITTLE_PATIENCE_S = 25


@dataclass
class Verdict:
    """What a run found. Every count but the first two must be 0."""

    fault: str
    database: str
    seed: int
    injected: int = 0
    reads: int = 0
    lost: int = 0  # a rendition that is not there, though it could be made; or no reason why
    half_written: int = 0  # seen by the reader, or there in the end
    duplicated: int = 0  # work done twice, or by two at once
    wrong: int = 0  # of other content, of nobody, outside, or a promise that was not kept
    recovery_s: float = 0  # the longest
    took_s: float = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether all promises were kept."""
        return not (self.lost or self.half_written or self.duplicated or self.wrong)


class Chaos:
    """What a fault works with."""

    def __init__(self, service: Service, verdict: Verdict, *, short: bool, seed: int) -> None:
        self.service = service
        self.place = service.place
        self.verdict = verdict
        self.short = short
        self.dice = seeded(seed, verdict.fault)
        self.may_fail: set[str] = set()  # primary keys of pictures that nobody can make
        self._number = 0

    def size(self, full: int, short: int) -> int:
        """Return how many, in this run."""
        return short if self.short else full

    def save(self, name: str = "a.jpg", **more: Any) -> Any:
        """Save a picture as an installation would, and return it."""
        from django.core.files.base import ContentFile

        from .app.models import Picture
        from .pictures import drawn

        self._number += 1
        picture = Picture(number=self._number, **more)
        picture.image = ContentFile(drawn(self._number), name=name)
        picture.save()
        return picture

    def save_many(self, count: int) -> list[Any]:
        """Save `count` pictures."""
        return [self.save() for _ in range(count)]

    def next_number(self) -> int:
        """Return a number that no picture has had."""
        self._number += 1
        return self._number

    def settled(self) -> bool:
        """Whether nothing is queued or being warmed."""
        from workers.models import JobState, WarmJob

        return not WarmJob.objects.exclude(state=JobState.FAILED).exists()

    def settle(self, within_s: float = PATIENCE_S) -> float:
        """Wait until the service has healed; return how long that took."""
        if self.place.without:
            within_s = min(within_s, LITTLE_PATIENCE_S)
        since = time.monotonic()
        self.service.wait(self.settled, within_s, "everything is made or failed")
        took = time.monotonic() - since
        self.verdict.recovery_s = max(self.verdict.recovery_s, took)
        return took

    def broken(self, promise: str, times: int = 1) -> None:
        """Note a promise that was not kept."""
        self.verdict.wrong += times
        self.note(f"NOT KEPT: {promise}")

    def expect(self, kept: object, promise: str) -> None:
        """Note a promise that was not kept, if it was not."""
        if not kept:
            self.broken(promise)

    def note(self, text: str) -> None:
        """Say something about the run."""
        self.verdict.notes.append(text)
        print(f"    {text}", flush=True)

    def trouble(self, **operations: Any) -> None:
        """Let the storage fail from now on, in every process; nothing: it works again."""
        fresh = self.place.trouble.with_suffix(".new")
        fresh.write_text(json.dumps(operations))
        fresh.replace(self.place.trouble)


def run(fault: str, database: str, seed: int, *, short: bool, without: tuple[str, ...]) -> Verdict:
    """Run one fault from beginning to end, in this process and its children."""
    module = importlib.import_module(f"tests.chaos.faults.{fault}")
    options: Options = module.options(short=short, database=database)
    if short:
        # Where no write is cut off there is little to see, and the cores are needed.
        options.reader = fault in CUT_OFF
    verdict = Verdict(fault, database, seed)
    since = time.monotonic()
    with placed(database, options, without) as place:
        service = Service(place, Path(place.folder), options)
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
            chaos_note = traceback.format_exc(limit=-2)
            verdict.wrong += 1
            verdict.notes.append(chaos_note)
        finally:
            service.stop()
            _finish(verdict, service, place)
    verdict.took_s = time.monotonic() - since
    return verdict


def _finish(verdict: Verdict, service: Service, place: Place) -> None:
    report = report_of(service.reader_report)
    verdict.reads = report["reads"]
    verdict.half_written += len(report["broken"])
    kept = os.environ.get("CHAOS_KEEP")
    if kept:
        ignored = shutil.ignore_patterns("*.sock")
        shutil.copytree(place.folder, kept, dirs_exist_ok=True, ignore=ignored)


def _migrate() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    # Messages of this process go to the run's broker.
    importlib.import_module("tests.chaos.celery")


def main(arguments: Iterable[str] | None = None) -> int:
    """Run what the command line says."""
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
