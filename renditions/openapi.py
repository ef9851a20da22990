"""What drf-spectacular says of renditions; imported where it is installed."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.settings import spectacular_settings


class RenditionUrls(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """A file where it is sent; an object of URLs with the names of the key set where it is read.

    A blank picture has none of them. Where requests have no schemas of their own
    (`COMPONENT_SPLIT_REQUEST`), the one schema is that of what is read.
    """

    target_class = "renditions.serializers.VersatileImageFieldSerializer"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        """Return the schema of one field."""
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
