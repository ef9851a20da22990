"""One line in the log for each attempt at a job, in the words of an operator.

INFO: it made something. WARNING: it failed and is tried again. ERROR: it is given up, which is the
only ERROR of a job, so an error tracker makes one event of it. Each line has the fields of `extra`
that the documentation names, for a formatter that writes JSON.

The messages are constant, with texts and numbers as arguments: error trackers group by the message.
"""

import logging
from collections.abc import Sequence
from typing import Any

from renditions.engine.warming import Result, WarmReport

from .failures import Failure
from .targets import JobTarget

logger = logging.getLogger(__name__)


def made(target: JobTarget, name: str, attempt: int, report: WarmReport, took_s: float) -> None:
    """Say that every rendition of the picture `name` is there."""
    created, adopted = len(report.of(Result.CREATED)), len(report.of(Result.ADOPTED))
    current, seconds = len(report.of(Result.CURRENT)), report.seconds
    stages = {
        "fetch": seconds.fetch,
        "decode": seconds.decode,
        "render": seconds.render,
        "publish": seconds.publish,
    }
    logger.info(
        "%s: %s has all renditions: %d made, %d adopted, %d there before. %d bytes in %.2f s "
        "(fetch %.2f, decode %.2f, render %.2f, publish %.2f).",
        str(target), name, created, adopted, current, report.published_bytes, took_s,
        *stages.values(),
        extra=_fields(
            target,
            "made",
            rendition_name=name,
            rendition_attempt=attempt,
            rendition_seconds=round(took_s, 3),
            **{f"rendition_{stage}_seconds": round(s, 3) for stage, s in stages.items()},
            rendition_bytes=report.published_bytes,
            rendition_made=created,
            rendition_adopted=adopted,
            rendition_current=current,
        ),
    )  # fmt: skip


def removed(target: JobTarget, took_s: float) -> None:
    """Say that nothing of a former picture is left that nobody needs."""
    extra = _fields(target, "removed", rendition_seconds=round(took_s, 3))
    logger.info("%s was taken away in %.2f s.", str(target), took_s, extra=extra)


def repeated(
    target: JobTarget, attempt: int, attempts: int, delay_s: float, failures: Sequence[Failure]
) -> None:
    """Say that an attempt failed, and that another one follows in `delay_s`."""
    logger.warning(
        "%s: attempt %d of %d failed, and it is tried again in %.0f s. %s",
        str(target), attempt, attempts, delay_s, _reason(failures),
        extra=_failed(target, "queued", attempt, failures),
    )  # fmt: skip


def given_up(target: JobTarget, attempt: int, failures: Sequence[Failure]) -> None:
    """Say that no other attempt follows."""
    logger.error(
        "%s: attempt %d failed, and it is given up. %s",
        str(target), attempt, _reason(failures),
        extra=_failed(target, "failed", attempt, failures),
    )  # fmt: skip


def poisoned(target: JobTarget, attempts: int, failure: Failure) -> None:
    """Say that none of the attempts came back."""
    logger.error(
        "%s: none of %d attempts came back, and it is given up. %s",
        str(target), attempts, str(failure),
        extra=_failed(target, "failed", attempts, [failure]),
    )  # fmt: skip


def cut_off(target: JobTarget, attempt: int, error: BaseException, *, has_traceback: bool) -> None:
    """Say that the process of an attempt is gone, or that an error left its task."""
    logger.warning(
        "%s: attempt %d was cut off. %s: %s",
        str(target), attempt, type(error).__name__, str(error),
        extra=_fields(target, "queued", rendition_attempt=attempt),
        exc_info=error if has_traceback else None,
    )  # fmt: skip


def _failed(
    target: JobTarget, state: str, attempt: int, failures: Sequence[Failure]
) -> dict[str, Any]:
    return _fields(
        target,
        state,
        rendition_attempt=attempt,
        rendition_kind=failures[0].kind,
        rendition_failed=len(failures),
        rendition_paths=[failure.path for failure in failures if failure.path],
    )


def _fields(target: JobTarget, state: str, **more: Any) -> dict[str, Any]:
    return {
        "rendition_model": target.model_label,
        "rendition_pk": target.object_pk,
        "rendition_field": target.field_name,
        "rendition_database": target.using,
        "rendition_state": state,
        **more,
    }


def _reason(failures: Sequence[Failure]) -> str:
    """Return the first reason, and how many renditions have failed if they are not all of one."""
    first = str(failures[0])
    others = len({(failure.kind, failure.detail) for failure in failures}) - 1
    return f"{first} And {others} other reasons." if others else first
