"""manage.py renditions prune: take away the files that nothing needs."""

import argparse
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, TextIO, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, OutputWrapper
from django.db import DatabaseError

from renditions.errors import RenditionError
from renditions.image_warmer import cli_progress_bar
from renditions.inventory.pruning import Tally, prune
from renditions.inventory.recognition import names_are_ours
from renditions.inventory.scopes import (
    Scope,
    all_image_fields,
    normal_folder,
    scopes,
    without_folder,
)
from renditions.inventory.surveys import Survey, Verdict
from renditions.planning.keys import InvalidSizeKey, InvalidSizeKeySet
from renditions.shell import Action, age, bytes_text, field_named
from renditions.signals import prune_requested

DEFAULT_AGE = "1d"
# What each verdict is called in the table.
TITLES = {
    Verdict.NEEDED: "needed",
    Verdict.UNDECLARED: "not declared",
    Verdict.ABANDONED: "original is gone",
    Verdict.ORPHAN: "original that no row names",
    Verdict.YOUNG: "too young",
    Verdict.UNKNOWN: "unknown, kept",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "fields", nargs="*", help="app.Model.field; default: every image field of the project"
    )
    parser.add_argument("--dry-run", action="store_true", help="Count and print; change nothing.")
    parser.add_argument(
        "--older-than",
        type=age,
        default=DEFAULT_AGE,
        metavar="AGE",
        help="Take away only files older than this: 90m, 12h, 7d, 2w. Default: %(default)s.",
    )
    parser.add_argument(
        "--orphans",
        action="store_true",
        help="Also take away originals in the upload folders that no row names.",
    )
    parser.add_argument(
        "--folder",
        dest="folders",
        action="append",
        default=[],
        metavar="PATH",
        help="With --orphans: look in this folder and its subfolders, and not in the upload "
        "folders; repeatable.",
    )
    parser.add_argument(
        "--in-workers",
        action="store_true",
        help="Start a bulk run for each field. The admin shows it.",
    )


class Prune:
    """One call of the command."""

    def __init__(
        self, stdout: OutputWrapper, stderr: OutputWrapper, options: dict[str, Any]
    ) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.dry_run: bool = options["dry_run"]
        self.min_age: timedelta = options["older_than"]
        self.orphans: bool = options["orphans"]
        self.folders: list[str] = [normal_folder(each) for each in options["folders"]]
        self.in_workers: bool = options["in_workers"]
        self.shows_bar = options["verbosity"] > 0 and stdout.isatty()
        self.fields = [field_named(label) for label in options["fields"]] or None
        self.errors = 0

    def run(self) -> None:
        """Prune each storage, print what was done, and exit with 1 if something failed."""
        if self.folders and not self.orphans:
            raise CommandError("--folder needs --orphans.")
        self._check_orphans()
        if self.in_workers:
            self._start_runs()
            return
        for scope in scopes(self.fields, orphans=self.orphans, folders=self.folders):
            self._prune(scope)
        if self.errors:
            raise CommandError(f"Errors: {self.errors}. Other files were pruned.", returncode=1)

    def _start_runs(self) -> None:
        if self.folders or self.dry_run:
            raise CommandError("--in-workers takes neither --folder nor --dry-run.")
        if self.errors:
            raise CommandError("No run was started. Leave those fields out.", returncode=1)
        answers = prune_requested.send(
            None,
            fields=self.fields or all_image_fields(),
            orphans=self.orphans,
            min_age=self.min_age,
        )
        if not answers:
            raise CommandError("--in-workers needs the app `workers` in INSTALLED_APPS.")
        for _, lines in answers:
            self.stdout.write("\n".join(lines or ()))

    def _check_orphans(self) -> None:
        if not self.orphans:
            return
        if not names_are_ours():
            raise CommandError(
                "A sizer or filter of this project names its files itself, so they cannot be told "
                "from originals. --orphans is refused."
            )
        for field in without_folder(self.fields) if not self.folders else ():
            self._note_error(
                f"{field.label}: upload_to is a function, so its upload folder is not known. "
                "Name the folder with --folder."
            )

    def _prune(self, scope: Scope) -> None:
        tally = Tally()
        try:
            survey = Survey(scope, self.min_age)
            bar = Bar(self.stdout, scope) if self.shows_bar else None
            for step in prune(survey, self._note_error, dry_run=self.dry_run):
                tally.update(step.tally)
                if bar:
                    bar.draw(step.walked)
        except (ImproperlyConfigured, InvalidSizeKey, InvalidSizeKeySet) as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(
                f"A database does not answer. Run the command again. {error}"
            ) from error
        except RenditionError as error:
            self._note_error(f"{scope.label}: {error}")
        for line in self._report(scope, tally):
            self.stdout.write(line)

    def _report(self, scope: Scope, tally: Tally) -> Iterable[str]:
        labels = ", ".join(field.label for field in scope.fields)
        yield f"Storage {scope.label} ({labels}):"
        for verdict, title in TITLES.items():
            if tally.files[verdict]:
                numbers = f"{tally.files[verdict]:>12,} files{bytes_text(tally.bytes[verdict]):>12}"
                yield f"  {title:<28}{numbers}"
        if self.dry_run:
            doomed = [verdict for verdict in Verdict if verdict.is_doomed]
            files = sum(tally.files[verdict] for verdict in doomed)
            size = sum(tally.bytes[verdict] for verdict in doomed)
            yield f"  Would delete {files:,} files, {bytes_text(size)} (dry run, nothing changed)."
            return
        yield f"  Deleted {tally.deleted:,} files, {bytes_text(tally.deleted_bytes)}."
        if tally.failed:
            yield f"  Could not delete {tally.failed:,} files."
        if tally.made_again:
            yield f"  Made {tally.made_again:,} again, because a row was saved meanwhile."

    def _note_error(self, error: object) -> None:
        self.errors += 1
        self.stderr.write(str(error))


class Bar:
    """A progress bar over the files of a scope, which are counted first."""

    def __init__(self, stdout: OutputWrapper, scope: Scope) -> None:
        self.out = cast("TextIO", stdout._out)  # noqa: SLF001
        self.total = sum(1 for _ in scope.files())
        self.done = 0

    def draw(self, walked: int) -> None:
        """Note that so many more files are done."""
        # Uploads may have come since the files were counted.
        self.done = min(self.done + walked, self.total)
        cli_progress_bar(self.done, self.total, out=self.out)
        if self.done == self.total:
            self.out.write("\n")


def run(stdout: OutputWrapper, stderr: OutputWrapper, options: dict[str, Any]) -> None:
    Prune(stdout, stderr, options).run()


ACTION = Action(
    help="Delete the files that nothing needs.",
    add_arguments=add_arguments,
    run=run,
    examples="prune --dry-run\nprune people.Person.headshot --older-than 7d\n"
    "prune --orphans --folder people\nprune --in-workers",
    notes="It exits with 1 if a file could not be deleted, a storage did not answer, or an upload\n"
    "folder is not known.",
)
