"""Many pictures on a page: their records are recalled in one call, not in one for each URL."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, prefetch_related_objects

from . import conf
from .files import VersatileImageMixIn, image_at
from .planning.keys import RenditionKeySet
from .planning.plans import Original, validated
from .records.prefetched import PrefetchedRecords

M = TypeVar("M", bound=Model)

__all__ = ["prefetch_renditions"]


def prefetch_renditions(objects: Iterable[M], *fields: str, key_set: object = None) -> list[M]:
    """Let the pictures of `objects` share one call to the cache of records, and return `objects`.

    The call is made when a page asks for the first URL that may have to be made. With `ON_DEMAND`
    False there is none. A key that is not in the key set costs one more call for all pictures.

        people = prefetch_renditions(Person.objects.all()[:50], "headshot", "employer.logo")

    Args:
        objects: Instances: a queryset, a list, a page of a Paginator, an iterator. Use the same
            instances on the page, or the returned list: another queryset has other instances.
        fields: Image fields. A dotted name follows foreign keys: `employer.logo`. Related objects
            that are not loaded yet cost one query for each relation.
        key_set: The name of a set in the settings, or (name, rendition key) pairs. None: the sets
            in the `warm` of each field.

    Raises:
        ValueError: a name is not that of a VersatileImageField.
        ImproperlyConfigured, InvalidSizeKeySet, InvalidSizeKey: the key set is unknown or wrong.
    """
    found = list(objects)
    for name in fields:
        _load_relations(found, name.split(".")[:-1])
    images = (image_at(each, name) for name in fields for each in found)
    share_records((image for image in images if image is not None), key_set)
    return found


def share_records(images: Iterable[VersatileImageMixIn], key_set: object = None) -> None:
    """Let `images` share one call to the cache of records.

    Args:
        key_set: As in `prefetch_renditions`.
    """
    named = _parsed(key_set)
    page: dict[Original, PrefetchedRecords] = {}
    for image in images:
        original = image.picture.original if image.name else image.placeholder
        if original and original not in page:
            wanted = image.field.declared_key_set() if named is None else named
            needed = wanted.for_size(original.size).renditions
            page[original] = PrefetchedRecords(original, needed)
        if original:
            image.use_prefetched(page[original])
    PrefetchedRecords.share_calls(page.values())


def _parsed(key_set: object) -> RenditionKeySet | None:
    if key_set is None:
        return None
    return conf.key_set(key_set) if isinstance(key_set, str) else validated(key_set)


def _load_relations(objects: Iterable[object], names: Sequence[str]) -> None:
    """Load what the foreign keys `names` lead to, in one query for each, unless it is loaded."""
    of_model: dict[type[Model], list[Model]] = {}
    for each in objects:
        if names and isinstance(each, Model) and _is_relation(type(each), names[0]):
            of_model.setdefault(type(each), []).append(each)
    for same in of_model.values():
        prefetch_related_objects(same, names[0])
        _load_relations([getattr(each, names[0], None) for each in same], names[1:])


def _is_relation(model: type[Model], name: str) -> bool:
    """Whether `name` is a relation of `model`, and not an attribute that it computes."""
    try:
        return bool(model._meta.get_field(name).is_relation)
    except FieldDoesNotExist:
        return False
