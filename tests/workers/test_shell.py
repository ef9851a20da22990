"""manage.py renditions status, failed, retry and explain."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import caches
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from renditions.engine.warming import Result, warm
from renditions.explanation import Turn, explain
from tests.app.models import Editor, Person, Poster
from tests.conftest import four_corners
from tests.workers.broker import celery_on, drain
from workers import ledger, nodes, runs
from workers.alarms import AlarmId
from workers.conf import BULK_QUEUE, QUEUE, TaskName
from workers.models import Heartbeat, JobState, WarmJob, WorkerNode
from workers.targets import target_of
from workers.testing import work_owed

pytestmark = pytest.mark.django_db

HEADSHOT = Person._meta.get_field("headshot")


@pytest.fixture
def shell(capsys) -> Callable[..., str]:
    """Return a function that runs an action and returns what it prints."""

    def run(*arguments: object) -> str:
        call_command("renditions", *map(str, arguments))
        return capsys.readouterr().out

    return run


@pytest.fixture
def runs_well() -> None:
    """Let a worker of both queues and beat have been seen just now, an hour after the start."""
    nodes.beat("renditions@a", (QUEUE, BULK_QUEUE), 2)
    WorkerNode.objects.update(started_at=Now() - timedelta(hours=1))
    for name in (Heartbeat.BEAT, Heartbeat.SWEEP):
        Heartbeat.objects.create(name=name, beaten_at=Now())


def broken(**values: object) -> Person:
    """Return a person whose picture cannot be rendered, and whose job has failed."""
    person = Person.objects.create(headshot=ContentFile(b"not a picture", "b.jpg"), **values)
    work_owed()
    return person


# ---- status --------------------------------------------------------------------------------------


def code_of(shell: Callable[..., str], *arguments: object) -> int:
    """Return the exit code of `status`."""
    try:
        shell("status", *arguments)
    except CommandError as error:
        return error.returncode
    return 0


@pytest.mark.usefixtures("runs_well")
def test_status_is_0_while_all_is_well(shell):
    assert code_of(shell) == 0
    assert "Nothing needs a hand" in shell("status")


@pytest.mark.usefixtures("runs_well")
def test_failed_jobs_are_an_alarm_and_stop_no_work(shell):
    """A restart mends no picture, so a probe does not fail."""
    broken()

    assert "1 job has failed" in shell("status")
    assert code_of(shell) == 0
    assert code_of(shell, "--max-failed", 1) == 0
    assert code_of(shell, "--max-failed", 0) == 1


@pytest.mark.usefixtures("runs_well")
def test_a_job_that_waits_longer_than_the_limit_fails_the_probe(shell, picture):
    Person.objects.create(headshot=picture())
    WarmJob.objects.update(due_at=Now() - timedelta(seconds=100))

    assert code_of(shell, "--max-age", 300) == 0
    assert code_of(shell, "--max-age", 60) == 1


def stop_beat() -> None:
    Heartbeat.objects.update(beaten_at=Now() - timedelta(hours=1))


def kill_worker() -> None:
    WorkerNode.objects.update(seen_at=Now() - timedelta(hours=1))


def consume_only_uploads() -> None:
    WorkerNode.objects.update(queues=[QUEUE])


@pytest.mark.usefixtures("runs_well")
@pytest.mark.parametrize(
    ("happens", "alarm"),
    [
        (stop_beat, AlarmId.BEAT),
        (kill_worker, AlarmId.NO_WORKER),
        (consume_only_uploads, AlarmId.UNCONSUMED),
    ],
)
def test_a_part_that_does_not_run_fails_the_probe(shell, happens, alarm, capsys):
    """The text has the remedy; `--only` looks at this part alone."""
    happens()

    with pytest.raises(CommandError) as caught:
        shell("status")
    told = capsys.readouterr().out
    assert caught.value.returncode == 1
    assert "STOPPED" in told
    assert "celery -A YOUR_PROJECT" in told
    assert code_of(shell, "--only", alarm) == 1
    assert code_of(shell, "--only", AlarmId.BROKER) == 0


@pytest.mark.parametrize(("age_s", "code"), [(5, 0), (90, 1)])
def test_beat_may_take_a_minute_to_send_its_first_sweep(shell, age_s, code):
    """A service that starts for the first time raises no false alarm."""
    nodes.beat("renditions@a", (QUEUE, BULK_QUEUE), 2)
    WorkerNode.objects.update(started_at=Now() - timedelta(seconds=age_s))

    assert code_of(shell, "--only", "beat") == code


@pytest.mark.usefixtures("runs_well")
def test_a_broker_that_is_away_fails_the_probe_and_shows_no_password(shell, capsys):
    with celery_on("redis://user:s3cret@127.0.0.1:1/0"), pytest.raises(CommandError) as caught:
        shell("status", "--json")

    told = capsys.readouterr().out
    assert "The broker does not answer." in str(caught.value)
    assert json.loads(told)["broker_trouble"]
    assert "s3cret" not in told


@pytest.mark.usefixtures("runs_well")
def test_the_health_check_of_one_worker_looks_at_this_worker_alone(shell):
    stop_beat()

    assert code_of(shell, "--worker", "renditions@a") == 0
    assert code_of(shell, "--worker", "renditions@b") == 1
    kill_worker()
    assert code_of(shell, "--worker", "renditions@a") == 1


@pytest.mark.usefixtures("runs_well")
def test_the_keys_of_the_json_stay(shell):
    """Scripts read them: a key that is renamed breaks them."""
    broken()

    told = json.loads(shell("status", "--json"))

    assert list(told) == [
        *("ok", "faults", "alarms", "queued", "warming", "failed", "removals", "counts_are_exact"),
        *("oldest_due_s", "oldest_bulk_due_s", "made_last_hour", "failed_last_hour", "by_model"),
        *("failures", "workers", "last_beat_s", "last_sweep_s", "queues", "broker_trouble"),
        *("ledger_troubles", "runs", "fields"),
    ]
    assert told["ok"] is True
    assert told["alarms"][0].keys() == {"id", "headline", "remedy", "stops_work"}
    assert (told["failed"], told["failed_last_hour"]) == (1, 1)
    assert told["failures"][0]["kind"] == "format"
    assert told["workers"][0]["queues"] == [QUEUE, BULK_QUEUE]
    assert told["queues"] == {QUEUE: 0, BULK_QUEUE: 0}


@pytest.mark.parametrize("arguments", [["--max-failed", "x"], ["--only", "x"], ["--max-age", "-1"]])
def test_a_wrong_option_is_refused(shell, arguments):
    with pytest.raises(CommandError):
        shell("status", *arguments)


# ---- failed --------------------------------------------------------------------------------------


def fail(kind: str, pk: str = "1", *, age: timedelta = timedelta(0), label: str = "app.Person"):
    """Put a failed job on the ledger."""
    now = Now() - age
    return WarmJob.objects.create(
        model_label=label, object_pk=pk, field_name="headshot", state=JobState.FAILED, kind=kind,
        headline=f"The {kind}.", due_at=None, queued_at=now, changed_at=now,
    )  # fmt: skip


def test_failed_groups_first_then_lists(shell):
    for pk in "12":
        fail("storage", pk)
    fail("memory", "3", age=timedelta(hours=3))

    first, second, _, *lines = shell("failed").splitlines()

    assert first.split()[:2] == ["2", "storage"]
    assert second.split()[:2] == ["1", "memory"]
    assert lines[-1] == "app.Person 3 headshot, 3 h ago: The memory."
    assert len(lines) == 3


def test_failed_takes_filters_and_a_limit(shell):
    for pk in "123":
        fail("storage", pk)
    fail("memory", "4", age=timedelta(hours=3))

    assert json.loads(shell("failed", "--json", "--kind", "memory"))["total"] == 1
    assert json.loads(shell("failed", "--json", "--older-than", "2h"))["jobs"][0]["pk"] == "4"
    assert json.loads(shell("failed", "--json", "--model", "app.poster"))["total"] == 0
    assert "and 2 more" in shell("failed", "--kind", "storage", "--limit", 1)
    told = json.loads(shell("failed", "--json", "--limit", 1))
    assert (told["total"], len(told["jobs"])) == (4, 1)
    assert list(told["jobs"][0]) == [
        *("id", "database", "model", "pk", "field", "removes", "kind", "reason", "attempts"),
        "failed_s_ago",
    ]


def test_failed_says_that_nothing_has(shell):
    assert shell("failed") == "No job has failed.\n"


# ---- retry ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "retried"),
    [
        (["--kind", "storage"], {"1", "2"}),
        (["--model", "app.Person"], {"1", "3"}),
        (["--model", "app.Person", "--pk", "3"], {"3"}),
        # The pictures of an editor are in the table of the persons.
        (["--model", "app.Editor", "--kind", "memory"], {"3"}),
        (["--older-than", "2h"], {"3"}),
        (["--all"], {"1", "2", "3"}),
    ],
)
def test_retry_queues_what_the_filters_choose(shell, arguments, retried):
    """It says how many, and asks for a sweep."""
    fail("storage", "1")
    fail("storage", "2", label="app.Poster")
    fail("memory", "3", age=timedelta(hours=3))

    told = shell("retry", *arguments)

    queued = WarmJob.objects.filter(state=JobState.QUEUED)
    assert set(queued.values_list("object_pk", flat=True)) == retried
    jobs = "job was" if len(retried) == 1 else "jobs were"
    assert told == f"{len(retried)} failed {jobs} queued again.\n"
    assert [task for task, _ in drain(QUEUE)] == [TaskName.SWEEP]


@pytest.mark.parametrize("arguments", [[], ["--all", "--kind", "storage"], ["--pk", "1"]])
def test_retry_refuses_to_guess_which_jobs(shell, arguments):
    """Everything is retried only by an explicit --all."""
    fail("storage")

    with pytest.raises(CommandError):
        shell("retry", *arguments)

    assert WarmJob.objects.get().state == JobState.FAILED


def test_a_retry_of_nothing_sends_nothing(shell):
    assert shell("retry", "--kind", "storage") == "0 failed jobs were queued again.\n"
    assert drain(QUEUE) == []


@pytest.mark.parametrize("action", ["retry", "failed"])
def test_an_unknown_kind_and_model_are_errors(shell, action):
    """The message has the known ones."""
    with pytest.raises(CommandError, match=r"no kind of failure 'stroage'. Known: .*storage"):
        shell(action, "--kind", "stroage")
    with pytest.raises(CommandError, match=r"'app.Persn' is not a model .* Known: .*app.Person"):
        shell(action, "--model", "app.Persn")


# ---- explain -------------------------------------------------------------------------------------


@pytest.fixture
def explained(shell) -> Callable[..., dict]:
    """Return a function that explains the headshot of a person, and checks that it only looked."""

    def run(person: Person) -> dict:
        before = [WarmJob.objects.values_list().order_by("pk")[:], *Person.objects.values_list()]
        before = [list(before[0]), *before[1:]]
        cache = dict(caches["default"]._cache)
        with CaptureQueriesContext(connection) as queries:
            told = json.loads(shell("explain", person._meta.label, person.pk, "--json"))
        assert [list(WarmJob.objects.values_list().order_by("pk")), *before[1:]] == before
        assert caches["default"]._cache == cache
        assert not [q for q in queries if not q["sql"].startswith(("SELECT", "EXPLAIN"))]
        # The text is made of the same parts.
        assert all(
            line in shell("explain", person._meta.label, person.pk) for line in told_now(told)
        )
        return told["fields"]["headshot"]

    return run


def told_now(told: dict) -> list[str]:
    """Return the stable sentences of what would happen now."""
    sentences = told["fields"]["headshot"]["now"]
    return [line for line in sentences if line.startswith(("A save", "A bulk run", "A worker"))]


@pytest.fixture
def person(picture) -> Person:
    """A person whose renditions are all made."""
    person = Person.objects.create(name="Ada", headshot=picture())
    work_owed()
    return Person.objects.get(pk=person.pk)


def test_explain_of_a_picture_that_is_made(explained, person):
    """Nothing is outstanding, and a save would enqueue nothing."""
    told = explained(person)

    assert told["declared"] == {"warm": ["headshot"], "cleanup": None}
    assert {each["would"] for each in told["renditions"]} == {"keep"}
    assert all(each["has_file"] for each in told["renditions"])
    assert told["ledger"] == {"job": None, "removals": []}
    assert told["now"] == [
        "Nothing is outstanding: every rendition is made and current.",
        "A save that leaves the picture alone would enqueue nothing, because the records say that "
        "everything is made.",
        "A bulk run, such as that of each night, would count it as current.",
    ]


def test_explain_of_a_blank_picture(explained):
    told = explained(Person.objects.create())

    assert told["original"]["name"] is None
    assert told["now"] == ["A save would enqueue nothing, because the field is empty."]


def test_explain_of_a_picture_whose_job_waits(explained, picture):
    """It says when its message was sent, and what an attempt would render."""
    told = explained(Person.objects.create(headshot=picture()))

    job = told["ledger"]["job"]
    assert (job["state"], job["attempts"], job["kind"]) == ("queued", 0, None)
    assert job["message_sent_s_ago"] < 60
    assert told["now"][0].startswith("It is due, and its message was sent ")
    assert told["now"][1] == (
        "A worker would render 5 of 5, because it is a new upload, and the record is missing."
    )
    assert "No worker runs." in told["now"][2]
    assert "would enqueue nothing, because a job for just this is on the ledger" in told["now"][-2]


@pytest.mark.usefixtures("runs_well")
def test_explain_of_a_picture_whose_message_was_lost(explained, picture):
    person = Person.objects.create(headshot=picture())
    WarmJob.objects.update(hinted_at=Now() - timedelta(minutes=5))

    told = explained(person)

    assert told["now"][0] == (
        "It is due. Its message was sent 5 min ago, and no worker has taken it: the next sweep "
        "sends it again."
    )
    WarmJob.objects.update(hinted_at=None)
    assert "no message was sent: the next sweep sends one" in explained(person)["now"][0]


def test_explain_of_a_picture_that_failed(explained):
    """It gave up on this version: only a retry helps, and the command is there."""
    person = broken()

    told = explained(person)

    job = told["ledger"]["job"]
    assert (job["state"], job["kind"], job["due_in_s"]) == ("failed", "format", None)
    assert len(job["failures"]) == 5
    retry = f"`manage.py renditions retry --model app.Person --pk {person.pk}`"
    assert told["now"] == [
        "Nothing happens until a retry, because it gave up on this version of the original: "
        f"{retry}.",
        "A save that leaves the picture alone would enqueue nothing, because the job gave up on "
        "this version of the original.",
        "A bulk run, such as that of each night, would count it as failed, because nothing has "
        "changed since it gave up.",
    ]


def test_explain_of_a_failed_picture_whose_original_was_repaired(explained):
    person = broken()
    Path(person.headshot.path).write_bytes(four_corners(320, 200))

    told = explained(person)

    assert "would enqueue a job, because the original is another version" in told["now"][1]
    assert "would try it again, because something has changed" in told["now"][2]


def test_explain_of_a_picture_that_waits_for_its_next_attempt(explained):
    """Its original is missing, and each rendition would fail again."""
    person = Person.objects.create(headshot="people/gone.jpg")
    work_owed()

    told = explained(person)

    assert told["original"]["version"] is None
    assert "missing" in told["original"]["trouble"]
    assert {each["would"] for each in told["renditions"]} == {"fail"}
    assert told["now"][0].startswith("It waits: it is due in ")
    assert told["now"][1].startswith("A worker would fail at 5 of 5, because the original cannot")


def test_explain_of_a_picture_without_records(explained, person):
    """A worker would adopt the files; explain records none of them."""
    caches["default"].clear()

    told = explained(person)

    assert {each["would"] for each in told["renditions"]} == {"adopt"}
    assert told["now"][0] == (
        "No worker looks at it, because it has no job. With one, a worker would adopt 5 of 5, "
        "because the file is good, and only the record is missing."
    )
    assert "would enqueue a job, because not every rendition is recorded" in told["now"][1]


def test_explain_of_a_picture_without_record_and_file(explained, person):
    caches["default"].clear()
    plan = person.headshot.plans()[0]
    person.headshot.storage.delete(plan.path)

    told = explained(person)

    assert (
        "render 1 of 5, because the record is missing and the file too; adopt 4" in told["now"][0]
    )


def test_explain_of_a_picture_whose_file_is_gone(explained, person):
    """A save trusts the records, and a bulk run looks at the files."""
    plan = person.headshot.plans()[0]
    person.headshot.storage.delete(plan.path)

    told = explained(person)

    assert [each["has_file"] for each in told["renditions"]] == [False, *[True] * 4]
    assert (
        "render 1 of 5, because the record says that it is made, and the file is gone"
        in (told["now"][0])
    )
    assert "would enqueue nothing, because the records say" in told["now"][1]
    assert told["now"][2].endswith("would enqueue a job.")


def test_explain_of_a_picture_of_an_older_declaration(explained, person, configure):
    """A key has another encoding now: its rendition is made again."""
    configure(JPEG_QUALITY=41)

    told = explained(person)

    assert "the record is of another declaration" in told["now"][0]
    assert told["now"][2].endswith("would enqueue a job.")


def test_explain_of_a_picture_that_a_worker_has(explained, picture):
    person = Person.objects.create(headshot=picture())
    job = WarmJob.objects.get()
    hint = ledger.Hint("default", job.pk, job.generation)
    assert ledger.claim(hint, task_id="t", worker="renditions@a", lease_s=90, max_attempts=4)

    told = explained(person)

    assert told["ledger"]["job"]["worker"] == "renditions@a"
    assert told["now"][0].startswith("renditions@a works on it; its lease ends in ")
    WarmJob.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert explained(person)["now"][0] == (
        "The lease of renditions@a has expired: the next sweep sends the job again."
    )


def test_explain_of_a_job_of_a_paused_run(explained, person, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks():
        run = runs.start(HEADSHOT, force=True)
        runs.advance("default", run.pk)
        runs.pause(run)

    told = explained(person)

    assert told["now"][0] == (
        "Nothing happens until its bulk run is resumed: `manage.py rewarm resume "
        "app.Person.headshot`."
    )
    assert "because the job replaces files of an older original" in told["now"][1]


def test_explain_of_poison(explained, picture):
    person = Person.objects.create(headshot=picture())
    WarmJob.objects.update(attempts=4)

    assert "it fails as `poison` next" in explained(person)["now"][0]


def test_explain_of_an_inherited_picture(explained, picture):
    """Its job is that of the parent's row."""
    editor = Editor.objects.create(headshot=picture())

    assert explained(editor)["ledger"]["job"]["state"] == "queued"


