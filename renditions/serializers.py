"""Renditions in Django REST framework; needs `pip install django-renditions[drf]`."""

from typing import Any

from django.apps import apps
from rest_framework.fields import ImageField

from . import conf
from .files import VersatileImageMixIn
from .forms import VersatileImageFormField
from .planning.keys import RenditionKeySet
from .planning.plans import validated


class VersatileImageFieldSerializer(ImageField):
    """A picture as `{name: url}` in the order of a rendition key set; written as an upload.

    A blank one has the URLs of the field's placeholder, or is `{}`. URLs are absolute where the
    serializer's context holds the request. An upload is refused with the reason if no rendition
    could be made of it.

    Args:
        sizes: The name of a key set in settings, or (name, rendition key) pairs.
    """

    def __init__(self, sizes: object, **kwargs: Any) -> None:
        self.sizes = sizes
        if apps.ready:
            # A wrong set is found here and now; before, the project's sizers are not known yet.
            self.key_set()
        super().__init__(**{"_DjangoImageField": VersatileImageFormField, **kwargs})

    @property
    def sizes(self) -> list[tuple[str, str]]:
        """The (name, rendition key) pairs that are shown, as the settings have them now."""
        return [(name, str(key)) for name, key in self.key_set()]

    @sizes.setter
    def sizes(self, sizes: object) -> None:
        # An iterator can be read once only.
        self._sizes = sizes if isinstance(sizes, str) else RenditionKeySet.parse(sizes)

    def key_set(self) -> RenditionKeySet:
        """Return what is shown, as the settings have it now."""
        return conf.key_set(self._sizes) if isinstance(self._sizes, str) else validated(self._sizes)

    def to_native(self, value: VersatileImageMixIn) -> dict[str, str]:
        """Return the URLs by name; what old subclasses override."""
        urls, request = value.urls(self.key_set()), self.context.get("request")
        if request is None:
            return urls
        return {name: request.build_absolute_uri(url) for name, url in urls.items()}

    def to_representation(self, value: VersatileImageMixIn) -> dict[str, str]:  # type: ignore[override]
        """Return the URLs by name."""
        return self.to_native(value)
