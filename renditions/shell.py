"""What the actions of `manage.py renditions` share, and how an app adds one.

An action is a module with an `ACTION`, in a package that an app has named to `add_actions`:
`status.py` is `manage.py renditions status`.
"""

import argparse
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.core.management.base import CommandError, OutputWrapper
from django.db import models

from renditions.fields import VersatileImageField

_AGE_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

_packages = ["renditions.management.actions"]


@dataclass(frozen=True, slots=True)
class Action:
    """One action. Its name is that of its module."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    # With the output, the error output, and the options by name. It raises CommandError.
    run: Callable[[OutputWrapper, OutputWrapper, dict[str, Any]], None]
    examples: str  # what one types after `manage.py renditions`, a line for each
    notes: str = ""  # for the end of its help, such as exit codes


def add_actions(package: str) -> None:
    """Let each module of `package`, a dotted path, be an action. Call it in `AppConfig.ready`."""
    if package not in _packages:
        _packages.append(package)


def all_actions() -> dict[str, Action]:
    """Return all actions by name, in the order of the alphabet. This imports their modules."""
    found: dict[str, Action] = {}
    for name in _packages:
        for module in iter_modules(import_module(name).__path__):
            found[module.name] = import_module(f"{name}.{module.name}").ACTION
    return dict(sorted(found.items()))


# ---- arguments -----------------------------------------------------------------------------------


def age(text: str) -> timedelta:
    """Return the age that `text` means, such as `90m`: the `type` of an argument."""
    match = re.fullmatch(r"(\d+)([smhdw])", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not an age. Write 90m, 12h, 7d or 2w.")
    try:
        return timedelta(seconds=int(match[1]) * _AGE_UNITS[match[2]])
    except OverflowError:
        raise argparse.ArgumentTypeError(f"{text!r} is longer than any age.") from None


def field_named(label: str) -> VersatileImageField:
    """Return the image field `app.Model.field`.

    Raises:
        CommandError: there is no such field.
    """
    if label.count(".") != 2:
        raise CommandError(f"{label!r} is not a field. Write app.Model.field.")
    app_label, model_name, field_name = label.split(".")
    try:
        field = apps.get_model(app_label, model_name)._meta.get_field(field_name)
    except (LookupError, FieldDoesNotExist) as error:
        raise CommandError(f"{label!r} is not a field. Write app.Model.field. {error}") from error
    if not isinstance(field, VersatileImageField):
        raise CommandError(f"{label!r} is not a VersatileImageField.")
    return field


def model_named(label: str) -> type[models.Model]:
    """Return the model `app.Model`, which has an image field.

    Raises:
        CommandError: there is no such model.
    """
    known = sorted(model._meta.label for model in apps.get_models() if any(image_fields(model)))
    for model in apps.get_models():
        if model._meta.label_lower == label.lower() and any(image_fields(model)):
            return model
    raise CommandError(
        f"{label!r} is not a model with a VersatileImageField. Write app.Model. "
        f"Known: {', '.join(known) or 'none'}."
    )


def image_fields(model: type[models.Model]) -> Iterator[VersatileImageField]:
    """Yield the image fields of `model`, inherited ones included."""
    for field in model._meta.concrete_fields:
        if isinstance(field, VersatileImageField):
            yield field


# ---- numbers for people --------------------------------------------------------------------------


def bytes_text(number: float) -> str:
    """Return a number of bytes with three digits and a unit: `12.3 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def age_text(seconds: float) -> str:
    """Return a time with its largest unit: `45 s`, `12 min`, `3 h`, `8 d`."""
    for unit, size, below in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < below:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:,.0f} d"