def test_explain_shows_what_is_taken_away(shell, picture, settings):
    poster = Poster.objects.create(image=picture())
    former = poster.image.name
    poster.image = picture("b.jpg")
    poster.save()

    told = json.loads(shell("explain", "app.Poster", poster.pk, "--json"))["fields"]["image"]

    assert told["declared"]["cleanup"] == "all"
    [removal] = told["ledger"]["removals"]
    assert (removal["name"], removal["takes"]) == (former, "all")
    assert f"removal of {former}: job" in shell("explain", "app.Poster", poster.pk)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["app.Person", "999999"], "app.Person has no instance with the primary key '999999'"),
        (["app.Person", "x"], "'x' is no primary key of app.Person"),
        (["app.Nobody", "1"], "'app.Nobody' is not a model with a VersatileImageField"),
        (["auth.User", "1"], "Known: app.Article, app.Author, "),
        (["app.Person", "1", "--database", "x"], "There is no database 'x'. Known: default."),
    ],
)
def test_explain_of_what_is_not_there_says_so(shell, arguments, says):
    with pytest.raises(CommandError) as caught:
        shell("explain", *arguments)
    assert says in str(caught.value)


def spoil_record(person: Person) -> None:
    caches["default"].clear()


def spoil_file(person: Person) -> None:
    Path(person.headshot.storage.path(person.headshot.plans()[1].path)).write_bytes(b"cut off")


