"""Make a rendition because somebody requests its file and it is missing.

At most one request makes a rendition, in all processes together, and the others wait for it. Few
renditions are made at once. What failed is not tried again for each request.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist

from . import conf
from .engine.single_flight import Deadline, Turn, seat, turn
from .engine.status import RETRY_AFTER_S, may_try_after, next_attempt_at, recall
from .engine.warming import warm
from .errors import PermanentError, RenditionError, SourceMissing, is_transient
from .fields import VersatileImageField
from .inventory.declared import find_declared
from .planning.keys import InvalidSizeKey
from .planning.plans import Original, RenditionPlan, plan_key
from .records import RecordState
from .signing import Ticket, read_token, serves
from .storage import open_original
from .storage.any import FileInfo

# When a client may ask again if its rendition was not made in time.
BUSY_RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rendition that the request may have made."""

    field: VersatileImageField
    plan: RenditionPlan
    # Seconds for which the answer may be cached; None: the settings decide.
    cache_s: int | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """The rendition. The caller closes the file."""

    file: BinaryIO
    info: FileInfo


@dataclass(frozen=True, slots=True)
class Refused:
    """The rendition is not made."""

    retry_after_s: int | None = None  # None: another request would get the same answer


class Expired(Exception):
    """The signed URL was valid once."""


def declared(path: str, address: str, alias: str | None) -> Wanted | None:
    """Return the declared rendition at `path`; None: there is none.

    Args:
        path: On the storage of the renditions.
        address: Path of the requested URL.
        alias: The only storage that the URLconf serves there; None: it names none.
    """
    found = find_declared(path, lambda storage: serves(storage, path, address, alias))
    return Wanted(found.field, found.plan) if found else None


def signed(path: str, token: str) -> Wanted | None:
    """Return the rendition at `path` that `token` allows to make; None: the token is forged.

    Raises:
        Expired: the token is of this project, and its time is over.
    """
    ticket = read_token(token)
    if ticket is None:
        return None
    left_s = ticket.left_s
    if left_s is not None and left_s <= 0:
        raise Expired
    field = _field(ticket.field)
    plan = _plan(field, ticket) if field else None
    if field is None or plan is None or plan.path != path:
        # The code or the settings have changed since, or the token is that of another file.
        return None
    return Wanted(field, plan, None if left_s is None else math.floor(left_s))


def obtain(wanted: Wanted) -> Made | Refused:
    """Return the file of the rendition, and make it first if it is missing.

    If another request makes it already, this one waits for it.
    """
    settings = conf.rendition_settings()
    deadline = Deadline.after(settings.on_request_wait_s)
    while True:
        answer = _made(wanted) or _failed_before(wanted.plan)
        if answer:
            return answer
        with turn(f"{wanted.plan.storage}\0{wanted.plan.path}", deadline) as which:
            if which is Turn.MINE:
                return _make_with_seat(wanted, settings.on_request_at_once, deadline)
        if which is Turn.LATE:
            return Refused(BUSY_RETRY_AFTER_S)


def _make_with_seat(wanted: Wanted, at_once: int, deadline: Deadline) -> Made | Refused:
    with seat(at_once, deadline) as is_taken:
        if not is_taken:
            return Refused(BUSY_RETRY_AFTER_S)
        if wanted.plan.original == wanted.field.placeholder:
            wanted.field.publish_placeholder()
        # It looks for a file once more: another request can have made it a moment ago.
        report = warm(wanted.field.storages, [wanted.plan])
    for error in report.failures.values():
        return Refused(None if isinstance(error, PermanentError) else RETRY_AFTER_S)
    return _made(wanted) or Refused(BUSY_RETRY_AFTER_S)


def _made(wanted: Wanted) -> Made | Refused | None:
    """Return the file; None: it is missing."""
    limit = conf.rendition_settings().max_file_bytes
    try:
        made = Made(*open_original(wanted.field.storages.renditions, wanted.plan.path, limit))
    except SourceMissing:
        return None
    except RenditionError as error:
        return Refused(None if isinstance(error, PermanentError) else RETRY_AFTER_S)
    if made.info.size is not None and made.info.size > limit:
        # Perhaps it was not read to its end.
        made.file.close()
        return Refused()
    return made


def _failed_before(plan: RenditionPlan) -> Refused | None:
    """Return why the rendition is not tried now; None: it may be tried."""
    record = recall([plan]).get(plan.path)
    if record is None or record.state is not RecordState.FAILED or may_try_after(plan, record):
        return None
    if not is_transient(record.kind):
        return Refused()
    wait_s = (next_attempt_at(record) - datetime.now(UTC)).total_seconds()
    return Refused(max(1, math.ceil(wait_s)))


def _plan(field: VersatileImageField, ticket: Ticket) -> RenditionPlan | None:
    originals, renditions = field.storages.labels
    original = Original(field.label, originals, ticket.name, ticket.ppoi, renditions=renditions)
    try:
        return plan_key(original, ticket.key, conf.style(ticket.key))
    except InvalidSizeKey:
        return None


def _field(label: str) -> VersatileImageField | None:
    model_label, _, name = label.rpartition(".")
    try:
        field = apps.get_model(model_label)._meta.get_field(name)
    except (LookupError, FieldDoesNotExist):
        return None
    return field if isinstance(field, VersatileImageField) else None
