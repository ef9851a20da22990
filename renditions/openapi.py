"""The OpenAPI schema of the serializer field; imported if drf-spectacular is installed."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.settings import spectacular_settings

from .ppoi import EXAMPLE, TEXT_PATTERN


class FocalPoint(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Describes a focal point as a text of two numbers."""

    target_class = "renditions.serializers.PPOISerializerField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"type": "string", "pattern": TEXT_PATTERN, "example": EXAMPLE}


class Responsive(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Describes a picture that a client can show in several widths and formats."""

    target_class = "renditions.serializers.ResponsivePictureField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        side = {"type": "integer", "nullable": True, "description": "CSS pixels"}
        placeholder = {
            "color": {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
            "thumbhash": {"type": "string", "format": "byte"},
        }
        properties = {
            "src": {"type": "string"},
            "srcset": {
                "type": "object",
                "description": "By content type, the best first",
                "additionalProperties": {"type": "string"},
            },
            "sizes": {"type": "string"},
            "width": side,
            "height": side,
            "placeholder": {
                "type": "object",
                "nullable": True,
                "properties": placeholder,
                "required": list(placeholder),
            },
            "ready": {"type": "boolean", "description": "Whether all files are made"},
        }
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "readOnly": True,
        }


class RenditionUrls(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Describes requests as a file, and responses as an object with a URL for each name.

    No name is required, because an empty picture has no URLs. If requests and responses share one
    schema (`COMPONENT_SPLIT_REQUEST` is off), it is the schema of responses.
    """

    target_class = "renditions.serializers.VersatileImageFieldSerializer"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        if spectacular_settings.COMPONENT_SPLIT_REQUEST and direction == "request":
            return {"type": "string", "format": "binary"}
        return {
            "type": "object",
            "properties": {
                name: {"type": "string", "format": "uri", "description": str(key)}
                for name, key in self.target.key_set()
            },
            "additionalProperties": False,
        }
