"""manage.py rewarm: bulk runs from the shell."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from renditions.fields import VersatileImageField

from ... import runs
from ...models import RunState, WarmRun
from ...targets import all_warmed_fields, in_each_ledger, ledger_trouble

T = TypeVar("T")

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
            force = options["force"]
            found = self._in_each(fields, lambda f, db: runs.start(f, using=db, force=force))
        else:
            last = self._in_each(fields, lambda f, db: runs.of_field(f, using=db).first())
            found = [run for run in last if run]
        if action in _CHANGES:
            found = [run for run in found if _CHANGES[action](run)]
            if not found:
                raise CommandError(f"There is no bulk run to {action}.")
        for run in found:
            run.refresh_from_db()
            self.stdout.write(_status(run))
        if not found:
            self.stdout.write("No bulk run was started yet.")

    def _in_each(
        self, fields: list[VersatileImageField], do: Callable[[VersatileImageField, str], T]
    ) -> list[T]:
        """Call `do` with each field and each of its databases.

        Raises:
            CommandError: no database has a ledger that can be used.
        """
        troubles: dict[str, str] = {}
        results = [
            result
            for field in fields
            for result in in_each_ledger(
                partial(do, field),
                field.model,
                on_error=partial(_note, troubles),
            )
        ]
        if troubles and not results:
            raise CommandError("\n".join(troubles.values()))
        for trouble in troubles.values():
            self.stderr.write(trouble)
        return results


def _note(troubles: dict[str, str], using: str, error: DatabaseError) -> None:
    troubles[using] = ledger_trouble(using, error)


def _status(run: WarmRun) -> str:
    counts = ", ".join(f"{number} {name}" for name, number in run.counts.items() if number)
    told = f"{run}: {run.state}, {run.planned} planned: {counts or 'nothing yet'}."
    if run.waits_for_release and run.state == RunState.RUNNING:
        told += " It waits for a worker of the release that started it: restart the workers."
    return told


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
