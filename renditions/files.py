"""The value of a VersatileImageField on an instance."""

from typing import Any

from django.core.files.base import File
from django.db import models
from django.db.models.fields.files import FieldFile, ImageFieldFile, ImageFileDescriptor

from .mixins import VersatileImageMixIn
from .validators import PPOI

__all__ = ["VersatileImageFieldFile", "VersatileImageFileDescriptor"]


class VersatileImageFieldFile(VersatileImageMixIn, ImageFieldFile):
    """A picture with a focal point, and the way to its renditions."""

    def __getstate__(self) -> dict[str, Any]:
        return {
            **super().__getstate__(),
            "_ppoi_value": self.ppoi,
            "_create_on_demand": self.create_on_demand,
        }


class VersatileImageFileDescriptor(ImageFileDescriptor):
    """Notes what is assigned; a focal point comes with its picture and goes when that goes."""

    def __set__(self, instance: models.Model, value: Any) -> None:
        if isinstance(value, FieldFile) and not isinstance(value, VersatileImageMixIn):
            # Of a field of another kind: its name, or the file that it has not saved yet.
            value = value.name if value._committed else File(value.file, value.name)  # type: ignore[attr-defined]  # noqa: SLF001
        is_loaded = self.field.attname in instance.__dict__
        had_one = bool(instance.__dict__.get(self.field.attname))
        point = _point_of(value)
        super().__set__(instance, value)
        if is_loaded and value:
            # Other content may lie under a name that is assigned, even under the name it had.
            getattr(instance, self.field.attname).was_assigned = True
        ppoi_field: str | None = getattr(self.field, "ppoi_field", None)
        if ppoi_field and (point or (had_one and not value)):
            setattr(instance, ppoi_field, point)


def _point_of(value: object) -> PPOI | None:
    """Return the focal point that a picture of some row has; None where it is not loaded."""
    if not value or not isinstance(value, VersatileImageMixIn):
        return None
    # One that was pickled may have come back without them.
    field, row = vars(value).get("field"), vars(value).get("instance")
    return vars(row).get(field.ppoi_field) if field and row else None
