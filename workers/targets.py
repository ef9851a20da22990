"""What jobs are about: from (model, primary key, field) to the image, and back."""

import functools
import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured, ValidationError
from django.core.signals import setting_changed
from django.db import Error as DatabaseError
from django.db import connections, models, router
from django.dispatch import receiver
from django.utils import timezone

from renditions import conf as library
from renditions.engine.status import version_now
from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile
from renditions.imaging.geometry import CENTRE, FocalPoint
from renditions.outages import Outage
from renditions.planning.keys import InvalidSizeKey, InvalidSizeKeySet
from renditions.planning.plans import Original, RenditionPlan, plan_key_set
from renditions.planning.registry import registry
from renditions.signals import field_added

from .models import WarmJob

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Start of this process by its own clock: the only way to tell an older release from a newer one.
STARTED_AT = timezone.now()

# The declarations of two processes are compared by the plans for this file; any name would do.
SAMPLE_ORIGINAL = Original("", "", "any.jpg", CENTRE)


@dataclass(frozen=True, slots=True)
class JobTarget:
    """The image that a job makes renditions of: one field of one instance."""

    using: str  # alias of the instance's database, which holds the job too
    model_label: str  # app.Model, as `_meta.label`
    object_pk: str
    field_name: str
    removed_name: str = ""  # of a removal: path of the picture whose files are taken away

    def __str__(self) -> str:
        text = f"{self.model_label}.{self.field_name} #{self.object_pk}"
        return f"{text}: {self.removed_name}" if self.removed_name else text

    @property
    def removal(self) -> str:
        """The digest of `removed_name`; empty if the job makes renditions."""
        return removal_of(self.removed_name) if self.removed_name else ""


def removal_of(name: str) -> str:
    """Return the digest that stands for the path `name` on the ledger."""
    return digest([name])


@dataclass(frozen=True, slots=True)
class Tried:
    """What a job was about when it ended: a job that gave up knows it."""

    signature: str  # of what had to be made
    original_version: str  # empty: the original could not be read


# ---- declared fields ---------------------------------------------------------------------------


def picture_fields(model: type[models.Model]) -> tuple[VersatileImageField, ...]:
    """Return the image fields of `model` that have a picture of their own, inherited included."""
    # Django makes a new list when a model gets a field, which may be late: django-modeltranslation
    # adds fields after apps are ready. So the list tells whether the answer is still true.
    fields = model._meta.concrete_fields
    known, found = _pictures.get(model, (None, ()))
    if known is not fields:
        found = tuple(
            field
            for field in fields
            if isinstance(field, VersatileImageField) and not _is_translated(field, fields)
        )
        _pictures[model] = fields, found
    return found


def warmed_fields(model: type[models.Model]) -> tuple[VersatileImageField, ...]:
    """Return the image fields of `model` that declare `warm`, inherited fields included."""
    return tuple(field for field in picture_fields(model) if field.warm)


def cleaned_fields(model: type[models.Model]) -> tuple[VersatileImageField, ...]:
    """Return the fields of the table of `model` whose former pictures are taken away."""
    return tuple(f for f in picture_fields(model) if f.cleanup and f.model is model)


@functools.cache
def cleans_up() -> bool:
    """Whether the former pictures of any field of the project are taken away."""
    return any(map(cleaned_fields, apps.get_models()))


@receiver([setting_changed, field_added])
def _look_again_who_cleans_up(**_: Any) -> None:
    cleans_up.cache_clear()


def _is_translated(field: VersatileImageField, fields: Iterable[object]) -> bool:
    """Whether other fields hold the images of `field`, one for each language.

    With django-modeltranslation the field itself is the one of the active language, which is
    another one in the worker.
    """
    return any(getattr(other, "translated_field", None) is field for other in fields)


_pictures: dict[type[models.Model], tuple[Any, tuple[VersatileImageField, ...]]] = {}


def all_warmed_fields() -> Iterator[VersatileImageField]:
    """Yield every field of the project that declares `warm`, each once."""
    for model in apps.get_models():
        for field in warmed_fields(model):
            if field.model is model:
                yield field


def all_watched_fields() -> Iterator[VersatileImageField]:
    """Yield every field of the project that has jobs: it declares `warm` or `cleanup`."""
    for model in apps.get_models():
        for field in picture_fields(model):
            if field.model is model and (field.warm or field.cleanup):
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


def valid_keys(model: type[models.Model], pks: Iterable[str]) -> Iterator[str]:
    """Yield those of `pks` that can be keys of `model`."""
    for pk in pks:
        try:
            model._meta.pk.to_python(pk)
        except (ValidationError, ValueError):
            continue
        yield pk


