"""What a model declares to be warmed, and what of it an instance owes."""

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile
from renditions.plans import RenditionPlan

from .ledger import Subject


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


def signature(plans: Iterable[RenditionPlan]) -> str:
    """Return a digest of what is owed: it changes with picture, focal point, keys and encoding."""
    digest = hashlib.blake2b(digest_size=16)
    for plan in plans:
        digest.update(plan.fingerprint.encode())
    return digest.hexdigest()
