"""manage.py rewarm: bulk runs from the shell."""

import argparse
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from renditions.fields import VersatileImageField

from ... import runs
from ...models import WarmRun
from ...targets import all_warmed_fields, in_each_ledger

_TURNS: dict[str, Callable[[WarmRun], bool]] = {
    "pause": runs.pause,
    "resume": runs.resume,
    "cancel": runs.cancel,
}


class Command(BaseCommand):
    """`manage.py rewarm start|status|pause|resume|cancel [app.Model.field ...]`."""

    help = "Re-warm image fields over all their instances, in the workers."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the subcommands."""
        actions = parser.add_subparsers(dest="action", required=True)
        start = actions.add_parser("start", help="Start a bulk run for each field.")
        start.add_argument("--force", action="store_true", help="Make again what is there.")
        status = actions.add_parser("status", help="Say where the last run of each field stands.")
        pause = actions.add_parser("pause", help="Begin nothing more until it is resumed.")
        resume = actions.add_parser("resume", help="Go on where it was paused.")
        cancel = actions.add_parser("cancel", help="End it, but for what workers have in hand.")
        for action in (start, status, pause, resume, cancel):
            action.add_argument(
                "fields", nargs="*", help="app.Model.field; default: every field that declares sets"
            )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the subcommand, and say where the runs stand that it is about."""
        action, fields = options["action"], _warmed(options["fields"])
        if action == "start":
            force = options["force"]
            found = [
                run for field in fields for run in runs.start_in_each_database(field, force=force)
            ]
        else:
            found = [run for field in fields for run in _last_runs(field)]
        if action in _TURNS:
            found = [run for run in found if _TURNS[action](run)]
            if not found:
                raise CommandError(f"There is no bulk run to {action}.")
        for run in found:
            run.refresh_from_db()
            counts = ", ".join(f"{number} {name}" for name, number in run.counts.items() if number)
            self.stdout.write(
                f"{run}: {run.state}, {run.planned} looked at: {counts or 'nothing yet'}."
            )
        if not found:
            self.stdout.write("There was no bulk run yet.")


def _last_runs(field: VersatileImageField) -> list[WarmRun]:
    """Return the last run over `field` in each database."""
    last = in_each_ledger(lambda using: runs.of_field(field, using=using).first(), field.model)
    return [run for run in last if run]


def _warmed(labels: list[str]) -> list[VersatileImageField]:
    """Return the fields of these labels, by default all."""
    known = {field.label: field for field in all_warmed_fields()}
    for label in labels:
        if label not in known:
            raise CommandError(
                f"{label!r} is no field that declares something to warm. "
                f"Known: {', '.join(known) or 'none'}."
            )
    return [known[label] for label in labels or known]
