"""What is counted for Prometheus, and who may read it."""

import subprocess
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db.models.functions import Now
from django.urls import path
from prometheus_client import REGISTRY, CollectorRegistry

from renditions.records import Recorder, StoreUnavailable
from tests.app.models import Person, Poster
from tests.service.processes import CHECKOUT, PYTHON, inherited
from tests.service.prometheus import Scrape
from tests.workers.conftest import enqueue_unsent
from tests.workers.hooks import does, hooked
from workers import alarms, checks, ledger, metrics, recovery, runs, scrape, worker
from workers.conf import BULK_QUEUE, QUEUE
from workers.models import JobState, WarmJob, WarmRun, WorkerNode
from workers.nodes import beat
from workers.testing import work_owed

PERSON = "app.Person"

urlpatterns = [path("metrics", scrape.view)]


class Counts:
    """How much the counts of this process have risen since it was made."""

    def __init__(self) -> None:
        self._before = self._now()

    def __getitem__(self, name: str) -> dict[tuple[str, ...], float]:
        """Return what has changed, by the values of the labels in alphabetical order."""
        changed = {}
        for (sample, labels), value in self._now().items():
            if sample == name and (rise := value - self._before.get((sample, labels), 0)):
                changed[tuple(value for _, value in labels)] = rise
        return changed

    def _now(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in REGISTRY.collect()
            for sample in family.samples
        }


@pytest.fixture
def counts() -> Counts:
    return Counts()


def work(using: str = "default") -> None:
    """Run the only job, like a worker that got its message."""
    job = WarmJob.objects.using(using).get()
    worker.run_job(ledger.Hint(using, job.pk, job.generation), "t1", "w1")


# ---- counts ------------------------------------------------------------------------------------


def test_a_job_is_counted_with_its_stages_and_bytes(db, picture, counts):
    person = Person.objects.create(headshot=picture())

    work()

    assert counts["renditions_jobs_total"] == {("", PERSON, "made"): 1}
    stages = {("fetch",): 1, ("decode",): 1, ("render",): 1, ("publish",): 1}
    assert counts["renditions_stage_seconds_count"] == stages
    plans = Person.objects.get().headshot.plans()
    size = sum(person.headshot.storage.size(plan.path) for plan in plans)
    assert counts["renditions_published_bytes_total"] == {(PERSON,): size}


def test_a_job_with_nothing_to_make_counts_no_rendering(db, picture):
    Person.objects.create(headshot=picture())
    work()
    counts = Counts()
    ledger.enqueue(_target(), "")

    work()

    assert counts["renditions_jobs_total"] == {("", PERSON, "made"): 1}
    assert counts["renditions_stage_seconds_count"] == {("fetch",): 1}
    assert counts["renditions_published_bytes_total"] == {}


def _target():
    person = Person.objects.get()
    return ledger.JobTarget("default", PERSON, str(person.pk), "headshot")


def test_times_are_those_of_the_database(ledger_db, picture, counts):
    """A picture that was saved 100 s ago, and whose job was due 40 s ago."""
    Person(headshot=picture()).save(using=ledger_db)
    WarmJob.objects.using(ledger_db).update(
        queued_at=Now() - timedelta(seconds=100), due_at=Now() - timedelta(seconds=40)
    )

    work(ledger_db)

    assert counts["renditions_queue_wait_seconds_count"] == {(QUEUE,): 1}
    assert 40 <= counts["renditions_queue_wait_seconds_sum"][(QUEUE,)] < 60
    assert counts["renditions_save_to_ready_seconds_count"] == {(PERSON,): 1}
    assert 100 <= counts["renditions_save_to_ready_seconds_sum"][(PERSON,)] < 130


def test_a_broken_picture_is_counted_by_its_kind(db, counts):
    Person.objects.create(headshot=ContentFile(b"no picture", "a.jpg"))

    work()

    assert counts["renditions_jobs_total"] == {("format", PERSON, "failed"): 1}
    assert counts["renditions_save_to_ready_seconds_count"] == {}


