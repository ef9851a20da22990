"""How far the renditions of an instance are, for pages and APIs.

The ledger knows what is outstanding, the records know what is made. Asking makes no rendition.
"""

import functools
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import models, router
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from renditions import conf as library
from renditions.engine.status import Recalled, RenditionStatus, recall_each, survey_each
from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile
from renditions.planning.keys import RenditionKey, RenditionKeySet
from renditions.records import RenditionRecord

from .models import JobState, WarmJob
from .targets import JobTarget, target_of

NO_JOB_WAITS = gettext_noop(
    "It is not made yet, and no job is waiting. The nightly run will make it."
)


class ProgressState(models.TextChoices):
    """Where the renditions of one picture stand."""

    QUEUED = "queued", _("queued")  # enqueued; no worker has it yet
    WARMING = "warming", _("being made")  # a worker has it
    DONE = "done", _("done")  # every rendition is there
    FAILED = "failed", _("failed")  # a rendition is not made, and no job is waiting

    @property
    def is_final(self) -> bool:
        """Whether nothing will change before somebody acts or the nightly run comes."""
        return self in (ProgressState.DONE, ProgressState.FAILED)


@dataclass(frozen=True, slots=True)
class RenditionProgress:
    """One rendition as people see it."""

    name: str  # in the key set
    key: RenditionKey
    path: str  # on the field's storage
    url: str
    is_made: bool
    reason: str  # why not, in the active language; empty if it is made or was not tried yet
    detail: str  # the case in English, with its numbers


@dataclass(frozen=True, slots=True)
class Progress:
    """All renditions of the picture of one instance."""

    instance: models.Model
    state: ProgressState
    renditions: tuple[RenditionProgress, ...]  # in the order of the key set, without originals

    @property
    def created(self) -> list[str]:
        """Paths that can be served."""
        return [rendition.path for rendition in self.renditions if rendition.is_made]

    @property
    def failed(self) -> list[RenditionProgress]:
        """The renditions that are not made and have a reason.

        The last attempt failed (perhaps the job is tried again by itself: see `state`), or nothing
        was tried and no job is waiting.
        """
        return [rendition for rendition in self.renditions if rendition.reason]

    @property
    def reasons(self) -> list[str]:
        """The reasons of all failures, each once."""
        return list(dict.fromkeys(rendition.reason for rendition in self.failed))

    @property
    def made_urls(self) -> dict[str, str]:
        """The URLs of the renditions that are made, by their names."""
        return {rendition.name: rendition.url for rendition in self.renditions if rendition.is_made}


def progress_of(
    instance: models.Model, field_name: str, key_set: RenditionKeySet | str | None = None
) -> Progress:
    """Return where the renditions of one instance stand now.

    Args:
        field_name: The image field.
        key_set: A key set, or its name in the settings; by default all that the field declares,
            each rendition named by its key.
    """
    return progress_of_all([instance], field_name, key_set)[0]


def progress_of_all(
    instances: Sequence[models.Model],
    field_name: str,
    key_set: RenditionKeySet | str | None = None,
) -> list[Progress]:
    """Return where each of `instances`, all of one model, stands.

    It costs one query of the ledger and one call to the cache of records, and looks at the storage
    only for renditions of which nothing is known.
    """
    return [each[field_name] for each in progress_of_fields(instances, {field_name: key_set})]


def progress_of_fields(
    instances: Sequence[models.Model],
    key_sets: Mapping[str, RenditionKeySet | str | None],
    *,
    trusts_jobs: bool = False,
) -> list[dict[str, Progress]]:
    """Return where each of `instances`, all of one model, stands in several fields, by field name.

    It costs one query of the ledger and one call to the cache of records for all fields.

    Args:
        key_sets: For each field name what `key_set` is for `progress_of`.
        trusts_jobs: While a job waits or is in progress, a rendition without a record counts as
            not made, without a look at the storage. For lists: a page of new uploads asks nothing.
    """
    if not instances or not key_sets:
        return [{} for _ in instances]
    fields = [_image_field(instances[0], name) for name in key_sets]
    chosen = [_key_set(field, key_sets[field.name]) for field in fields]
    # The ledger first: a job that ends in between leaves everything made, never the reverse.
    targets = [[_target(each, field) for field in fields] for each in instances]
    jobs = _jobs_of(target for row in targets for target in row)
    pictures = [
        _Picture(getattr(each, field.name), key_set, jobs.get(target))
        for each, row in zip(instances, targets, strict=True)
        for field, key_set, target in zip(fields, chosen, row, strict=True)
    ]
    records = recall_each([picture.plans for picture in pictures])
    recalled = [
        picture.recalled(known, trusts_jobs=trusts_jobs)
        for picture, known in zip(pictures, records, strict=True)
    ]
    found = map(_progress, pictures, survey_each(recalled))
    return [{field.name: next(found) for field in fields} for _ in instances]


