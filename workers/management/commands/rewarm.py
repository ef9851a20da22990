"""manage.py rewarm: bulk runs from the shell."""

import argparse
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from renditions.fields import VersatileImageField

from ... import runs
from ...models import WarmRun
from ...targets import all_warmed_fields, in_each_ledger

_CHANGES: dict[str, Callable[[WarmRun], bool]] = {
    "pause": runs.pause,
    "resume": runs.resume,
    "cancel": runs.cancel,
}


class Command(BaseCommand):
    """`manage.py rewarm start|status|pause|resume|cancel [app.Model.field ...]`."""

    help = "Re-warm image fields over all their instances, in the workers."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        start = actions.add_parser("start", help="Start a bulk run for each field.")
        start.add_argument("--force", action="store_true", help="Make existing renditions again.")
        status = actions.add_parser("status", help="Print the last run of each field.")
        pause = actions.add_parser("pause", help="Start no more jobs until the run is resumed.")
        resume = actions.add_parser("resume", help="Continue a paused run.")
        cancel = actions.add_parser("cancel", help="End the run; jobs in progress go on.")
        for action in (start, status, pause, resume, cancel):
            action.add_argument(
                "fields", nargs="*", help="app.Model.field; default: every field with `warm`."
            )

    def handle(self, *args: Any, **options: Any) -> None:
        action, fields = options["action"], _warmed_fields(options["fields"])
        if action == "start":
            found = _start(fields, force=options["force"])
        else:
            found = [run for field in fields for run in _last_runs(field)]
        if action in _CHANGES:
            found = [run for run in found if _CHANGES[action](run)]
            if not found:
                raise CommandError(f"There is no bulk run to {action}.")
        for run in found:
            run.refresh_from_db()
            self.stdout.write(_status(run))
        if not found:
            self.stdout.write("No bulk run was started yet.")


def _start(fields: list[VersatileImageField], *, force: bool) -> list[WarmRun]:
    return [run for field in fields for run in runs.start_in_each_database(field, force=force)]


def _last_runs(field: VersatileImageField) -> list[WarmRun]:
    """Return the last run over `field` in each database."""
    last = in_each_ledger(lambda using: runs.of_field(field, using=using).first(), field.model)
    return [run for run in last if run]


def _status(run: WarmRun) -> str:
    counts = ", ".join(f"{number} {name}" for name, number in run.counts.items() if number)
    return f"{run}: {run.state}, {run.planned} planned: {counts or 'nothing yet'}."


def _warmed_fields(labels: list[str]) -> list[VersatileImageField]:
    """Return the fields with these labels; no label: all fields that declare `warm`."""
    known = {field.label: field for field in all_warmed_fields()}
    for label in labels:
        if label not in known:
            raise CommandError(
                f"{label!r} is not a field that declares `warm`. "
                f"Known: {', '.join(known) or 'none'}."
            )
    return [known[label] for label in labels or known]
