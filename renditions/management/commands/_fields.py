"""From the labels on a command line to the fields of the project."""

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.core.management.base import CommandError

from renditions.fields import VersatileImageField


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
