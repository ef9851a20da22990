"""What jobs are about: from (model, primary key, field) to the image, and back."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import Error as DatabaseError
from django.db import connections, models, router

from renditions import conf as library
from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile
from renditions.imaging.geometry import CENTRE, FocalPoint
from renditions.planning.plans import Original, RenditionPlan, plan_key_set
from renditions.storage import storage_label

from .models import WarmJob

logger = logging.getLogger(__name__)

T = TypeVar("T")

# The declarations of two processes are compared by the plans for this file; any name would do.
SAMPLE_ORIGINAL = Original("", "", "any.jpg", CENTRE)


@dataclass(frozen=True, slots=True)
class JobTarget:
    """The image that a job makes renditions of: one field of one instance."""

    using: str  # alias of the instance's database, which holds the job too
    model_label: str  # app.Model, as `_meta.label`
    object_pk: str
    field_name: str

    def __str__(self) -> str:
        return f"{self.model_label}.{self.field_name} #{self.object_pk}"


# ---- declared fields ---------------------------------------------------------------------------


@cache
def warmed_fields(model: type[models.Model]) -> tuple[VersatileImageField, ...]:
    """Return the image fields of `model` that declare `warm`, inherited fields included."""
    return tuple(
        field
        for field in model._meta.concrete_fields
        if isinstance(field, VersatileImageField) and field.warm
    )


def all_warmed_fields() -> Iterator[VersatileImageField]:
    """Yield every field of the project that declares `warm`, each once."""
    for model in apps.get_models():
        for field in warmed_fields(model):
            if field.model is model:
                yield field


# ---- instance and image ------------------------------------------------------------------------


def target_of(instance: models.Model, field: VersatileImageField, using: str) -> JobTarget:
    """Return the target for `field` of `instance`; an inherited field belongs to its own model."""
    key = field.model._meta.pk.attname
    return JobTarget(using, field.model._meta.label, str(getattr(instance, key)), field.name)


def field_of(target: JobTarget) -> VersatileImageField | None:
    """Return the field of `target`, or None if the code no longer has it."""
    try:
        field = apps.get_model(target.model_label)._meta.get_field(target.field_name)
    except (LookupError, FieldDoesNotExist):
        return None
    return field if isinstance(field, VersatileImageField) else None


def image_of(target: JobTarget) -> VersatileImageFieldFile | None:
    """Return the committed image of `target`, or None if the instance or the field is gone."""
    field = field_of(target)
    if field is None:
        return None
    manager = field.model._base_manager.using(target.using)
    instance = manager.filter(pk=target.object_pk).first()
    if instance is None:
        return None
    image: VersatileImageFieldFile = getattr(instance, field.name)
    return image


def planned_paths(original: Original, using: str) -> set[str]:
    """Return the paths of all declared renditions of `original`.

    Several instances may share one original, for example a copied instance. Each of them may have
    another focal point, and so other paths.
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
    """Yield each distinct focal point of the instances whose `field` has the file `name`."""
    instances = field.model._base_manager.using(using).filter(**{field.name: name}).order_by()
    if field.ppoi_field:
        for point in instances.values_list(field.ppoi_field, flat=True).distinct():
            yield FocalPoint(*point)
    elif instances.exists():
        yield CENTRE


# ---- signatures --------------------------------------------------------------------------------


def signature(field: VersatileImageField, plans: Iterable[RenditionPlan] = ()) -> str:
    """Return two digests, `declaration:plans`, of what a job has to make.

    The first depends on the declaration of `field` alone, so every process with the same code and
    settings computes the same. The second changes with image, focal point, keys and encoding.
    """
    declared = plan_key_set(SAMPLE_ORIGINAL, field.declared_key_set(), library.style)
    written = (f"{plan.fingerprint}{plan.recipe.encoding}" for plan in declared)
    return f"{_digest(written)}:{_digest(plan.fingerprint for plan in plans)}"


def declares_the_same(signature_of_job: str, field: VersatileImageField) -> bool:
    """Whether this process declares for `field` what the process declared that wrote the job.

    A blank signature stands for any declaration.
    """
    declared, _, _ = signature_of_job.partition(":")
    return declared in ("", signature(field).partition(":")[0])


def _digest(texts: Iterable[str]) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for text in texts:
        digest.update(text.encode())
    return digest.hexdigest()


# ---- databases ---------------------------------------------------------------------------------


def databases_with_ledger(model: type[models.Model] | None = None) -> Iterator[str]:
    """Yield the alias of each database that has a ledger, and the table of `model` if given."""
    for using in connections:
        if router.allow_migrate_model(using, WarmJob) and (
            model is None or router.allow_migrate_model(using, model)
        ):
            yield using


def in_each_ledger(do: Callable[[str], T], model: type[models.Model] | None = None) -> list[T]:
    """Call `do` with each alias of `databases_with_ledger` and return the results.

    A database that fails is logged and left out.
    """
    results = []
    for using in databases_with_ledger(model):
        try:
            results.append(do(using))
        except DatabaseError as error:
            logger.warning(
                "The ledger in database %r was skipped. If this database is a replica, exclude "
                "the app 'rendition_workers' from it in the router's allow_migrate. %s",
                using,
                error,
            )
    return results