def test_each_attempt_is_counted(db, picture, configure, counts):
    """A missing original is tried again, and then given up."""
    configure(WORKERS={"MAX_ATTEMPTS": 2})
    person = Person.objects.create(headshot=picture())
    person.headshot.storage.delete(person.headshot.name)

    work()
    WarmJob.objects.update(due_at=Now())
    work()

    ended = {("missing", PERSON, "retried"): 1, ("missing", PERSON, "failed"): 1}
    assert counts["renditions_jobs_total"] == ended
    assert counts["renditions_queue_wait_seconds_count"] == {(QUEUE,): 2}


def test_an_attempt_that_a_save_overtakes_is_counted(db, settings, picture, counts):
    with hooked(settings):
        person = Person.objects.create(headshot=picture())

        def replace() -> None:
            again = Person.objects.get(pk=person.pk)
            again.headshot = picture("b.jpg")
            again.save()

        does(replace)
        work()

    assert counts["renditions_jobs_total"] == {("", PERSON, "superseded"): 1}


def test_a_picture_that_is_gone_is_counted(db, picture, counts):
    Person.objects.create(headshot=picture())
    Person.objects.all()._raw_delete("default")

    work()

    assert counts["renditions_jobs_total"] == {("", PERSON, "blank"): 1}


def test_a_poisoned_job_is_counted(db, picture, counts):
    """Its worker died at each attempt, so no attempt has told its end."""
    Person.objects.create(headshot=picture())
    WarmJob.objects.update(attempts=4)

    work()

    assert counts["renditions_jobs_total"] == {("poison", PERSON, "failed"): 1}
    assert counts["renditions_queue_wait_seconds_count"] == {}


def test_a_removal_is_counted(db, picture, configure):
    configure(WORKERS={"REMOVAL_DELAY_S": 0})
    poster = Poster.objects.create(image=picture())
    work_owed()
    counts = Counts()

    poster.delete()
    work_owed()

    assert counts["renditions_jobs_total"] == {("", "app.Poster", "removed"): 1}
    assert counts["renditions_queue_wait_seconds_count"] == {(BULK_QUEUE,): 1}


def test_a_job_of_a_bulk_run_is_no_save(db, people, counts):
    people(1)
    run = runs.start(Person._meta.get_field("headshot"))
    runs.advance("default", run.pk)

    work()

    assert counts["renditions_jobs_total"] == {("", PERSON, "made"): 1}
    assert counts["renditions_queue_wait_seconds_count"] == {(BULK_QUEUE,): 1}
    assert counts["renditions_save_to_ready_seconds_count"] == {}


def test_records_are_counted(db, picture):
    Person.objects.create(headshot=picture())
    work_owed()
    plans = Person.objects.get().headshot.plans()
    counts = Counts()

    Recorder(Known(len(plans) - 2)).recall(plans)

    made = {("hit",): len(plans) - 2, ("miss",): 2}
    assert counts["renditions_records_total"] == made


def test_records_of_a_cache_that_is_away_are_no_misses(db, picture):
    plans = Person.objects.create(headshot=picture()).headshot.plans()
    counts = Counts()

    Recorder(Away()).recall(plans)

    assert counts["renditions_records_total"] == {("unavailable",): len(plans)}


class Known:
    """A store that has some of the records."""

    def __init__(self, number: int) -> None:
        self._number = number

    def get_many(self, keys):
        return dict.fromkeys(list(keys)[: self._number], "")


class Away:
    def get_many(self, keys):
        raise StoreUnavailable("refused")


def test_sweeps_and_lost_leases_are_counted(db, counts):
    for number in (1, 2, 3):
        hint = enqueue_unsent(number)
        ledger.claim(hint, task_id=f"t{number}", worker="w1", lease_s=9, max_attempts=4)

    recovery.release_task("t1", "WorkerLostError")
    recovery.release_worker("w1")
    recovery.sweep()

    assert counts["renditions_leases_lost_total"] == {(): 3}
    assert counts["renditions_sweeps_total"] == {(): 1}


