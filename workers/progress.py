"""How far the renditions of an instance are, for pages and APIs.

The ledger knows what is outstanding, the records know what is made. Asking makes no rendition.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import models, router
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from renditions import conf as library
from renditions.engine.status import RenditionStatus, recall, survey
from renditions.fields import VersatileImageField
from renditions.files import VersatileImageFieldFile
from renditions.planning.keys import RenditionKey, RenditionKeySet
from renditions.records import RenditionRecord

from .models import JobState, WarmJob
from .targets import target_of

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
    if not instances:
        return []
    field = instances[0]._meta.get_field(field_name)
    assert isinstance(field, VersatileImageField)
    chosen = _key_set(field, key_set)
    # The ledger first: a job that ends in between leaves everything made, never the reverse.
    jobs = _jobs_of(instances, field)
    images: list[VersatileImageFieldFile] = [getattr(each, field_name) for each in instances]
    records = recall(plan for image in images for plan in image.plans(chosen))
    return [
        _progress(image, chosen, jobs.get(_key_of(instance, field)), records)
        for instance, image in zip(instances, images, strict=True)
    ]


def _key_set(field: VersatileImageField, key_set: RenditionKeySet | str | None) -> RenditionKeySet:
    if key_set is None:
        return field.declared_key_set()
    return library.key_set(key_set) if isinstance(key_set, str) else key_set


def _key_of(instance: models.Model, field: VersatileImageField) -> str:
    return target_of(instance, field, "").object_pk


def _jobs_of(instances: Iterable[models.Model], field: VersatileImageField) -> dict[str, WarmJob]:
    jobs = WarmJob.objects.using(router.db_for_write(field.model)).filter(
        model_label=field.model._meta.label,
        field_name=field.name,
        object_pk__in=[_key_of(instance, field) for instance in instances],
        removal="",
    )
    return {job.object_pk: job for job in jobs}


def _progress(
    image: VersatileImageFieldFile,
    key_set: RenditionKeySet,
    job: WarmJob | None,
    records: Mapping[str, RenditionRecord],
) -> Progress:
    named = [(name, key) for name, key in key_set if image and not key.is_original]
    plans = [image.plan(key) for _, key in named]
    statuses = survey(image.storages, plans, records) if plans else []
    renditions = tuple(
        RenditionProgress(
            name=name,
            key=key,
            path=status.plan.path,
            url=image.storages.renditions.url(status.plan.path),
            is_made=status.is_made,
            reason=reason,
            detail=detail,
        )
        for (name, key), status in zip(named, statuses, strict=True)
        for reason, detail in [_reason_and_detail(status, job)]
    )
    return Progress(image.instance, _state(job, renditions), renditions)


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