def both(person: Person) -> None:
    spoil_record(person)
    spoil_file(person)


def replace_original(person: Person) -> None:
    Path(person.headshot.path).write_bytes(four_corners(400, 300))


def delete_files(person: Person) -> None:
    for plan in person.headshot.plans()[:3]:
        person.headshot.storage.delete(plan.path)


def move_focal_point(person: Person) -> None:
    Person.objects.filter(pk=person.pk).update(headshot_ppoi="0.1x0.9")
    person.refresh_from_db()


def lose_original(person: Person) -> None:
    Path(person.headshot.path).unlink()


@pytest.mark.parametrize(
    "happens",
    [
        spoil_record,
        spoil_file,
        both,
        replace_original,
        delete_files,
        move_focal_point,
        lose_original,
    ],
)
def test_what_explain_says_is_what_then_happens(person, happens):
    """The forecast of each rendition and the result of the attempt agree."""
    happens(person)
    results = {
        Turn.KEEP: Result.CURRENT,
        Turn.ADOPT: Result.ADOPTED,
        Turn.RENDER: Result.CREATED,
        Turn.FAIL: Result.FAILED,
    }

    said = {each.plan: results[each.turn] for each in explain(person.headshot, HEADSHOT).renditions}

    report = warm(person.headshot.storages, person.headshot.plans())
    assert said == {outcome.plan: outcome.result for outcome in report.outcomes}


def test_what_explain_says_of_a_save_is_what_a_save_does(person, picture):
    """In each situation the save enqueues a job if and only if explain says so."""
    target = target_of(person, HEADSHOT, "default")
    for happens in (lambda _: None, spoil_record, move_focal_point):
        happens(person)
        before = WarmJob.objects.count()
        from workers.enqueue import why_enqueue
        from workers.targets import signature

        plans = person.headshot.plans()
        why = why_enqueue(target, signature(HEADSHOT, plans), person.headshot, plans, True)
        person.save()
        assert why.is_no_need == (WarmJob.objects.count() == before)
        work_owed()


# ---- help ----------------------------------------------------------------------------------------


def test_each_action_has_examples_that_its_parser_accepts():
    """What the help tells to type is not refused as a wrong option."""
    from renditions.management.commands.renditions import Command
    from renditions.shell import all_actions

    parser = Command().create_parser("manage.py", "renditions")
    for name, action in all_actions().items():
        assert action.examples
        for example in action.examples.splitlines():
            assert parser.parse_args(example.split()).action == name
