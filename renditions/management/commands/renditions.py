"""manage.py renditions: make, adopt, plan or prune the renditions of fields."""

import argparse
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from renditions import conf
from renditions.engine.adoption import Verdict, adopt
from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile
from renditions.image_warmer import CHUNK_ROWS, VersatileImageFieldWarmer
from renditions.planning.keys import InvalidSizeKey, InvalidSizeKeySet, RenditionKeySet
from renditions.planning.plans import RenditionPlan

from . import _plan, _prune
from ._fields import field_named


class Command(BaseCommand):
    """`manage.py renditions warm|adopt|plan|prune [app.Model.field ...] ...`."""

    help = "Make the renditions of image fields, adopt files that exist, or prune files."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        warm = actions.add_parser("warm", help="Make the missing renditions of a field.")
        warm.add_argument("field", help="app.Model.field")
        warm.add_argument("--force", action="store_true", help="Render existing renditions again.")
        adopt = actions.add_parser(
            "adopt", help="Adopt files that exist already, so that they are not rendered again."
        )
        adopt.add_argument(
            "fields", nargs="*", help="app.Model.field; default: every field that declares warm"
        )
        adopt.add_argument(
            "--dry-run", action="store_true", help="Print which files would be adopted."
        )
        prune = actions.add_parser("prune", help="Delete the files that nothing needs.")
        _prune.add_arguments(prune)
        plan = actions.add_parser(
            "plan", help="Print what there is, what will be made, and what can be taken away."
        )
        _plan.add_arguments(plan)
        for action in (warm, adopt, plan, prune):
            # Django accepts its own options only before the subcommand.
            action.add_argument(
                "-v", "--verbosity", type=int, choices=range(4), default=argparse.SUPPRESS
            )
        for action in (warm, adopt):
            action.add_argument(
                "--set",
                dest="sets",
                action="append",
                help="Name of a rendition key set; repeatable. Default: the sets that the field "
                "declares in warm.",
            )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "warm":
            self.warm(**{name: options[name] for name in ("field", "sets", "force", "verbosity")})
            return
        if options["action"] == "plan":
            _plan.run(self.stdout, self.stderr, options)
            return
        if options["action"] == "prune":
            _prune.Prune(self.stdout, self.stderr, options).run()
            return
        if not options["dry_run"] and not conf.records_are_shared():
            self.stderr.write(
                "The records of adopted files are lost when this command ends, because its cache "
                "is not shared with other processes. Configure a shared cache first."
            )
        for field in _fields(options["fields"], options["sets"]):
            self.adopt(field, options["sets"], options["dry_run"], options["verbosity"])

    def warm(self, field: str, sets: list[str] | None, force: bool, verbosity: int) -> None:
        """Warm each key set for all instances, and print each failure and the counts."""
        image_field = field_named(field)
        names = sets or image_field.warm
        if not names:
            raise CommandError(
                f"{field} declares no rendition key set. Set warm='NAME' on the field, or pass "
                "--set NAME."
            )
        counts: Counter[str] = Counter()
        for name in names:
            try:
                warmer = VersatileImageFieldWarmer(
                    image_field.model._base_manager.order_by("pk"),
                    name,
                    image_field.name,
                    verbose=verbosity > 0,
                    force=force,
                )
            except (ImproperlyConfigured, InvalidSizeKey, InvalidSizeKeySet) as error:
                raise CommandError(str(error)) from error
            for report in warmer.reports():
                counts.update(outcome.result.value for outcome in report.outcomes)
                for plan, reason in report.failures.items():
                    self.stderr.write(f"{plan.path}: {reason}")
        self.stdout.write(f"{field}: {_text(counts) or 'nothing to make'}.")
        if counts["failed"]:
            raise CommandError(f"{counts['failed']} renditions could not be made.", returncode=1)

    def adopt(
        self, field: VersatileImageField, sets: list[str] | None, dry_run: bool, verbosity: int
    ) -> None:
        """Adopt the existing files of one field, and print each refusal and the counts."""
        try:
            key_set = field.declared_key_set(sets or field.warm)
        except (ImproperlyConfigured, InvalidSizeKey, InvalidSizeKeySet) as error:
            raise CommandError(str(error)) from error
        if not key_set.keys:
            raise CommandError(
                f"{field.label} declares no rendition key set. Set warm='NAME' on the field, or "
                "pass --set NAME."
            )
        counts: Counter[str] = Counter()
        for plan, verdict in _adopted(field, key_set, dry_run=dry_run):
            counts[verdict] += 1
            if verdict.is_refusal and verbosity > 0:
                self.stderr.write(f"{plan.path}: {verdict}")
        note = " (dry run: nothing was changed)" if dry_run else ""
        self.stdout.write(f"{field.label}: {_text(counts) or 'no pictures'}.{note}")


def _text(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {result}" for result, count in sorted(counts.items()))


def _adopted(
    field: VersatileImageField, key_set: RenditionKeySet, *, dry_run: bool
) -> Iterator[tuple[RenditionPlan, Verdict]]:
    for instance in field.model._base_manager.order_by("pk").iterator(chunk_size=CHUNK_ROWS):
        image: VersatileImageFieldFile = getattr(instance, field.name)
        yield from adopt(image.storages, image.plans(key_set), dry_run=dry_run).items()


def _fields(labels: list[str], sets: list[str] | None) -> Iterator[VersatileImageField]:
    if labels:
        yield from map(field_named, labels)
        return
    found = False
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, VersatileImageField) and (field.warm or sets):
                found = True
                yield field
    if not found:
        raise CommandError("No field declares warm. Name a field, and pass --set NAME.")
