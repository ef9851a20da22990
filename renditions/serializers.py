"""A serializer field for Django REST framework; needs `pip install django-renditions[drf]`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django import forms
from django.apps import apps
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.fields import ImageField, SkipField
from rest_framework.serializers import ListSerializer

from . import conf
from .fields import PPOIField, VersatileImageField
from .files import VersatileImageMixIn
from .forms import VersatileImageFormField
from .planning.keys import RenditionKeySet
from .planning.plans import validated
from .ppoi import PPOI, parse_json_ppoi
from .prefetch import share_records
from .responsive import picture_data, picture_keys


class PPOISerializerField(serializers.Field[PPOI, Any, str, Any]):
    """A focal point as `0.25x0.75`; it accepts a pair of numbers, too.

    A `ModelSerializer` uses it for each PPOIField.
    """

    def to_internal_value(self, data: Any) -> PPOI:
        try:
            return parse_json_ppoi(data)
        except DjangoValidationError as error:
            raise ValidationError(error.messages, code="invalid_ppoi") from error

    def to_representation(self, value: PPOI) -> str:
        return str(PPOI(value))


class PictureSerializerField(ImageField):
    """Reads as the URL of the picture. Its input is an upload that renditions can be made from.

    A `ModelSerializer` uses it for each VersatileImageField.
    """

    # The form field gives its reason instead of this text, and recognises it by identity.
    default_error_messages = {
        "invalid_image": forms.ImageField.default_error_messages["invalid_image"]
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"_DjangoImageField": VersatileImageFormField, **kwargs})


# DRF looks up the class of a model field and then its bases: without this a focal point would be
# any text, and a wrong one an error of the server when it is assigned; and a picture could be of
# any format that Pillow knows.
serializers.ModelSerializer.serializer_field_mapping.update(
    {PPOIField: PPOISerializerField, VersatileImageField: PictureSerializerField}
)


class _SharingField(serializers.Field[Any, Any, Any, Any]):
    """A field whose pictures share one call to the cache of records, in a list with many=True."""

    _listed: object = None  # the list whose pictures share their records

    def _share_records(self, key_set: RenditionKeySet) -> None:
        steps: list[Any] = [self]
        serializer: Any = self.parent
        while serializer is not None and not isinstance(serializer.parent, ListSerializer):
            steps.insert(0, serializer)
            serializer = serializer.parent
        listed = serializer.parent.instance if serializer else None
        if listed is self._listed:
            return
        self._listed, values = listed, _loaded(listed)
        for step in steps:
            values = [found for value in values for found in _attribute(step, value)]
        share_records((v for v in values if isinstance(v, VersatileImageMixIn)), key_set)


class ResponsivePictureField(_SharingField):
    """Reads as a `PictureData`, such as `{"src": ..., "srcset": {...}, "width": 800, ...}`.

    URLs are absolute if the context of the serializer has the request. The pictures of a list ask
    the cache of records once.

    Args:
        key_set: The name of a responsive picture in the settings, a `Picture`, or a rendition key.
    """

    def __init__(self, key_set: object, **kwargs: Any) -> None:
        self.key_set = key_set
        super().__init__(**{"read_only": True, **kwargs})

    def to_representation(self, value: VersatileImageMixIn) -> dict[str, Any]:
        key_set = picture_keys(self.key_set)
        if value.picture.prefetched is None:
            self._share_records(key_set)
        request = self.context.get("request")
        absolute = request.build_absolute_uri if request else str
        return asdict(picture_data(value, key_set, absolute))


class VersatileImageFieldSerializer(PictureSerializerField, _SharingField):
    """Reads as `{name: url}` in the order of a rendition key set. Its input is an upload.

    An empty picture gives the URLs of the field's placeholder, or `{}`. URLs are absolute if the
    context of the serializer has the request. An upload that no rendition could be made from is
    refused with the reason.

    Args:
        sizes: The name of a key set in the settings, or (name, rendition key) pairs.
    """

    def __init__(self, sizes: object, **kwargs: Any) -> None:
        self.sizes = sizes
        if apps.ready:
            # Find a wrong key set now. While apps load, the sizers are not registered yet.
            self.key_set()
        super().__init__(**kwargs)

    @property
    def sizes(self) -> list[tuple[str, str]]:
        """The (name, rendition key) pairs, from the current settings."""
        return [(name, str(key)) for name, key in self.key_set()]

    @sizes.setter
    def sizes(self, sizes: object) -> None:
        # An iterator can be read only once, so it is parsed now.
        self._sizes = sizes if isinstance(sizes, str) else RenditionKeySet.parse(sizes)

    def key_set(self) -> RenditionKeySet:
        """Return the key set, from the current settings."""
        return conf.key_set(self._sizes) if isinstance(self._sizes, str) else validated(self._sizes)

    def to_native(self, value: VersatileImageMixIn) -> dict[str, str]:
        """Return the URLs by name. Subclasses written for the old package override it."""
        if value.create_on_demand and value.picture.prefetched is None:
            self._share_records(self.key_set())
        urls, request = value.urls(self.key_set()), self.context.get("request")
        if request is None:
            return urls
        return {name: request.build_absolute_uri(url) for name, url in urls.items()}

    def to_representation(self, value: VersatileImageMixIn) -> dict[str, str]:  # type: ignore[override]
        return self.to_native(value)


def _loaded(listed: object) -> list[Any]:
    """Return the objects of `listed` if it still has them, so that it costs no query."""
    if isinstance(listed, QuerySet):
        return listed._result_cache or []  # noqa: SLF001
    return list(listed) if isinstance(listed, Sequence) else []


def _attribute(field: Any, instance: object) -> list[Any]:
    """Return the value of a serializer's `field`, or nothing if it has none."""
    try:
        return [] if instance is None else [field.get_attribute(instance)]
    except SkipField:
        return []
