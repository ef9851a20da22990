"""What has happened to the renditions of an image: signals for the project, at least once.

An event is written in the transaction that ends a job, and deleted when all receivers are done
(transactional outbox). If the worker dies before, a sweep lets another one tell the receivers
again. Nothing is written for a signal that has no receiver.

Receivers run in a worker, outside of any transaction. An exception of a receiver is logged, and
the event is told again later, to all receivers: make them idempotent.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import F
from django.db.models.functions import Now
from django.dispatch import Signal
from django.utils.module_loading import import_string

from renditions.engine.warming import Result, WarmReport
from renditions.files import VersatileImageFieldFile

from .conf import backoff_s, worker_settings
from .failures import Failure
from .models import Event, EventKind
from .targets import JobTarget, field_of, image_of

logger = logging.getLogger(__name__)

# A rendition of an image was made. `sender`: the model. `instance`: the row as it is now.
# `field_name`. `rendition`: a `Published`. `using`: alias of the database of the row.
rendition_ready = Signal()

# All renditions of an image are made. The same arguments, but `renditions`: a list of `Published`.
renditions_ready = Signal()

# A job was given up. The same arguments, but `failures`: a list of `workers.failures.Failure`.
renditions_failed = Signal()

# Events that one message lets a worker tell.
AT_ONCE = 200
# A call of ON_PUBLISHED gets about this many renditions at most.
BATCH = 500
# Times that the receivers of one event are called if one of them fails each time.
MAX_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Published:
    """A rendition that is on its storage."""

    path: str  # on the storage
    url: str


# ---- in the transaction that ends a job --------------------------------------------------------


def of_made(
    target: JobTarget, image: VersatileImageFieldFile, report: WarmReport, *, attempt: int
) -> list[Event]:
    """Return what has to be told of the renditions that exist after an attempt.

    Args:
        attempt: Number of the attempt. After the first one, an earlier attempt may have made some
            of the renditions and told nobody: then all of them are told.
    """
    existing = [plan.path for plan in report.existing]
    made = [plan.path for plan in report.of(Result.CREATED)] if attempt == 1 else existing
    about = {"original_name": str(image.name)}
    return [
        *_owed(EventKind.MADE, target, made, **about),
        *_owed(EventKind.READY, target, [] if report.failures else existing, **about),
        *_owed(EventKind.PUBLISHED, target, made, **about),
    ]


def of_failed(target: JobTarget, failures: Sequence[Failure]) -> list[Event]:
    """Return what has to be told of a job that is given up."""
    if target.removed_name:
        return []
    return _owed(EventKind.FAILED, target, [failure.as_json() for failure in failures])


def save(using: str, events: Sequence[Event]) -> None:
    """Write the events; call it in the transaction that ends the job."""
    if events:
        Event.objects.using(using).bulk_create(events)


def _owed(kind: EventKind, target: JobTarget, content: list[Any], **more: str) -> list[Event]:
    if not content or not _is_wanted(kind, target):
        return []
    about = {name: getattr(target, name) for name in ("model_label", "object_pk", "field_name")}
    return [Event(kind=kind, content=content, due_at=Now(), **about, **more)]


def _is_wanted(kind: EventKind, target: JobTarget) -> bool:
    if kind is EventKind.PUBLISHED:
        return worker_settings().on_published is not None
    field = field_of(target)
    return field is not None and _SIGNALS[kind].has_listeners(field.model)


_SIGNALS = {
    EventKind.MADE: rendition_ready,
    EventKind.READY: renditions_ready,
    EventKind.FAILED: renditions_failed,
}


# ---- telling -----------------------------------------------------------------------------------


def tell_about(target: JobTarget) -> None:
    """Tell the receivers what has just happened to `target`; no query if there is no receiver."""
    if not any(_is_wanted(kind, target) for kind in _SIGNALS):
        return
    about = {name: getattr(target, name) for name in ("model_label", "object_pk", "field_name")}
    for event in _take(_due(target.using).filter(**about).exclude(kind=EventKind.PUBLISHED)):
        _tell(event)


def is_anything_due(using: str) -> bool:
    """Whether a message for `tell_due` is needed."""
    return _due(using).exists()


def tell_due(using: str) -> None:
    """Tell what is due: what a worker that died has left, and what goes out in batches."""
    published = []
    for event in _take(_due(using)):
        if event.kind == EventKind.PUBLISHED:
            published.append(event)
        else:
            _tell(event)
    _publish(using, published)


def _due(using: str) -> models.QuerySet[Event]:
    return Event.objects.using(using).filter(due_at__lte=Now()).order_by("due_at", "pk")


def _take(events: models.QuerySet[Event]) -> Iterator[Event]:
    """Yield those of `events` that no other process tells, each with a lease."""
    lease = timedelta(seconds=worker_settings().lease_s)
    for event in list(events[:AT_ONCE]):
        one = events.filter(pk=event.pk).order_by()
        if one.update(due_at=Now() + lease, attempts=F("attempts") + 1):
            event.attempts += 1
            yield event


def _tell(event: Event) -> None:
    """Call the receivers of one event, then delete it."""
    target = _target(event)
    image = image_of(target)
    # Nobody can be told of a row that is gone, and a newer picture has events of its own.
    if image is None or (event.original_name and event.original_name != str(image.name)):
        event.delete()
        return
    signal = _SIGNALS[EventKind(event.kind)]
    errors = [
        error
        for arguments in _arguments(event, image)
        for _, error in signal.send_robust(
            sender=type(image.instance),
            instance=image.instance,
            field_name=event.field_name,
            using=target.using,
            **arguments,
        )
        if isinstance(error, Exception)
    ]
    _end([event], errors, f"A receiver of {event.kind!r} for {target}")


def _arguments(event: Event, image: VersatileImageFieldFile) -> Iterator[dict[str, Any]]:
    if event.kind == EventKind.FAILED:
        yield {"failures": [Failure.from_json(stored) for stored in event.content]}
        return
    renditions = [Published(path, image.storages.renditions.url(path)) for path in event.content]
    if event.kind == EventKind.READY:
        yield {"renditions": renditions}
    else:
        yield from ({"rendition": rendition} for rendition in renditions)


def _publish(using: str, events: Iterable[Event]) -> None:
    """Hand what was published to the function of the project, in batches."""
    path = worker_settings().on_published
    batch: list[Event] = []
    published: list[Published] = []
    for event in events:
        field = field_of(_target(event))
        if path is None or field is None:
            event.delete()
            continue
        url = field.storages.renditions.url
        batch.append(event)
        published += [Published(each, url(each)) for each in event.content]
        if len(published) >= BATCH:
            _call(path, batch, published)
            batch, published = [], []
    if path and batch:
        _call(path, batch, published)


def _call(path: str, events: Sequence[Event], published: Sequence[Published]) -> None:
    errors: list[Exception] = []
    try:
        import_string(path)(list(published))
    except Exception as error:  # noqa: BLE001 - whatever the code of the project raises
        errors.append(error)
    _end(events, errors, f"ON_PUBLISHED, {path},")


def _end(events: Sequence[Event], errors: Sequence[Exception], who: str) -> None:
    """Delete events that were told; let the others be told again."""
    if not errors:
        for event in events:
            event.delete()
        return
    for event in events:
        if event.attempts >= MAX_ATTEMPTS:
            event.delete()
        else:
            Event.objects.using(event.using).filter(pk=event.pk).update(
                due_at=Now() + timedelta(seconds=backoff_s(event.attempts))
            )
    if any(event.attempts >= MAX_ATTEMPTS for event in events):
        logger.error("%s failed %d times, and is given up.", who, MAX_ATTEMPTS, exc_info=errors[0])
    else:
        logger.warning("%s failed, and is called again.", who, exc_info=errors[0])


def _target(event: Event) -> JobTarget:
    return JobTarget(event.using, event.model_label, event.object_pk, event.field_name)
