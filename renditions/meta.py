"""The facts of a picture in a column beside it: size, dominant colour, ThumbHash, and two flags."""

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.db.models.expressions import F
from django.db.models.fields.files import FieldFile
from django.utils.translation import gettext_lazy as _

from .imaging.facts import PictureFacts
from .imaging.geometry import Size

__all__ = ["PictureMetaField"]


class PictureMetaField(models.JSONField):
    """The facts of the picture whose field names this one as its `meta_field`.

    A worker fills it in when it has made the renditions of the picture; a save of the instance
    does not change it. It is None until then. Otherwise it is a dict: `name` (the picture that it
    is about), `width` and `height` (upright, px), `color` (`#rrggbb`), `thumbhash` (base64),
    `animated` and `alpha`. If the file lacks its end, `rows` is the share of the rows that it has.
    `image.meta` gives the values, if they are about the present picture.
    """

    description = _("Facts of an image")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"null": True, "blank": True, "editable": False, **kwargs})

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        if self._has_new_content(model_instance):
            setattr(model_instance, self.attname, None)
        elif not add:
            # An instance that was loaded before the worker filled in the column has an old value.
            # The facts of another picture do no harm: they have its name.
            return F(self.attname)
        return super().pre_save(model_instance, add)

    def _has_new_content(self, instance: models.Model) -> bool:
        """Whether this save writes other content, perhaps under the name of the last picture."""
        fields = instance._meta.concrete_fields
        images = (
            getattr(instance, field.name)
            for field in fields
            if getattr(field, "meta_field", None) == self.name
        )
        # A history model of django-simple-history has names in place of images.
        return any(
            image and (getattr(image, "has_new_content", False) or not vars(image)["_committed"])
            for image in images
            if isinstance(image, FieldFile)
        )


def column_value(name: str, facts: PictureFacts) -> dict[str, Any]:
    """Return the value of the column for the picture `name`."""
    incomplete = {"rows": round(facts.share_of_rows, 4)} if facts.share_of_rows < 1 else {}
    return {
        "name": name,
        "width": facts.size.width,
        "height": facts.size.height,
        "color": facts.color,
        "thumbhash": facts.thumbhash,
        "animated": facts.is_animated,
        "alpha": facts.has_alpha,
        **incomplete,
    }


def facts_in(value: object, name: str) -> PictureFacts | None:
    """Return the facts in the column if they are about the picture `name`; otherwise None."""
    if not isinstance(value, Mapping) or value.get("name") != name:
        return None
    try:
        return PictureFacts(
            size=Size(int(value["width"]), int(value["height"])),
            color=str(value["color"]),
            thumbhash=str(value["thumbhash"]),
            is_animated=bool(value["animated"]),
            has_alpha=bool(value["alpha"]),
            share_of_rows=float(value.get("rows", 1)),
        )
    except (KeyError, TypeError, ValueError):
        # Other code can write to the column.
        return None


def size_in(field: Any, row: Mapping[str, Any], name: str) -> Size | None:
    """Return the upright size of the picture `name`, px; None: the row does not tell it.

    Args:
        field: The image field.
        row: Values by the names of their columns; those that are not loaded are missing.
    """
    facts = facts_in(row.get(field.meta_field or ""), name)
    if facts:
        return facts.size
    width, height = row.get(field.width_field or ""), row.get(field.height_field or "")
    return Size(width, height) if width and height else None


def columns_of(field: Any) -> list[str]:
    """Return the names of the columns that `size_in` reads."""
    return [name for name in (field.meta_field, field.width_field, field.height_field) if name]
