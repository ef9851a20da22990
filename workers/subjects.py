"""What a model declares to be warmed, and what of it an instance owes."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from renditions import conf as library
from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile
from renditions.imaging.geometry import CENTRE, FocalPoint
from renditions.planning.plans import Original, RenditionPlan, plan_key_set
from renditions.storage import storage_label

from .ledger import Subject

# Which one matters not: what is declared for it is to be compared with the same elsewhere.
ANY_PICTURE = Original("", "", "any.jpg", CENTRE)


@cache
def warmed_fields(model: type[models.Model]) -> tuple[VersatileImageField, ...]:
    """Return the image fields of `model`, inherited ones included, that declare `warm`."""
    return tuple(
        field
        for field in model._meta.concrete_fields
        if isinstance(field, VersatileImageField) and field.warm
    )


def all_warmed_fields() -> Iterator[VersatileImageField]:
    """Return every field of the project that declares `warm`, once."""
    for model in apps.get_models():
        for field in warmed_fields(model):
            if field.model is model:
                yield field


def subject_of(instance: models.Model, field: VersatileImageField, using: str) -> Subject:
    """Return whose renditions these are; the row of an inherited field is its own model's."""
    key = field.model._meta.pk.attname
    return Subject(using, field.model._meta.label, str(getattr(instance, key)), field.name)


def field_of(subject: Subject) -> VersatileImageField | None:
    """Return the field a row is about, or None where code no longer has it."""
    try:
        field = apps.get_model(subject.model_label)._meta.get_field(subject.field_name)
    except (LookupError, FieldDoesNotExist):
        return None
    return field if isinstance(field, VersatileImageField) else None


def image_of(subject: Subject) -> VersatileImageFieldFile | None:
    """Return the picture as it is committed, or None where instance or field is gone."""
    field = field_of(subject)
    if field is None:
        return None
    manager = field.model._base_manager.using(subject.using)
    instance = manager.filter(pk=subject.object_pk).first()
    if instance is None:
        return None
    image: VersatileImageFieldFile = getattr(instance, field.name)
    return image


def planned_paths(original: Original, using: str) -> set[str]:
    """Return where the declared renditions of all instances lie that have this picture.

    A copy of an instance shares them with it.
    """
    paths: set[str] = set()
    for field in all_warmed_fields():
        if storage_label(field.storage) == original.storage:
            for point in _focal_points(field, original.name, using):
                picture = replace(original, ppoi=point)
                plans = plan_key_set(picture, field.declared_key_set(), library.style)
                paths.update(plan.path for plan in plans)
    return paths


def _focal_points(field: VersatileImageField, name: str, using: str) -> Iterator[FocalPoint]:
    """Return each focal point that an instance with the picture `name` has, once."""
    instances = field.model._base_manager.using(using).filter(**{field.name: name}).order_by()
    if field.ppoi_field:
        for point in instances.values_list(field.ppoi_field, flat=True).distinct():
            yield FocalPoint(*point)
    elif instances.exists():
        yield CENTRE


def signature(field: VersatileImageField, plans: Iterable[RenditionPlan] = ()) -> str:
    """Return digests of what is owed: first of what `field` declares, then of `plans`.

    The first is the same for every picture, and for all who run the same code with the same
    settings. The second changes with picture, focal point, keys and encoding.
    """
    declared = plan_key_set(ANY_PICTURE, field.declared_key_set(), library.style)
    written = (f"{plan.fingerprint}{plan.recipe.encoding}" for plan in declared)
    return f"{_digest(written)}:{_digest(plan.fingerprint for plan in plans)}"


def declares_the_same(signature_of_row: str, field: VersatileImageField) -> bool:
    """Whether `field` declares here what it declared where the row was written.

    A blank signature asks for whatever is declared.
    """
    declared, _, _ = signature_of_row.partition(":")
    return declared in ("", signature(field).partition(":")[0])


def _digest(texts: Iterable[str]) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for text in texts:
        digest.update(text.encode())
    return digest.hexdigest()
