"""The trace of the request that saved goes on in the job."""

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db.models.functions import Now
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from tests.app.models import Person
from tests.workers.broker import drain
from workers import ledger, recovery, runs, worker
from workers.conf import QUEUE
from workers.models import JobState, WarmJob


@pytest.fixture
def exporter(monkeypatch) -> InMemorySpanExporter:
    """Let the project have an SDK that keeps all spans in memory."""
    provider, kept = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    # `set_tracer_provider` can be called once in a process.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return kept


@pytest.fixture
def tracer(exporter) -> Tracer:
    """The tracer of the project."""
    return trace.get_tracer("project")


def save(tracer: Tracer, using: str, **values: Any) -> Person:
    """Save a person in a traced request."""
    person = Person(**values)
    with tracer.start_as_current_span("POST /people/"):
        person.save(using=using)
    return person


def work(using: str = "default") -> None:
    """Run the only job, like a worker that got its message."""
    job = WarmJob.objects.using(using).get()
    worker.run_job(ledger.Hint(using, job.pk, job.generation), "t1", "w1")


def spans(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def assert_goes_on(exporter: InMemorySpanExporter) -> None:
    """Check that the span of the job is a child of the span of the request."""
    request, job = spans(exporter)["POST /people/"], spans(exporter)["renditions.warm"]
    assert job.context.trace_id == request.context.trace_id
    assert job.parent is not None
    assert job.parent.span_id == request.context.span_id
    assert job.kind is SpanKind.CONSUMER


def test_the_trace_of_the_save_goes_on_in_the_job(ledger_db, picture, exporter, tracer):
    save(tracer, ledger_db, headshot=picture())

    work(ledger_db)

    assert_goes_on(exporter)


def test_it_goes_on_from_a_database_without_upserts(ledger_db, in_steps, picture, exporter, tracer):
    save(tracer, ledger_db, headshot=picture())

    work(ledger_db)

    assert_goes_on(exporter)


def test_it_goes_on_after_the_message_was_lost(transactional_db, broker, picture, exporter, tracer):
    """The broker was emptied, and the sweep sends another message."""
    save(tracer, "default", headshot=picture())
    assert len(drain(QUEUE)) == 1
    WarmJob.objects.update(hinted_at=None)

    with tracer.start_as_current_span("sweep"):
        recovery.sweep()
    [(_, message)] = drain(QUEUE)
    worker.run_job(ledger.Hint(**message), "t1", "w1")

    assert_goes_on(exporter)


def test_a_later_save_is_the_parent(db, picture, exporter, tracer):
    """The job is that of the last save."""
    person = save(tracer, "default", headshot=picture())
    exporter.clear()
    person.headshot = picture("b.jpg")
    with tracer.start_as_current_span("POST /people/"):
        person.save()

    work()

    assert_goes_on(exporter)


def test_a_save_without_a_trace_forgets_the_one_before(db, picture, exporter, tracer):
    person = save(tracer, "default", headshot=picture())
    person.headshot = picture("b.jpg")
    person.save()

    work()

    assert WarmJob.objects.filter(trace__gt="").count() == 0
    assert spans(exporter)["renditions.warm"].parent is None


def test_each_attempt_is_a_span_of_the_trace(db, picture, exporter, tracer):
    person = save(tracer, "default", headshot=picture())
    person.headshot.storage.delete(person.headshot.name)

    work()
    WarmJob.objects.update(due_at=Now())
    work()

    request, *attempts = exporter.get_finished_spans()
    assert [span.attributes["renditions.attempt"] for span in attempts] == [1, 2]
    assert {span.context.trace_id for span in attempts} == {request.context.trace_id}


def test_a_retry_by_a_person_begins_a_trace(db, exporter, tracer):
    """It may come days later."""
    save(tracer, "default", headshot=ContentFile(b"no picture", "a.jpg"))
    work()
    exporter.clear()

    ledger.retry(WarmJob.objects.all())
    work()

    assert spans(exporter)["renditions.warm"].parent is None


def test_a_bulk_run_begins_a_trace(db, people, exporter, tracer):
    people(1)
    with tracer.start_as_current_span("rewarm"):
        run = runs.start(Person._meta.get_field("headshot"))
        runs.advance("default", run.pk)

    work()

    assert spans(exporter)["renditions.warm"].parent is None


def test_the_span_of_the_message_is_a_link(db, picture, exporter, tracer):
    """If Celery is traced, too, the job can be found from the task."""
    save(tracer, "default", headshot=picture())

    with tracer.start_as_current_span("run/renditions.warm") as task:
        work()

    assert_goes_on(exporter)
    [link] = spans(exporter)["renditions.warm"].links
    assert link.context.span_id == task.get_span_context().span_id


def test_a_span_says_what_was_made(db, picture, exporter, tracer):
    person = save(tracer, "default", headshot=picture())

    work()

    plans = Person.objects.get().headshot.plans()
    attributes = dict(spans(exporter)["renditions.warm"].attributes)
    seconds = {name: attributes.pop(f"renditions.{name}_s") for name in STAGES}
    assert attributes == {
        "renditions.model": "app.Person",
        "renditions.pk": str(person.pk),
        "renditions.field": "headshot",
        "renditions.attempt": 1,
        "renditions.made": len(plans),
        "renditions.published_bytes": sum(
            person.headshot.storage.size(plan.path) for plan in plans
        ),
    }
    assert all(took > 0 for took in seconds.values())
    assert spans(exporter)["renditions.warm"].status.status_code is StatusCode.UNSET


STAGES = ("fetch", "decode", "render", "publish")


@pytest.mark.parametrize("is_given_up", [True, False])
def test_a_span_says_why_the_attempt_failed(db, picture, exporter, tracer, is_given_up):
    """Each reason is an event."""
    content = ContentFile(b"no picture", "a.jpg") if is_given_up else picture()
    person = save(tracer, "default", headshot=content)
    if not is_given_up:
        person.headshot.storage.delete(person.headshot.name)

    work()

    span = spans(exporter)["renditions.warm"]
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["renditions.given_up"] is is_given_up
    assert {event.name for event in span.events} == {"exception"}
    assert len(span.events) == len(Person.objects.get().headshot.plans())
    kind = "format" if is_given_up else "missing"
    assert {event.attributes["exception.type"] for event in span.events} == {kind}
    assert WarmJob.objects.get().state == (JobState.FAILED if is_given_up else JobState.QUEUED)


def test_an_sdk_without_an_active_span_writes_nothing(db, picture, exporter):
    Person.objects.create(headshot=picture())

    assert WarmJob.objects.get().trace == ""


def test_without_an_sdk_nothing_is_written(db, picture):
    """The API alone makes spans that are not recorded."""
    save(trace.get_tracer("project"), "default", headshot=picture())

    assert WarmJob.objects.get().trace == ""
