"""manage.py renditions: work on the renditions of a field from the shell."""

import argparse
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from renditions import conf
from renditions.engine.adoption import Verdict, adopt
from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile
from renditions.image_warmer import CHUNK_ROWS, VersatileImageFieldWarmer
from renditions.planning.keys import InvalidSizeKey, InvalidSizeKeySet, RenditionKeySet
from renditions.planning.plans import RenditionPlan


class Command(BaseCommand):
    """`manage.py renditions warm|adopt app.Model.field [--set NAME] ...`."""

    help = "Make the renditions of an image field, or take over those that are there."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the subcommands."""
        actions = parser.add_subparsers(dest="action", required=True)
        warm = actions.add_parser("warm", help="Make what is not there, and say what became of it.")
        warm.add_argument("field", help="app.Model.field")
        warm.add_argument("--force", action="store_true", help="Make again what is there.")
        adopt = actions.add_parser(
            "adopt", help="Take over files that are there already; make none."
        )
        adopt.add_argument(
            "fields", nargs="*", help="app.Model.field; default: every field that declares a set"
        )
        adopt.add_argument("--dry-run", action="store_true", help="Say what would be taken over.")
        for action in (warm, adopt):
            # Django takes its own options before the subcommand only.
            action.add_argument(
                "-v", "--verbosity", type=int, choices=range(4), default=argparse.SUPPRESS
            )
            action.add_argument(
                "--set",
                dest="sets",
                action="append",
                help="Name of a rendition key set; repeatable. Default: what the field declares.",
            )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the subcommand."""
        if options["action"] == "warm":
            self.warm(**{name: options[name] for name in ("field", "sets", "force", "verbosity")})
            return
        if not options["dry_run"] and not conf.records_are_shared():
            self.stderr.write(
                "The cache of records lives in this process: what is adopted is forgotten when it "
                "ends. Configure a shared cache first."
            )
        for field in _fields(options["fields"], options["sets"]):
            self.adopt(field, options["sets"], options["dry_run"], options["verbosity"])

    def warm(self, field: str, sets: list[str] | None, force: bool, verbosity: int) -> None:
        """Warm each key set over all instances, then print the counts and each failure."""
        image_field = _field(field)
        names = sets or image_field.warm
        if not names:
            raise CommandError(
                f"{field} declares nothing to warm. Give it warm='NAME', or pass --set NAME."
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
        told = ", ".join(f"{count} {result}" for result, count in sorted(counts.items()))
        self.stdout.write(f"{field}: {told or 'nothing to make'}.")
        if counts["failed"]:
            raise CommandError(f"{counts['failed']} renditions could not be made.", returncode=1)

    def adopt(
        self, field: VersatileImageField, sets: list[str] | None, dry_run: bool, verbosity: int
    ) -> None:
        """Take over what is there for one field, then print the counts and each refusal."""
        try:
            key_set = field.declared_key_set(sets or field.warm)
        except (ImproperlyConfigured, InvalidSizeKey, InvalidSizeKeySet) as error:
            raise CommandError(str(error)) from error
        if not key_set.keys:
            raise CommandError(
                f"{field.label} declares nothing to warm. Give it warm='NAME', or pass --set NAME."
            )
        counts: Counter[str] = Counter()
        for plan, verdict in _adopted(field, key_set, dry_run=dry_run):
            counts[verdict] += 1
            if verdict.is_refusal and verbosity > 0:
                self.stderr.write(f"{plan.path}: {verdict}")
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
        would = " (dry run: nothing was changed)" if dry_run else ""
        self.stdout.write(f"{field.label}: {told or 'no pictures'}.{would}")


def _adopted(
    field: VersatileImageField, key_set: RenditionKeySet, *, dry_run: bool
) -> Iterator[tuple[RenditionPlan, Verdict]]:
    """Adopt for every instance, in constant memory."""
    for instance in field.model._base_manager.order_by("pk").iterator(chunk_size=CHUNK_ROWS):
        image: VersatileImageFieldFile = getattr(instance, field.name)
        yield from adopt(image.storage, image.plans(key_set), dry_run=dry_run).items()


def _fields(labels: list[str], sets: list[str] | None) -> Iterator[VersatileImageField]:
    if labels:
        yield from map(_field, labels)
        return
    found = False
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, VersatileImageField) and (field.warm or sets):
                found = True
                yield field
    if not found:
        raise CommandError("No field declares anything to warm. Name a field and --set NAME.")


def _field(label: str) -> VersatileImageField:
    if label.count(".") != 2:
        raise CommandError(f"{label!r} is no field; write app.Model.field.")
    app_label, model_name, field_name = label.split(".")
    try:
        field = apps.get_model(app_label, model_name)._meta.get_field(field_name)
    except (LookupError, FieldDoesNotExist) as error:
        raise CommandError(f"{label!r} is no field; write app.Model.field. {error}") from error
    if not isinstance(field, VersatileImageField):
        raise CommandError(f"{label!r} is no VersatileImageField.")
    return field
