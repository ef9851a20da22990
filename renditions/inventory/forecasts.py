"""What a declaration means for what is there: what stays, what will be made, what can go.

Nothing is written. The cost of what will be made is an estimate from a few pictures, which are
rendered in memory.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby, islice
from operator import attrgetter

from renditions import conf
from renditions.engine.status import recall
from renditions.errors import RenditionError, StorageFailed
from renditions.fields import VersatileImageField
from renditions.imaging.rendering import open_picture
from renditions.planning.plans import RenditionPlan
from renditions.storage import adapter_of, open_original
from renditions.storage.any import FileInfo

from .rows import Column, ShownPicture, tables
from .scopes import all_image_fields, scopes
from .surveys import Survey, declared_keys, plans_of

PICTURES_AT_ONCE = 200
# Pictures that are rendered for the estimate.
SAMPLE_PICTURES = 12
# Keys that no set declares, each with a line of its own. A page can ask for any size on demand.
MOST_KEYS = 1_000
OTHER_KEYS = "(others)"
HIDDEN_KEY = "(hidden)"  # by a FILENAME_PROCESSOR


@dataclass(slots=True)
class Files:
    """A number of files and their bytes."""

    files: int = 0
    bytes: float = 0

    def add(self, size: float) -> None:
        self.files += 1
        self.bytes += size


@dataclass(slots=True)
class Line:
    """One rendition key of a field."""

    key: str
    is_warmed: bool = False  # after a save; False: it is made on demand, or no set declares it
    kept: Files = field(default_factory=Files)
    to_make: int = 0
    to_take_away: Files = field(default_factory=Files)
    # Of the sample.
    sampled: Files = field(default_factory=Files)
    sampled_cpu_s: float = 0

    @property
    def cpu_s(self) -> float | None:
        """Estimated CPU time of all that will be made; None: no picture could be sampled."""
        return self._scaled(self.sampled_cpu_s)

    @property
    def bytes_to_make(self) -> float | None:
        """Estimated bytes of all that will be made; None: no picture could be sampled."""
        return self._scaled(self.sampled.bytes)

    def _scaled(self, of_sample: float) -> float | None:
        if not self.to_make:
            return 0
        return of_sample / self.sampled.files * self.to_make if self.sampled.files else None


@dataclass(slots=True)
class Forecast:
    """One field, or the renditions on a storage whose originals no row shows."""

    label: str
    pictures: int = 0
    sampled: int = 0
    unreadable: int = 0  # pictures of the sample that could not be rendered
    lines: dict[str, Line] = field(default_factory=dict)

    def line(self, key: str) -> Line:
        """Return the line of `key`; a new one if there is none."""
        if key not in self.lines and len(self.lines) >= MOST_KEYS:
            key = OTHER_KEYS
        return self.lines.setdefault(key, Line(key))


OnError = Callable[[RenditionError], None]


def forecast(fields: Sequence[VersatileImageField] | None, on_error: OnError) -> list[Forecast]:
    """Return what there is and what will be made of each field, and what can be taken away.

    Args:
        fields: None: all image fields of the project.
        on_error: Called with the error of a storage, which is then left out.

    Raises:
        ImproperlyConfigured, InvalidSizeKeySet, InvalidSizeKey: a key set is wrong.
        DatabaseError: a database does not answer.
    """
    chosen = all_image_fields() if fields is None else fields
    found = {each.label: Forecast(each.label) for each in chosen}
    for each in chosen:
        try:
            _count(each, found[each.label])
        except RenditionError as error:
            on_error(error)
    for scope in scopes(fields, orphans=False):
        try:
            _count_doomed(Survey(scope, timedelta(0)), found)
        except RenditionError as error:
            on_error(error)
    return list(found.values())


# ---- what can be taken away --------------------------------------------------------------------


def _count_doomed(survey: Survey, found: dict[str, Forecast]) -> None:
    for batch in survey.batches():
        for judged in batch.judged:
            if judged.verdict.is_doomed:
                label = judged.field or f"original is gone, storage {survey.scope.label}"
                of_label = found.setdefault(label, Forecast(label))
                of_label.line(judged.key or HIDDEN_KEY).to_take_away.add(judged.size)


# ---- what there is, and what will be made ------------------------------------------------------


def _count(image_field: VersatileImageField, result: Forecast) -> None:
    warmed = {str(key) for key in image_field.declared_key_set().renditions}
    for key in declared_keys(image_field).renditions:
        result.line(str(key)).is_warmed = str(key) in warmed
    sample = _Sample()
    pictures = _pictures(image_field)
    while some := list(islice(pictures, PICTURES_AT_ONCE)):
        result.pictures += len(some)
        existing = _existing(image_field, some)
        for plans in some:
            sample.offer(_count_picture(plans, existing, result))
    for plans in sample.chosen:
        _measure(image_field, plans, result)


def _count_picture(
    plans: Iterable[RenditionPlan], existing: Mapping[RenditionPlan, FileInfo], result: Forecast
) -> list[RenditionPlan]:
    """Count the renditions of one picture, and return those that will be made."""
    outstanding = []
    for plan in plans:
        line = result.line(str(plan.key))
        if plan in existing:
            line.kept.add(existing[plan].size or 0)
        elif line.is_warmed:
            line.to_make += 1
            outstanding.append(plan)
    return outstanding


def _pictures(image_field: VersatileImageField) -> Iterator[list[RenditionPlan]]:
    """Yield the plans of each original that rows show, each path once."""
    for using in tables(image_field.model):
        by_name = groupby(_shown(image_field, using), attrgetter("name"))
        for _, same_name in by_name:
            plans = (plan for picture in same_name for plan in plans_of(picture))
            yield list({plan.path: plan for plan in plans}.values())


def _shown(image_field: VersatileImageField, using: str) -> Iterator[ShownPicture]:
    """Yield what rows show, sorted by name. The database removes repetitions."""
    wanted = ShownPicture.columns(image_field)
    rows = Column(image_field.model, image_field).rows(using)
    rows = rows.exclude(**{image_field.attname: ""}).exclude(**{image_field.attname: None})
    values = rows.order_by(*wanted[:2]).values(*wanted).distinct()
    for row in values.iterator(chunk_size=PICTURES_AT_ONCE):
        yield ShownPicture.in_row(image_field, row)


def _existing(
    image_field: VersatileImageField, pictures: Iterable[Sequence[RenditionPlan]]
) -> dict[RenditionPlan, FileInfo]:
    """Return the plans whose file exists and is recorded with no other fingerprint.

    Raises:
        StorageFailed: the storage did not answer.
    """
    groups = [[plan.path for plan in plans] for plans in pictures]
    adapter = adapter_of(image_field.storages.renditions)
    try:
        found = adapter.find(groups)
        told = {path: info for path, info in found.items() if info is not None}
        told |= adapter.infos([path for path, info in found.items() if info is None])
    except RenditionError:
        raise
    # Clients of object stores raise errors of their own, and this module cannot import them.
    except Exception as error:
        raise StorageFailed(f"{image_field.label}: {type(error).__name__}: {error}") from error
    plans = [plan for of_picture in pictures for plan in of_picture if plan.path in told]
    records = recall(plans)
    return {
        plan: told[plan.path]
        for plan in plans
        if plan.path not in records or records[plan.path].is_made_by(plan)
    }


class _Sample:
    """Some of the pictures, each with the same chance, however many there are.

    Algorithm R of Vitter, "Random Sampling with a Reservoir" (1985).
    """

    def __init__(self) -> None:
        self.chosen: list[list[RenditionPlan]] = []
        self._offered = 0
        # The same files give the same estimate.
        self._random = random.Random(0)  # noqa: S311 - no secret

    def offer(self, plans: list[RenditionPlan]) -> None:
        """Perhaps choose a picture, if any of its renditions will be made."""
        if not plans:
            return
        self._offered += 1
        if len(self.chosen) < SAMPLE_PICTURES:
            self.chosen.append(plans)
            return
        place = self._random.randrange(self._offered)
        if place < SAMPLE_PICTURES:
            self.chosen[place] = plans


def _measure(
    image_field: VersatileImageField, plans: Sequence[RenditionPlan], result: Forecast
) -> None:
    """Render `plans` in memory, and add their bytes and CPU time to `result`."""
    storage = image_field.storages.originals
    limits = conf.limits()
    result.sampled += 1
    try:
        recipes = {plan: plan.recipe.on(storage) for plan in plans}
        started_at = time.process_time()
        file, _ = open_original(storage, plans[0].original.name, limits.max_file_bytes)
        with file, open_picture(file, list(recipes.values()), limits) as picture:
            # All renditions share the decode.
            shared_s = (time.process_time() - started_at) / len(plans)
            for plan, recipe in recipes.items():
                before = time.process_time()
                data = picture.render(recipe).data
                line = result.line(str(plan.key))
                line.sampled.add(len(data))
                line.sampled_cpu_s += time.process_time() - before + shared_s
    # A worker records such a failure, whatever it is. Here it only makes the sample smaller.
    except Exception:  # noqa: BLE001
        result.unreadable += 1
