"""manage.py renditions adopt: take over files that exist, so that they are not rendered again."""

import argparse
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, OutputWrapper

from renditions import conf
from renditions.engine.adoption import Verdict, adopt
from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile
from renditions.image_warmer import CHUNK_ROWS
from renditions.planning.keys import InvalidSizeKey, InvalidSizeKeySet, RenditionKeySet
from renditions.planning.plans import RenditionPlan
from renditions.shell import Action, field_named


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "fields", nargs="*", help="app.Model.field; default: every field that declares warm"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="Print which files would be adopted."
    )
    parser.add_argument(
        "--set",
        dest="sets",
        action="append",
        metavar="NAME",
        help="Name of a rendition key set; repeatable. Default: the sets that the field declares "
        "in warm.",
    )


def run(stdout: OutputWrapper, stderr: OutputWrapper, options: dict[str, Any]) -> None:
    """Adopt the existing files of each field, and print each refusal and the counts."""
    if not options["dry_run"] and not conf.records_are_shared():
        stderr.write(
            "The records of adopted files are lost when this command ends, because its cache "
            "is not shared with other processes. Configure a shared cache first."
        )
    for field in _fields(options["fields"], options["sets"]):
        _adopt_field(field, stdout, stderr, options)


def _adopt_field(
    field: VersatileImageField,
    stdout: OutputWrapper,
    stderr: OutputWrapper,
    options: dict[str, Any],
) -> None:
    try:
        key_set = field.declared_key_set(options["sets"] or field.warm)
    except (ImproperlyConfigured, InvalidSizeKey, InvalidSizeKeySet) as error:
        raise CommandError(str(error)) from error
    if not key_set.keys:
        raise CommandError(
            f"{field.label} declares no rendition key set. Set warm='NAME' on the field, or "
            "pass --set NAME."
        )
    counts: Counter[str] = Counter()
    for plan, verdict in _adopted(field, key_set, dry_run=options["dry_run"]):
        counts[verdict] += 1
        if verdict.is_refusal and options["verbosity"] > 0:
            stderr.write(f"{plan.path}: {verdict}")
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    note = " (dry run: nothing was changed)" if options["dry_run"] else ""
    stdout.write(f"{field.label}: {told or 'no pictures'}.{note}")


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


ACTION = Action(
    help="Adopt files that exist already, so that they are not rendered again.",
    add_arguments=add_arguments,
    run=run,
    examples="adopt --dry-run\nadopt people.Person.headshot",
)
