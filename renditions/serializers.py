"""Renditions in Django REST framework; needs `pip install django-renditions[drf]`."""

from typing import Any

from rest_framework.fields import ReadOnlyField

from . import conf
from .files import VersatileImageFieldFile
from .keys import RenditionKey, RenditionKeySet
from .plans import validated


class VersatileImageFieldSerializer(ReadOnlyField):
    """A picture as `{name: url}` in the order of a rendition key set; `{}` for a blank one.

    URLs are absolute where the serializer's context holds the request.

    Args:
        sizes: The name of a key set in settings, or (name, rendition key) pairs.
    """

    def __init__(self, sizes: object, **kwargs: Any) -> None:
        self.sizes = sizes
        if not isinstance(sizes, str):
            validated(sizes)
        super().__init__(**kwargs)

    def to_representation(self, value: VersatileImageFieldFile) -> dict[str, str]:
        """Return the URLs by name."""
        if not value:
            return {}
        return {name: self._absolute(_url(value, key)) for name, key in self._key_set()}

    def _key_set(self) -> RenditionKeySet:
        return conf.key_set(self.sizes) if isinstance(self.sizes, str) else validated(self.sizes)

    def _absolute(self, url: str) -> str:
        request = self.context.get("request")
        return request.build_absolute_uri(url) if request else url


def _url(image: VersatileImageFieldFile, key: RenditionKey) -> str:
    return str(image.url if key.is_original else image.rendition(key).url)
