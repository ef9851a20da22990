"""From the path of a declared rendition to its plan, for the request of a stranger.

A path that no declaration can give costs no query and no call to a storage or a cache. Any other
path costs one query for each field that can have it.
"""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage
from django.core.signals import setting_changed
from django.db import connections, models, router
from django.dispatch import receiver

from renditions import conf
from renditions.fields import VersatileImageField
from renditions.imaging.geometry import CENTRE
from renditions.planning.keys import InvalidSizeKey, InvalidSizeKeySet
from renditions.planning.plans import Original, RenditionPlan, plan_key_set
from renditions.planning.registry import registry
from renditions.signals import field_added

from .recognition import recognise
from .rows import Column, ShownPicture, tables

# An object store has keys of this length at most, and a folder has file names of this length.
MOST_PATH_BYTES = 1024
MOST_FILENAME_BYTES = 255
# Each dash in a file name can be the end of the name of an original if a FILENAME_PROCESSOR is set.
MOST_NAMES = 64
# Many rows can show one picture. Only those with different focal points matter.
MOST_ROWS = 100
# Renditions of the second one are in another format, which is in their paths.
_SAMPLES = ("a.jpg", "a.heic")

# Control characters, surrogates and backslashes; parts that are empty, `.` or `..`.
_ODD = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]|(?:^|/)\.{0,2}(?:/|$)")


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared rendition of a picture that exists."""

    field: VersatileImageField
    plan: RenditionPlan


def find_declared(path: str, serves: Callable[[Storage], bool]) -> Declared | None:
    """Return the declared rendition at `path`; None: there is none.

    Only keys in the `warm` of a field count: a worker makes them anyway, so a stranger who asks
    for all of them needs no more room on the storage.

    Args:
        serves: Whether the file at `path` of this storage may be shown.
    """
    if not _is_ordinary(path):
        return None
    told = recognise(path)
    if told is None or len(told.originals) > MOST_NAMES:
        return None
    declaring = _fields_by_key(registry.version).get(_shown(told.key), ())
    fields = [field for field in declaring if serves(field.storages.renditions)]
    # Placeholders first, because they cost no query.
    for find in (_placeholders, _originals):
        for field in fields:
            for original in find(field, told.originals):
                plan = _plan_at(path, field, original)
                if plan:
                    return Declared(field, plan)
    return None


def image_fields_with_warm() -> Iterator[VersatileImageField]:
    """Yield the fields whose renditions are declared, each once."""
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_concrete_fields:
            if isinstance(field, VersatileImageField) and field.warm:
                yield field


def _is_ordinary(path: str) -> bool:
    if len(path) > MOST_PATH_BYTES or _ODD.search(path):
        return False
    filename = path.rpartition("/")[2]
    return len(path.encode()) <= MOST_PATH_BYTES and len(filename.encode()) <= MOST_FILENAME_BYTES


@functools.lru_cache(maxsize=2)
def _fields_by_key(registry_version: int) -> dict[str, list[VersatileImageField]]:
    """Return the fields that declare a key, by the text that a path tells of this key."""
    found: dict[str, list[VersatileImageField]] = {}
    for field in image_fields_with_warm():
        for text in dict.fromkeys(_texts(field)):
            found.setdefault(text, []).append(field)
    return found


def _texts(field: VersatileImageField) -> Iterator[str]:
    """Yield what the paths of the declared renditions of `field` tell of their keys.

    `recognise` itself says it for samples, so its answer is the same for any other picture. A sizer
    that names its files itself has no such path.
    """
    for name in _SAMPLES:
        try:
            sample = _original(ShownPicture(field, name, CENTRE))
            plans = plan_key_set(sample, field.declared_key_set(), conf.style)
        except (ImproperlyConfigured, InvalidSizeKeySet, InvalidSizeKey):
            # `checks` reports it, and the other fields still work.
            return
        for plan in plans:
            told = recognise(plan.path)
            if told:
                yield _shown(told.key)


def _shown(key: str) -> str:
    # The result of a FILENAME_PROCESSOR depends on the focal point, even if it looks like a key.
    return key if conf.layout().process_key is str else ""


def _plan_at(path: str, field: VersatileImageField, original: Original) -> RenditionPlan | None:
    # The path has the focal point and the quality, too, so it must be equal.
    plans = plan_key_set(original, field.declared_key_set(), conf.style)
    return next((plan for plan in plans if plan.path == path), None)


def _placeholders(field: VersatileImageField, names: Sequence[str]) -> Iterator[Original]:
    """Yield the placeholder of `field` if it has one of `names`."""
    placeholder = field.placeholder
    if placeholder and placeholder.name in names:
        yield placeholder


def _originals(field: VersatileImageField, names: Sequence[str]) -> Iterator[Original]:
    """Yield the pictures with one of `names` that rows show."""
    wanted = ["pk", *ShownPicture.columns(field)]
    for using in _databases(field.model):
        rows = Column(field.model, field).rows(using).filter(**{f"{field.attname}__in": names})
        for row in rows.values(*wanted)[:MOST_ROWS]:
            yield _original(ShownPicture.in_row(field, row), str(row["pk"]))


def _original(picture: ShownPicture, pk: str = "") -> Original:
    field = picture.field
    originals, renditions = field.storages.labels
    return Original(
        field.label, originals, picture.name, picture.ppoi, pk, renditions, picture.size
    )


@functools.cache
def _databases(model: type[models.Model]) -> list[str]:
    """Return the databases that have the table of `model`. Only a project with several is asked."""
    aliases = [each for each in connections if router.allow_migrate_model(each, model)]
    return aliases if len(aliases) == 1 else tables(model)


@receiver([setting_changed, field_added])
def _forget(**_: Any) -> None:
    """Read again: a declaration has changed. `setting_changed` is sent in tests only."""
    _fields_by_key.cache_clear()
    _databases.cache_clear()
