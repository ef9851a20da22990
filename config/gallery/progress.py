"""How far the renditions of photos are: the ledger says what is owed, the records what is there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from renditions import conf
from renditions.engine.warming import survey
from renditions.planning.keys import RenditionKey
from renditions.planning.plans import RenditionPlan
from renditions.records import RecordState, RenditionRecord
from workers.models import WarmJob

from .models import Photo

KEY_SET = "gallery"
NOT_DUE = "It is not there and nothing is due to make it; the nightly run will."
# What the ledger writes where a whole job failed and not one of its renditions.
EVERY_PATH = ""


class State(StrEnum):
    """Where a photo stands."""

    QUEUED = "queued"  # owed; no worker has it yet
    WARMING = "warming"  # a worker has it
    DONE = "done"  # every rendition is there
    FAILED = "failed"  # something could not be made, and waits for somebody

    @property
    def is_final(self) -> bool:
        """Whether nothing will change by itself."""
        return self in (State.DONE, State.FAILED)


@dataclass(frozen=True, slots=True)
class Rendition:
    """One rendition as people see it."""

    name: str
    key: RenditionKey
    path: str  # on the field's storage
    url: str
    is_made: bool
    reason: str  # why it could not be made; empty where it was, or was not tried yet


@dataclass(frozen=True, slots=True)
class Progress:
    """All renditions of one photo."""

    photo: Photo
    state: State
    renditions: tuple[Rendition, ...]  # in the order of the key set, the original left out

    @property
    def created(self) -> list[str]:
        """Paths that can be served."""
        return [rendition.path for rendition in self.renditions if rendition.is_made]

    @property
    def failed(self) -> list[Rendition]:
        """What could not be made at the last attempt, each with its reason."""
        return [rendition for rendition in self.renditions if rendition.reason]

    @property
    def reasons(self) -> list[str]:
        """Why, each reason once."""
        return list(dict.fromkeys(rendition.reason for rendition in self.failed))

    @property
    def card_url(self) -> str:
        """Address of the picture for a list of photos; empty where it cannot be served yet."""
        return next((one.url for one in self.renditions if one.name == "card" and one.is_made), "")


def progress_of(photo: Photo) -> Progress:
    """Return where `photo` stands now; nothing is made by asking."""
    return progress_of_all([photo])[0]


def progress_of_all(photos: Sequence[Photo]) -> list[Progress]:
    """Return where each of `photos` stands, with one look into the ledger."""
    # The ledger first: a job that ends in between leaves everything made, never the reverse.
    jobs = _jobs_of(photos)
    return [_progress(photo, jobs.get(str(photo.pk))) for photo in photos]


def _jobs_of(photos: Iterable[Photo]) -> dict[str, WarmJob]:
    jobs = WarmJob.objects.filter(
        model_label=Photo._meta.label,
        field_name="image",
        object_pk__in=[str(photo.pk) for photo in photos],
    )
    return {job.object_pk: job for job in jobs}


def _progress(photo: Photo, job: WarmJob | None) -> Progress:
    image = photo.image
    named = [(name, key, image.plan(key)) for name, key in conf.key_set(KEY_SET) if key.sizer]
    records = dict(survey(image.storage, [plan for _, _, plan in named]))
    failures = {each["path"]: each["reason"] for each in job.failures} if job else {}
    renditions = tuple(
        Rendition(
            name=name,
            key=key,
            path=plan.path,
            url=image.storage.url(plan.path),
            is_made=_is_made(records[plan]),
            reason=_reason(plan, records[plan], job, failures),
        )
        for name, key, plan in named
    )
    return Progress(photo, _state(job, renditions), renditions)


def _is_made(record: RenditionRecord | None) -> bool:
    return record is not None and record.state is RecordState.CREATED


def _reason(
    plan: RenditionPlan,
    record: RenditionRecord | None,
    job: WarmJob | None,
    failures: Mapping[str, str],
) -> str:
    if _is_made(record):
        return ""
    if job:
        return failures.get(plan.path) or failures.get(EVERY_PATH, "")
    return record.error if record else NOT_DUE


def _state(job: WarmJob | None, renditions: Iterable[Rendition]) -> State:
    if job:
        return State(job.state)
    return State.DONE if all(rendition.is_made for rendition in renditions) else State.FAILED
