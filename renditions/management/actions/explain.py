"""manage.py renditions explain: all that is known of the pictures of one instance."""

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management.base import CommandError, OutputWrapper
from django.db import DatabaseError, connections, models, router

from renditions.explanation import Addition, ExplainedPicture, ExplainedRendition, explain
from renditions.fields import VersatileImageField
from renditions.planning.keys import InvalidSizeKey, InvalidSizeKeySet
from renditions.shell import Action, age_text, image_fields, model_named
from renditions.signals import explanation_requested


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="app.Model")
    parser.add_argument("pk", help="Primary key of the instance.")
    parser.add_argument("--json", action="store_true", help="Print one JSON document.")
    parser.add_argument(
        "--database", metavar="ALIAS", help="Default: the database that a save writes to."
    )


def run(stdout: OutputWrapper, stderr: OutputWrapper, options: dict[str, Any]) -> None:
    """Print what is declared, made, recorded and owed, and what would happen now."""
    model = model_named(options["model"])
    using = options["database"] or router.db_for_write(model)
    if using not in connections:
        raise CommandError(f"There is no database {using!r}. Known: {', '.join(connections)}.")
    instance = _instance(model, options["pk"], using)
    try:
        explained = [_explained(instance, field, using) for field in image_fields(model)]
    except (ImproperlyConfigured, InvalidSizeKey, InvalidSizeKeySet) as error:
        raise CommandError(str(error)) from error
    except DatabaseError as error:
        raise CommandError(f"The database {using!r} does not answer. {error}") from error
    name = {"model": model._meta.label, "pk": str(instance.pk), "database": using}
    if options["json"]:
        document = {
            **name,
            "fields": {
                label: _as_json(picture, additions) for label, picture, additions in explained
            },
        }
        stdout.write(json.dumps(document, indent=2))
        return
    stdout.write(f"{model._meta.label} #{instance.pk} in the database {using!r}: {instance}")
    for label, picture, additions in explained:
        stdout.write("\n".join(["", label, *_text(picture, additions)]))


def _instance(model: type[models.Model], pk: str, using: str) -> models.Model:
    try:
        instance = model._base_manager.using(using).filter(pk=pk).first()
    except (ValueError, ValidationError) as error:
        raise CommandError(f"{pk!r} is no primary key of {model._meta.label}.") from error
    except DatabaseError as error:
        raise CommandError(f"The database {using!r} does not answer. {error}") from error
    if instance is None:
        raise CommandError(
            f"{model._meta.label} has no instance with the primary key {pk!r} in the database "
            f"{using!r}."
        )
    return instance


def _explained(
    instance: models.Model, field: VersatileImageField, using: str
) -> tuple[str, ExplainedPicture, list[Addition]]:
    picture = explain(getattr(instance, field.name), field)
    answers: list[Any] = explanation_requested.send(
        field, picture=picture, instance=instance, using=using
    )
    additions = [addition for _, addition in answers if addition]
    return field.name, picture, additions


# ---- output --------------------------------------------------------------------------------------


def _as_json(picture: ExplainedPicture, additions: list[Addition]) -> dict[str, Any]:
    field, image = picture.field, picture.image
    return {
        "declared": {"warm": list(field.warm), "cleanup": field.cleanup},
        "original": {
            "name": image.name or None,
            "storage": image.storages.labels[0],
            "version": picture.original_version or None,
            "trouble": picture.original_trouble or None,
        },
        "renditions": [rendition.as_json() for rendition in picture.renditions],
        **{addition.title: addition.facts for addition in additions},
        "now": _now(picture, additions),
    }


def _text(picture: ExplainedPicture, additions: list[Addition]) -> Iterator[str]:
    field = picture.field
    cleanup = f", cleanup={field.cleanup.value!r}" if field.cleanup else ""
    if field.warm:
        yield f"  Declared   warm={list(field.warm)}{cleanup}"
    else:
        yield f"  Declared   nothing to warm{cleanup}"
    yield f"  Original   {_original(picture)}"
    yield from _renditions(picture)
    for addition in additions:
        first, *rest = addition.lines
        yield f"  {addition.title.capitalize():<9}  {first}"
        yield from (f"             {line}" for line in rest)
    first, *rest = _now(picture, additions)
    yield f"  Now        {first}"
    yield from (f"             {line}" for line in rest)


def _original(picture: ExplainedPicture) -> str:
    image = picture.image
    if not image:
        return "none: the field is empty"
    told = f"{image.name} on {image.storages.labels[0]}"
    return f"{told}. {picture.original_trouble}" if picture.original_trouble else told


def _renditions(picture: ExplainedPicture) -> Iterator[str]:
    title = "Renditions"
    for rendition in picture.renditions:
        yield f"  {title:<9} {rendition.plan.key}: {_record(rendition)}; {_file(rendition)}"
        yield f"               {rendition.plan.path}"
        title = ""


def _record(rendition: ExplainedRendition) -> str:
    record = rendition.record
    if record is None:
        return "no record"
    ago = age_text((datetime.now(UTC) - record.recorded_at).total_seconds())
    return f"recorded as {record.state.value} {ago} ago"


def _file(rendition: ExplainedRendition) -> str:
    if rendition.has_file is None:
        return f"the storage {rendition.plan.storage} does not answer"
    return f"{'a file' if rendition.has_file else 'no file'} on {rendition.plan.storage}"


def _now(picture: ExplainedPicture, additions: list[Addition]) -> list[str]:
    told = [line for addition in additions for line in addition.now]
    if told:
        return told
    if not picture.image:
        return ["Nothing happens, because the field is empty."]
    if not picture.renditions:
        return ["Nothing happens, because the field declares nothing to warm."]
    return [f"`renditions warm {picture.field.label}` would {picture.effect}."]


ACTION = Action(
    help="Print all that is known of the pictures of one instance, and what would happen now.",
    add_arguments=add_arguments,
    run=run,
    examples="explain people.Person 7\nexplain people.Person 7 --json",
    notes="It changes nothing.",
)