WITHOUT = """
import sys
sys.modules.update(prometheus_client=None, opentelemetry=None)
import django
django.setup()
from django.core.management import call_command
from django.test import RequestFactory
call_command("migrate", run_syncdb=True, verbosity=0)
from tests.app.models import Person
from tests.conftest import four_corners
from django.core.files.base import ContentFile
from workers import metrics, scrape
from workers.models import WarmJob
from workers.testing import work_owed
Person.objects.create(headshot=ContentFile(four_corners(90, 60), "a.jpg"))
assert WarmJob.objects.get().trace == ""
assert work_owed() == 1 and not WarmJob.objects.exists()
metrics.reuse_files()
answer = scrape.view(RequestFactory().get("/metrics"))
print(answer.status_code, answer.content.decode())
"""


def test_everything_works_without_the_packages():
    """Nothing is counted or traced, and the view says what to install."""
    environment = inherited(DJANGO_SETTINGS_MODULE="tests.settings")
    done = subprocess.run(
        [PYTHON, "-c", WITHOUT], cwd=CHECKOUT, env=environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("501 There is no Prometheus client: pip install")


IN_NO_FOLDER = """
import django
django.setup()
from workers import metrics
for _ in range(3):
    metrics.note_sweep()
    metrics.note_ended("app.Person", metrics.JobResult.MADE)
"""


def test_a_folder_that_is_missing_fails_no_job(tmp_path):
    """It is said once."""
    environment = inherited(
        DJANGO_SETTINGS_MODULE="tests.settings", PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "nowhere")
    )
    done = subprocess.run(
        [PYTHON, "-c", IN_NO_FOLDER], cwd=CHECKOUT, env=environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Metrics cannot be counted: ") == 1
    assert "PROMETHEUS_MULTIPROC_DIR must be a folder" in done.stderr


# ---- the view ----------------------------------------------------------------------------------


@pytest.fixture
def read(client, settings):
    """Return a function that scrapes the view, as a client with an address and headers."""
    settings.ROOT_URLCONF = __name__

    def get(address: str = "127.0.0.1", **headers: str):
        return client.get("/metrics", REMOTE_ADDR=address, headers=headers)

    return get


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.0.0.9", {}, 200),
        ("::1", {}, 200),
        ("10.0.0.7", {}, 403),
        ("192.168.1.1", {}, 403),
        ("", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 403),
        ("127.0.0.1", {"Forwarded": "for=203.0.113.9"}, 403),
        ("127.0.0.1", {"X-Real-IP": "127.0.0.1"}, 403),
        ("127.0.0.1", {"Via": "1.1 nginx"}, 403),
        ("10.0.0.7", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("10.0.0.7", {"Authorization": "Bearer "}, 403),
    ],
)
def test_without_a_token_only_this_machine_may_read(db, read, address, headers, status):
    """An empty unix address and a proxy on this machine are others."""
    assert read(address, **headers).status_code == status


@pytest.mark.parametrize(
    ("address", "sent", "status"),
    [
        ("10.0.0.7", "Bearer s3cret", 200),
        ("10.0.0.7", "bearer s3cret", 200),
        ("10.0.0.7", "Bearer s3cre", 403),
        ("10.0.0.7", "Bearer ", 403),
        ("10.0.0.7", "Basic s3cret", 403),
        ("10.0.0.7", "s3cret", 403),
        ("10.0.0.7", "Bearer s3cr\u00e9t", 403),
        ("127.0.0.1", "", 403),
    ],
)
def test_with_a_token_only_who_sends_it_may_read(db, read, configure, address, sent, status):
    configure(WORKERS={"METRICS_TOKEN": "s3cret"})

    assert read(address, Authorization=sent).status_code == status


