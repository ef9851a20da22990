"""The GraphQL types of our model fields; imported if strawberry_django is installed."""

from typing import Any

import strawberry
from django.core.exceptions import ValidationError
from django.db import models
from strawberry.schema.types.scalar import DEFAULT_SCALAR_REGISTRY
from strawberry_django.fields.types import field_type_map, input_field_type_map

from .fields import PPOIField, VersatileImageField
from .ppoi import PPOI, parse_json_ppoi


def _parse(value: Any) -> PPOI:
    try:
        return parse_json_ppoi(value)
    except ValidationError as error:
        raise ValueError(" ".join(error.messages)) from error


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
for types in (field_type_map, input_field_type_map):
    types.setdefault(VersatileImageField, types[models.ImageField])
