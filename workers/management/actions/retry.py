"""manage.py renditions retry: queue failed jobs again."""

import argparse
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from renditions.shell import Action

from ... import dispatch, ledger
from ...shell import add_filters, failed_jobs, has_filter
from ...targets import in_each_ledger, ledger_trouble


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_filters(parser)
    parser.add_argument("--all", action="store_true", help="Every failed job; needs no filter.")


def run(stdout: OutputWrapper, stderr: OutputWrapper, options: dict[str, Any]) -> None:
    """Queue the chosen jobs again with all their attempts, and ask a worker for a sweep."""
    if options["all"] == has_filter(options):
        raise CommandError("Choose jobs with --kind, --model or --older-than, or pass --all alone.")
    skipped: list[str] = []
    retried = sum(
        in_each_ledger(
            lambda using: ledger.retry(failed_jobs(using, options)),
            on_error=lambda using, error: skipped.append(ledger_trouble(using, error)),
        )
    )
    for trouble in skipped:
        stderr.write(trouble)
    if retried:
        dispatch.send_sweep()
    jobs = "1 failed job was" if retried == 1 else f"{retried} failed jobs were"
    stdout.write(f"{jobs} queued again.")
    if skipped:
        raise CommandError("A database was skipped.", returncode=1)


ACTION = Action(
    help="Queue failed jobs again, with all their attempts.",
    add_arguments=add_arguments,
    run=run,
    examples="retry --kind storage\n"
    "retry --model people.Person --older-than 2h\n"
    "retry --model people.Person --pk 7\n"
    "retry --all",
    notes="It says how many, and exits with 1 if a database does not answer.",
)
