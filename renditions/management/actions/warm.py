"""manage.py renditions warm: make the missing renditions of a field, in this process."""

import argparse
from collections import Counter
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, OutputWrapper

from renditions.image_warmer import VersatileImageFieldWarmer
from renditions.planning.keys import InvalidSizeKey, InvalidSizeKeySet
from renditions.shell import Action, field_named


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("field", help="app.Model.field")
    parser.add_argument("--force", action="store_true", help="Render existing renditions again.")
    parser.add_argument(
        "--set",
        dest="sets",
        action="append",
        metavar="NAME",
        help="Name of a rendition key set; repeatable. Default: the sets that the field declares "
        "in warm.",
    )


def run(stdout: OutputWrapper, stderr: OutputWrapper, options: dict[str, Any]) -> None:
    """Warm each key set for all instances, and print each failure and the counts."""
    label, field = options["field"], field_named(options["field"])
    names = options["sets"] or field.warm
    if not names:
        raise CommandError(
            f"{label} declares no rendition key set. Set warm='NAME' on the field, or pass "
            "--set NAME."
        )
    counts: Counter[str] = Counter()
    for name in names:
        try:
            warmer = VersatileImageFieldWarmer(
                field.model._base_manager.order_by("pk"),
                name,
                field.name,
                verbose=options["verbosity"] > 0,
                force=options["force"],
            )
        except (ImproperlyConfigured, InvalidSizeKey, InvalidSizeKeySet) as error:
            raise CommandError(str(error)) from error
        for report in warmer.reports():
            counts.update(outcome.result.value for outcome in report.outcomes)
            for plan, reason in report.failures.items():
                stderr.write(f"{plan.path}: {reason}")
    told = ", ".join(f"{count} {result}" for result, count in sorted(counts.items()))
    stdout.write(f"{label}: {told or 'nothing to make'}.")
    if counts["failed"]:
        raise CommandError(f"{counts['failed']} renditions could not be made.", returncode=1)


ACTION = Action(
    help="Make the missing renditions of a field, in this process.",
    add_arguments=add_arguments,
    run=run,
    examples="warm people.Person.headshot\nwarm people.Person.headshot --set headshot --force",
)
