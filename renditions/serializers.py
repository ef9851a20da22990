"""Renditions in Django REST framework; needs `pip install django-renditions[drf]`."""

from typing import Any

from django.apps import apps
from rest_framework.fields import ReadOnlyField

from . import conf
from .inherited import build_versatileimagefield_url_set
from .keys import RenditionKeySet
from .mixins import VersatileImageMixIn
from .plans import validated


class VersatileImageFieldSerializer(ReadOnlyField):
    """A picture as `{name: url}` in the order of a rendition key set.

    A blank one has the URLs of the field's placeholder, or is `{}`. URLs are absolute where the
    serializer's context holds the request.

    Args:
        sizes: The name of a key set in settings, or (name, rendition key) pairs.
    """

    def __init__(self, sizes: object, **kwargs: Any) -> None:
        # An iterator can be read once only.
        self.sizes = sizes if isinstance(sizes, str) else RenditionKeySet.parse(sizes)
        if apps.ready:
            # A wrong set is found here and now; before, the project's sizers are not known yet.
            self.key_set()
        super().__init__(**kwargs)

    def key_set(self) -> RenditionKeySet:
        """Return what is shown, as the settings have it now."""
        return conf.key_set(self.sizes) if isinstance(self.sizes, str) else validated(self.sizes)

    def to_representation(self, value: VersatileImageMixIn) -> dict[str, str]:
        """Return the URLs by name."""
        return build_versatileimagefield_url_set(value, self.key_set(), self.context.get("request"))