def recorded_progress(
    pictures: Sequence[tuple[VersatileImageFieldFile, WarmJob | None]],
) -> list[Progress]:
    """Return where pictures, of one model or several, stand by their jobs and their records.

    It costs one call to the cache of records. No storage is asked: a rendition without a record
    counts as not made.
    """
    asked = [_Picture(image, image.field.declared_key_set(), job) for image, job in pictures]
    records = recall_each([picture.plans for picture in asked])
    return [
        _progress(picture, Recalled(picture.image.storages, picture.plans, known).recorded)
        for picture, known in zip(asked, records, strict=True)
    ]


class _Picture:
    """One image, what is asked about it, and its job."""

    def __init__(
        self, image: VersatileImageFieldFile, key_set: RenditionKeySet, job: WarmJob | None
    ) -> None:
        self.image, self.job = image, job
        needed = key_set.for_size(image.known_size) if image else ()
        self.named = [(name, key) for name, key in needed if not key.is_original]
        self.plans = [image.plan(key) for _, key in self.named]

    def recalled(self, records: Mapping[str, RenditionRecord], *, trusts_jobs: bool) -> Recalled:
        """Return what to ask the storage about; see `progress_of_fields`."""
        is_in_work = self.job is not None and self.job.state != JobState.FAILED
        is_looked_up = not (trusts_jobs and is_in_work)
        return Recalled(self.image.storages, self.plans, records, is_looked_up)

    def url(self, path: str) -> str:
        """Return the URL of a rendition; empty if its storage gives no URLs."""
        try:
            return self.image.storages.renditions.url(path)
        except (NotImplementedError, ValueError):
            return ""


def _image_field(instance: models.Model, name: str) -> VersatileImageField:
    field = instance._meta.get_field(name)
    assert isinstance(field, VersatileImageField)
    return field


def _key_set(field: VersatileImageField, key_set: RenditionKeySet | str | None) -> RenditionKeySet:
    if key_set is None:
        return field.declared_key_set()
    return library.key_set(key_set) if isinstance(key_set, str) else key_set


def _target(instance: models.Model, field: VersatileImageField) -> JobTarget:
    # The job is in the database that a save writes to; the instance may be from a replica.
    return target_of(instance, field, router.db_for_write(type(instance), instance=instance))


def _jobs_of(targets: Iterable[JobTarget]) -> dict[JobTarget, WarmJob]:
    """Return the jobs that make renditions, in one query for each database."""
    wanted: dict[str, dict[str, list[JobTarget]]] = {}
    for target in targets:
        wanted.setdefault(target.using, {}).setdefault(target.model_label, []).append(target)
    return {
        JobTarget(using, job.model_label, job.object_pk, job.field_name): job
        for using, by_model in wanted.items()
        for job in _jobs_in(using, by_model)
    }


def _jobs_in(using: str, by_model: Mapping[str, Sequence[JobTarget]]) -> models.QuerySet[WarmJob]:
    of_models = (
        models.Q(
            model_label=label,
            object_pk__in={target.object_pk for target in targets},
            field_name__in={target.field_name for target in targets},
        )
        for label, targets in by_model.items()
    )
    return WarmJob.objects.using(using).filter(
        functools.reduce(operator.or_, of_models), removal=""
    )


def _progress(picture: _Picture, statuses: Sequence[RenditionStatus]) -> Progress:
    renditions = tuple(
        RenditionProgress(
            name=name,
            key=key,
            path=status.plan.path,
            url=picture.url(status.plan.path),
            is_made=status.is_made,
            reason=reason,
            detail=detail,
        )
        for (name, key), status in zip(picture.named, statuses, strict=True)
        for reason, detail in [_reason_and_detail(status, picture.job)]
    )
    return Progress(picture.image.instance, _state(picture.job, renditions), renditions)


def _reason_and_detail(status: RenditionStatus, job: WarmJob | None) -> tuple[str, str]:
    if status.is_made:
        return "", ""
    if job:
        failure = job.failure_of(status.plan.path)
        return (failure.translated_headline, failure.detail) if failure else ("", "")
    if status.record and status.reason:
        return status.reason, status.record.detail
    return gettext(NO_JOB_WAITS), ""


def _state(job: WarmJob | None, renditions: Iterable[RenditionProgress]) -> ProgressState:
    if job:
        return _BY_JOB[JobState(job.state)]
    made = all(rendition.is_made for rendition in renditions)
    return ProgressState.DONE if made else ProgressState.FAILED


_BY_JOB = {
    JobState.QUEUED: ProgressState.QUEUED,
    JobState.WARMING: ProgressState.WARMING,
    JobState.FAILED: ProgressState.FAILED,
}