def test_a_refusal_says_what_to_do(db, read):
    refused = read("10.0.0.7")

    assert "METRICS_TOKEN in RENDITIONS['WORKERS']" in refused.content.decode()
    assert "renditions_" not in refused.content.decode()


def test_the_view_shows_the_state_of_the_ledger(db, read, people, picture):
    Person.objects.create(headshot=picture())
    enqueue_unsent(999)
    WarmJob.objects.filter(object_pk="999").update(
        state=JobState.FAILED, kind="storage", due_at=None
    )
    WarmJob.objects.exclude(object_pk="999").update(due_at=Now() - timedelta(seconds=70))
    WarmRun.objects.create(model_label=PERSON, field_name="headshot", planned=7, total=9, failed=2)
    beat("w1@here", [QUEUE], 3)
    WorkerNode.objects.update(started_at=Now() - timedelta(hours=1))

    seen = Scrape(read().content.decode())

    assert seen.values("renditions_owed_jobs", model=PERSON, state="queued") == [1]
    assert seen.values("renditions_owed_jobs", model=PERSON, state="failed") == [1]
    # An expression about a model that never had a job finds it.
    assert seen.values("renditions_owed_jobs", model="app.Poster", state="failed") == [0]
    assert seen.values("renditions_failed_jobs", kind="storage") == [1]
    [oldest_s] = seen.values("renditions_oldest_due_seconds", queue=QUEUE)
    assert 70 <= oldest_s < 90
    assert seen.values("renditions_oldest_due_seconds", queue=BULK_QUEUE) == [0]
    assert seen.values("renditions_workers_alive") == [1]
    assert seen.values("renditions_worker_processes") == [3]
    assert seen.values("renditions_queue_consumers", queue=QUEUE) == [1]
    assert seen.values("renditions_queue_consumers", queue=BULK_QUEUE) == [0]
    assert seen.values("renditions_last_sweep_age_seconds") == []
    run = {"field": f"{PERSON}.headshot", "kind": "warm", "state": "running"}
    assert seen.values("renditions_run_known_pictures", database="default", **run) == [9]
    assert seen.values("renditions_run_failed_pictures", **run) == [2]
    ringing = {each.value for each in alarms.AlarmId if seen.values("renditions_alarm", id=each)[0]}
    assert ringing == {"unconsumed", "beat", "failed"}
    assert len(seen.values("renditions_alarm")) == len(alarms.AlarmId)


def test_registering_the_collector_asks_no_database():
    """A project registers it while it starts; a query would be an error in this test."""
    CollectorRegistry().register(scrape.ServiceCollector())


def test_the_number_of_queries_does_not_depend_on_the_number_of_jobs(
    db, read, people, django_assert_max_num_queries
):
    with django_assert_max_num_queries(200) as few:
        read()
    for number in range(50):
        enqueue_unsent(number)

    # The oldest of them; nothing for each one.
    with django_assert_max_num_queries(len(few)):
        read()


# ---- the port of a worker ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"METRICS_PORT": 9808}, []),
        ({"METRICS_PORT": 0}, ["rendition_workers.E013"]),
        ({"METRICS_PORT": 65536}, ["rendition_workers.E013"]),
        ({"METRICS_PORT": "9808"}, ["rendition_workers.E013"]),
        ({"METRICS_ADDRESS": None}, ["rendition_workers.E013"]),
        ({"METRICS_TOKEN": None}, ["rendition_workers.E013"]),
    ],
)
def test_settings_of_metrics_are_checked(settings, given, expected):
    settings.RENDITIONS = {"WORKERS": given}

    assert [message.id for message in checks.check_settings(None)] == expected


def test_a_port_without_the_client_is_a_mistake(settings, monkeypatch):
    settings.RENDITIONS = {"WORKERS": {"METRICS_PORT": 9808}}
    monkeypatch.setattr(metrics, "prometheus_client", None)

    [message] = checks.check_settings(None)

    assert message.id == "rendition_workers.E025"
    assert "pip install 'django-renditions[metrics]'" in str(message.hint)
