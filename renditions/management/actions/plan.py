"""manage.py renditions plan: what the declarations mean for what is on the storages."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, OutputWrapper
from django.db import DatabaseError

from renditions.inventory.forecasts import Files, Forecast, Line, forecast
from renditions.planning.keys import InvalidSizeKey, InvalidSizeKeySet
from renditions.shell import Action, bytes_text, field_named

_HEAD = f"  {'':<34}{'kept':>22}{'to make (estimate)':>36}{'to take away':>22}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "fields", nargs="*", help="app.Model.field; default: every image field of the project"
    )
    parser.add_argument("--json", action="store_true", help="Print one JSON document.")


def run(stdout: OutputWrapper, stderr: OutputWrapper, options: dict[str, Any]) -> None:
    """Print the forecast of each field, and exit with 1 if a storage did not answer."""
    fields = [field_named(label) for label in options["fields"]] or None
    errors: list[str] = []
    try:
        found = forecast(fields, lambda error: errors.append(str(error)))
    except (ImproperlyConfigured, InvalidSizeKey, InvalidSizeKeySet) as error:
        raise CommandError(str(error)) from error
    except DatabaseError as error:
        raise CommandError(f"A database does not answer. {error}") from error
    if options["json"]:
        document = {"fields": [_as_json(each) for each in found], "errors": errors}
        stdout.write(json.dumps(document, indent=2))
    else:
        for each in found:
            stdout.write("\n".join(_table(each)))
    for text in errors:
        stderr.write(text)
    if errors:
        raise CommandError("The plan is not complete.", returncode=1)


def _as_json(found: Forecast) -> dict[str, Any]:
    return {
        "label": found.label,
        "pictures": found.pictures,
        "sampled": found.sampled,
        "unreadable": found.unreadable,
        "keys": [_line_as_json(line) for line in found.lines.values()],
    }


def _line_as_json(line: Line) -> dict[str, Any]:
    size, cpu_s = line.bytes_to_make, line.cpu_s
    return {
        "key": line.key,
        "warmed": line.is_warmed,
        "kept": {"files": line.kept.files, "bytes": line.kept.bytes},
        "to_make": {
            "files": line.to_make,
            "bytes": None if size is None else round(size),
            "cpu_s": None if cpu_s is None else round(cpu_s, 3),
        },
        "to_take_away": {"files": line.to_take_away.files, "bytes": line.to_take_away.bytes},
    }


def _table(found: Forecast) -> Iterator[str]:
    yield f"{found.label}: {found.pictures:,} pictures"
    if found.lines:
        yield _HEAD
    for line in found.lines.values():
        cells = (
            _files(line.kept).rjust(22),
            _to_make(line).rjust(36),
            _files(line.to_take_away).rjust(22),
        )
        yield f"  {line.key:<34}{''.join(cells)}"
    if found.sampled:
        yield f"  The estimate is from {found.sampled} pictures."
    if found.unreadable:
        yield f"  {found.unreadable} of them cannot be rendered."


def _files(files: Files) -> str:
    return f"{files.files:,} ({bytes_text(files.bytes)})" if files.files else "-"


def _to_make(line: Line) -> str:
    size, cpu_s = line.bytes_to_make, line.cpu_s
    if not line.to_make:
        return "-"
    if size is None or cpu_s is None:
        return f"{line.to_make:,} (unknown)"
    return f"{line.to_make:,} ({bytes_text(size)}, {cpu_s:,.1f} s CPU)"


ACTION = Action(
    help="Print what there is, what will be made, and what can be taken away.",
    add_arguments=add_arguments,
    run=run,
    examples="plan\nplan people.Person.headshot --json",
    notes="It writes nothing. It exits with 1 if a storage did not answer.",
)
