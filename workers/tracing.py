"""The trace of the request that saved goes on in the job (OpenTelemetry).

The ledger keeps the `traceparent` of the save, so a message that is lost loses no trace. Without
`opentelemetry-api`, or while no SDK is active, nothing is written and no span is made.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from renditions.engine.warming import Result, WarmReport

from .failures import Failure
from .targets import JobTarget

try:
    from opentelemetry import trace
    from opentelemetry.trace import Link, SpanKind, Status, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:
    trace = None  # type: ignore[assignment]

NAME = "renditions"
HEADER = "traceparent"


def current() -> str:
    """Return the `traceparent` of the active span; empty: there is none."""
    if trace is None:
        return ""
    carrier: dict[str, str] = {}
    _propagator().inject(carrier)
    return carrier.get(HEADER, "")


@contextmanager
def job_span(target: JobTarget, *, attempt: int, parent: str) -> Iterator[None]:
    """Make a span for one attempt at a job.

    Args:
        parent: The `traceparent` of the save; empty: the trace begins here, or goes on from what is
            active.
    """
    if trace is None:
        yield
        return
    # What is active is the span of the message, if Celery is traced, too.
    active = trace.get_current_span().get_span_context()
    context = _propagator().extract({HEADER: parent}) if parent else None
    with trace.get_tracer(NAME).start_as_current_span(
        "renditions.remove" if target.removed_name else "renditions.warm",
        context,
        SpanKind.CONSUMER,
        attributes={
            "renditions.model": target.model_label,
            "renditions.pk": target.object_pk,
            "renditions.field": target.field_name,
            "renditions.attempt": attempt,
        },
        links=[Link(active)] if parent and active.is_valid else [],
    ):
        yield


def note_report(report: WarmReport) -> None:
    """Note in the active span what an attempt has made, and the seconds of its stages."""
    if trace is None:
        return
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attribute("renditions.made", len(report.of(Result.CREATED)))
        span.set_attribute("renditions.published_bytes", report.published_bytes)
        for stage, took in asdict(report.seconds).items():
            span.set_attribute(f"renditions.{stage}_s", took)


def note_failures(failures: Sequence[Failure], *, is_given_up: bool) -> None:
    """Note in the active span why the attempt has failed."""
    if trace is None:
        return
    span = trace.get_current_span()
    if span.is_recording():
        span.set_status(Status(StatusCode.ERROR, str(failures[0])))
        span.set_attribute("renditions.given_up", is_given_up)
        for failure in failures:
            # The names of the semantic conventions, which every backend shows.
            about = {"exception.type": failure.kind, "exception.message": str(failure)}
            span.add_event("exception", about)


def _propagator() -> "TraceContextTextMapPropagator":
    # Not the global one: it may write other headers, and the ledger has room for this one.
    return TraceContextTextMapPropagator()
