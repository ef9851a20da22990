"""The GraphQL types of our model fields; imported if strawberry_django is installed."""

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any, Self

import strawberry
from django.core.exceptions import ValidationError
from django.db import models
from strawberry.scalars import JSON
from strawberry.schema.types.scalar import DEFAULT_SCALAR_REGISTRY
from strawberry_django.fields.types import field_type_map, input_field_type_map

from .fields import PictureMetaField, PPOIField, VersatileImageField
from .files import VersatileImageMixIn
from .ppoi import PPOI, parse_json_ppoi
from .responsive import picture_data


def _parse(value: Any) -> PPOI:
    try:
        return parse_json_ppoi(value)
    except ValidationError as error:
        raise ValueError(" ".join(error.messages)) from error


@strawberry.type(description="The colours of a picture that is not loaded yet.")
class PicturePlaceholder:
    color: str = strawberry.field(description="The dominant colour, as `#rrggbb`.")
    thumbhash: str = strawberry.field(description="A blurred picture as a ThumbHash, in base64.")


@strawberry.type(description="A picture in several widths and formats.")
class ResponsivePicture:
    """What `renditions.responsive.picture_data` returns, for a resolver: see `of`."""

    src: str = strawberry.field(description="For clients that do not choose; empty: no picture.")
    srcset: JSON = strawberry.field(description="By content type, the best first.")
    sizes: str
    width: int | None = strawberry.field(description="CSS pixels.")
    height: int | None = strawberry.field(description="CSS pixels.")
    placeholder: PicturePlaceholder | None
    ready: bool = strawberry.field(description="Whether all files are made.")

    @classmethod
    def of(
        cls, image: VersatileImageMixIn, key_set: object, absolute: Callable[[str], str] = str
    ) -> Self:
        """Return the picture; the arguments are those of `picture_data`."""
        data = picture_data(image, key_set, absolute)
        known = data.placeholder
        placeholder = PicturePlaceholder(**asdict(known)) if known else None
        values = {each.name: getattr(data, each.name) for each in fields(data)}
        return cls(**{**values, "placeholder": placeholder})


# The maps are looked up by the very class of a field, so `auto` does not find that of its base.
# A type that the project has registered stays.
DEFAULT_SCALAR_REGISTRY.setdefault(
    PPOI,
    strawberry.scalar(
        name="FocalPoint",
        description="The focal point of a picture: shares of its width and height, `0.25x0.75`.",
        serialize=str,
        parse_value=_parse,
    ),
)
field_type_map.setdefault(PPOIField, PPOI)
field_type_map.setdefault(PictureMetaField, field_type_map[models.JSONField])
for types in (field_type_map, input_field_type_map):
    types.setdefault(VersatileImageField, types[models.ImageField])