def planned_paths(original: Original, using: str) -> set[str]:
    """Return the paths of all declared renditions of `original`.

    Several instances may share one original, for example a copied instance. Each of them may have
    another focal point, and so other paths.
    """
    paths: set[str] = set()
    for field in all_warmed_fields():
        originals, renditions = field.storages.labels
        if (renditions or originals) == original.rendition_storage:
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


def tried_now(target: JobTarget) -> Tried:
    """Return what an attempt at `target` would be about: declaration, image and its original."""
    if target.removed_name:
        return Tried("", "")
    field, image = field_of(target), image_of(target)
    if not field or not image:
        return Tried("", "")
    version = version_now(image.storage, str(image.name))
    try:
        return Tried(signature(field, image.plans()), version or "")
    except (ImproperlyConfigured, InvalidSizeKey, InvalidSizeKeySet):
        # The declaration cannot be read, so any other declaration is worth a try.
        return Tried("", version or "")


# ---- signatures --------------------------------------------------------------------------------


def signature(field: VersatileImageField, plans: Iterable[RenditionPlan] = ()) -> str:
    """Return two digests, `declaration:plans`, of what a job has to make.

    The first depends on the declaration of `field` alone, so every process with the same code and
    settings computes the same. The second changes with image, focal point, keys and encoding.
    """
    return f"{declaration(field)}:{digest(plan.fingerprint for plan in plans)}"


def declaration(field: VersatileImageField) -> str:
    """Return the digest of what `field` declares: the first part of a signature."""
    return _declaration(field.warm, registry.version)


# Cached: each save and each job needs it.
@functools.lru_cache(maxsize=256)
def _declaration(names: tuple[str, ...], registry_version: int) -> str:
    declared = plan_key_set(SAMPLE_ORIGINAL, library.declared_key_set(names), library.style)
    return digest(f"{plan.fingerprint}{plan.recipe.encoding}" for plan in declared)


@receiver(setting_changed)
def _drop_declarations(**_: Any) -> None:
    """Compute them again. Only tests change settings."""
    _declaration.cache_clear()


def is_outdated(
    enqueuer_started_at: datetime | None, signature: str, field: VersatileImageField | None
) -> bool:
    """Whether this process may not know what a newer one has enqueued.

    Args:
        enqueuer_started_at: When that process had started.
        signature: Of what it has enqueued.
        field: What this process knows of it; None: the field is not in its code.
    """
    if enqueuer_started_at is None or enqueuer_started_at <= STARTED_AT:
        return False
    return field is None or not declares_the_same(signature, field)


def declares_the_same(signature_of_job: str, field: VersatileImageField) -> bool:
    """Whether this process declares for `field` what the process declared that wrote the job.

    A blank signature stands for any declaration.
    """
    declared, _, _ = signature_of_job.partition(":")
    return declared in ("", declaration(field))


def digest(texts: Iterable[str]) -> str:
    """Return a digest of `texts`, with 24 characters."""
    hashed = hashlib.blake2b(digest_size=12)
    for text in texts:
        hashed.update(text.encode())
    return hashed.hexdigest()


# ---- databases ---------------------------------------------------------------------------------


def databases_with_ledger(model: type[models.Model] | None = None) -> Iterator[str]:
    """Yield the alias of each database that has a ledger, and the table of `model` if given."""
    for using in connections:
        if router.allow_migrate_model(using, WarmJob) and (
            model is None or router.allow_migrate_model(using, model)
        ):
            yield using


def in_each_ledger(
    do: Callable[[str], T],
    model: type[models.Model] | None = None,
    on_error: Callable[[str, DatabaseError], None] | None = None,
) -> list[T]:
    """Call `do` with each alias of `databases_with_ledger` and return the results.

    Args:
        on_error: Called for a database that fails, which is left out; by default it is logged
            once until it answers again.
    """
    results = []
    # A replica may answer a question, and refuse a change: each has an outage of its own.
    what = getattr(do, "__qualname__", "")
    for using in databases_with_ledger(model):
        try:
            results.append(do(using))
        except DatabaseError as error:
            if on_error:
                on_error(using, error)
            else:
                _outage(using, what).began("%s", ledger_trouble(using, error))
        else:
            _outage(using, what).ended(
                f"The ledger in database {using!r} answers again, after %.0f s."
            )
    return results


@functools.cache
def _outage(using: str, what: str) -> Outage:
    return Outage(logger, f"database {using}")


def ledger_trouble(using: str, error: DatabaseError) -> str:
    """Return what an operator reads of a ledger that cannot be used, and what to do."""
    return (
        f"The ledger in database {using!r} was skipped: {error}. Run `manage.py migrate "
        f"--database {using}`. If this database is a replica, exclude the app 'rendition_workers' "
        "from it in the router's allow_migrate."
    )
