"""What drf-spectacular says of renditions; imported where it is installed."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension


class RenditionUrls(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """An object of URLs with the names of the key set; a blank picture has none of them."""

    target_class = "renditions.serializers.VersatileImageFieldSerializer"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        """Return the schema of one field."""
        return {
            "type": "object",
            "properties": {
                name: {"type": "string", "format": "uri", "description": str(key)}
                for name, key in self.target.key_set()
            },
            "additionalProperties": False,
        }
