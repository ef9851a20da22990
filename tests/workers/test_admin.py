"""The admin of the ledger: who sees what, and trying again."""

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from renditions.errors import RenderFailed, SourceUnreadable, StorageFailed
from tests.service import servers
from tests.workers.broker import celery_on, drain
from workers import ledger
from workers.conf import BULK_QUEUE, QUEUE
from workers.failures import Failure
from workers.ledger import Hint
from workers.models import JobState, WarmJob, WarmRun
from workers.targets import JobTarget

LIST = reverse("admin:rendition_workers_warmjob_changelist")
HOSTILE = "<script>alert('\"&{{x}}')</script>\u202egpj.jpg"

pytestmark = pytest.mark.django_db


def fail(pk: str = "1", reason: str = "truncated", path: str = "a-1x1.jpg", **target) -> WarmJob:
    """Put a failed job."""
    target = {"model_label": "auth.User", "field_name": "headshot", **target}
    owed = ledger.enqueue(JobTarget("default", object_pk=pk, **target), "s")
    hint = Hint("default", owed.job_id, owed.generation)
    claim = ledger.claim(hint, task_id="t", worker="w", lease_s=9, max_attempts=4)
    assert claim
    errors = {path: SourceUnreadable(reason), "b.jpg": RenderFailed("no")}
    ledger.give_up(claim, [Failure.of(path, error) for path, error in errors.items()])
    return WarmJob.objects.get(pk=owed.job_id)


def page_of(job: WarmJob) -> str:
    return reverse("admin:rendition_workers_warmjob_change", args=[job.pk])


@pytest.fixture
def staff(client):
    """Log somebody in who has exactly the permissions that are named."""

    def log_in(*codenames: str):
        user = User.objects.create_user("eve", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user)
        return client

    return log_in


def retry(client, *jobs: WarmJob, across: bool = False, query: str = ""):
    """Choose the action for `jobs`, or for all that match `query`; return the page after it."""
    data = {"action": "retry_failed", "_selected_action": [job.pk for job in jobs]}
    return client.post(
        f"{LIST}{query}", {**data, "select_across": "1" if across else "0"}, follow=True
    )


def states() -> dict[str, str]:
    return dict(WarmJob.objects.values_list("object_pk", "state"))


def test_the_list_shows_what_failed_and_why(admin_client):
    """A failed job is in the list, with its reason and a link to its object."""
    fail(pk="17", reason="truncated at byte 700")

    page = admin_client.get(LIST).content.decode()

    assert "truncated at byte 700" in page
    assert reverse("admin:auth_user_change", args=["17"]) in page


def test_the_page_of_a_job_shows_every_path_with_its_reason(admin_client):
    """Each failed rendition is listed with its path, kind and reason."""
    page = admin_client.get(page_of(fail())).content.decode()

    for text in (
        *("The picture is damaged. Upload the file again.", "truncated", "a-1x1.jpg"),
        *("This rendition could not be made from the picture.", "b.jpg"),
    ):
        assert text in page


@pytest.mark.parametrize("place", ["list", "page"])
def test_hostile_names_and_reasons_are_text(admin_client, place):
    """A file name that is HTML is shown and not run."""
    job = fail(pk=HOSTILE, reason=HOSTILE, path=HOSTILE, model_label="no.Such", field_name=HOSTILE)

    page = admin_client.get(LIST if place == "list" else page_of(job)).content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_an_object_without_a_page_is_named(admin_client):
    """A job whose model has no admin is named without a link."""
    fail(pk="1", model_label="app.Article")
    fail(pk="2", model_label="app.Gone")
    fail(pk="3", model_label="gone.Model")

    page = admin_client.get(LIST).content.decode()

    for name in ("app.Article 1", "app.Gone 2", "gone.Model 3"):
        assert name in page


@pytest.mark.parametrize("pk", ["a/b", "_5F", "a b", "?#%", "ä"])
def test_a_link_leads_to_the_object_whatever_its_key(admin_client, pk):
    """Primary keys with special characters are written as the admin reads them."""
    fail(pk=pk)

    page = admin_client.get(LIST).content.decode()

    assert f'href="{reverse("admin:auth_user_change", args=[quote(pk)])}"' in page


def test_the_list_can_be_searched_and_filtered(admin_client):
    """A job is found by its object, its reason, a failed path, its state and kind."""
    fail(pk="17", reason="truncated", path="people/ada-1x1.jpg")
    ledger.enqueue(JobTarget("default", "app.Person", "18", "headshot"), "s")

    def found(query: str) -> set[str]:
        response = admin_client.get(f"{LIST}?{query}")
        return {job.object_pk for job in response.context["cl"].result_list}

    assert found("") == {"17", "18"}
    assert found("q=17") == {"17"}
    assert found("q=truncated") == {"17"}
    assert found("q=ada-1x1") == {"17"}
    assert found("q=nothing") == set()
    assert found("state__exact=failed") == {"17"}
    assert found("state__exact=queued") == {"18"}
    assert found("kind=unreadable") == {"17"}


def test_failed_paths_are_found_in_every_database(ledger_db):
    """The search for a failed path works on SQLite and on PostgreSQL."""
    target = JobTarget(ledger_db, "app.Person", "1", "headshot")
    claim = ledger.claim(
        ledger.enqueue(target, "s"), task_id="t", worker="w", lease_s=9, max_attempts=4
    )
    assert claim
    ledger.give_up(claim, [Failure.of("people/ada-1x1.jpg", RenderFailed("no"))])

    jobs = WarmJob.objects.using(ledger_db)
    assert jobs.filter(failures__icontains="ADA-1x1").count() == 1
    assert jobs.filter(failures__icontains="bob").count() == 0


def test_retrying_the_selection_queues_what_had_failed(
    admin_client, django_capture_on_commit_callbacks
):
    """The action queues the failed ones of the selection, counts them and asks for a sweep."""
    first, second, third = fail("1"), fail("2"), fail("3")
    ledger.enqueue(JobTarget("default", "auth.User", "4", "headshot"), "s")
    queued = WarmJob.objects.get(object_pk="4")

    with django_capture_on_commit_callbacks(execute=True):
        page = retry(admin_client, first, second, queued).content.decode()

    assert states() == {"1": "queued", "2": "queued", "3": "failed", "4": "queued"}
    assert "2 failed jobs were queued again." in page
    assert [task for task, _ in drain(QUEUE)] == ["renditions.sweep"]
    third.refresh_from_db()
    assert third.generation == 1


def test_retrying_one_is_said_of_one(admin_client):
    """The message counts in the singular, too."""
    page = retry(admin_client, fail()).content.decode()

    assert "1 failed job was queued again." in page


def test_retrying_all_that_match_reaches_beyond_the_page(admin_client):
    """Select-all retries every job that matches the filter, not only those on the page."""
    jobs = [fail(str(number)) for number in range(51)]
    other = fail("x", field_name="portrait")

    page = retry(admin_client, jobs[0], across=True, query="?field_name=headshot").content.decode()

    assert "51 failed jobs were queued again." in page
    assert WarmJob.objects.filter(state=JobState.FAILED).get() == other


def test_retrying_what_has_not_failed_warns(admin_client):
    """A selection without a failure is left alone, and the message says so."""
    ledger.enqueue(JobTarget("default", "auth.User", "4", "headshot"), "s")
    job = WarmJob.objects.get()

    page = retry(admin_client, job).content.decode()

    assert "No job was queued again" in page
    job.refresh_from_db()
    assert job.generation == 1


def test_retrying_without_a_broker_queues_all_the_same(
    admin_client, django_capture_on_commit_callbacks
):
    """A broker that is away does not break the page; the sweep comes later."""
    job = fail()
    broken = f"redis://127.0.0.1:{servers.unused_port()}/0"
    with celery_on(broken), django_capture_on_commit_callbacks(execute=True):
        response = retry(admin_client, job)

    assert response.status_code == 200
    assert states() == {"1": "queued"}


def test_whoever_may_only_look_cannot_retry(staff):
    """With the permission to view, the list is shown and the action is not there."""
    client, job = staff("view_warmjob"), fail()

    assert "retry_failed" not in client.get(LIST).content.decode()
    retry(client, job)

    assert states() == {"1": "failed"}


def test_whoever_may_change_can_retry(staff):
    """The permission to change is the one to retry."""
    client, job = staff("view_warmjob", "change_warmjob"), fail()

    assert "retry_failed" in client.get(LIST).content.decode()
    retry(client, job)

    assert states() == {"1": "queued"}


def test_whoever_has_no_permission_sees_nothing(staff):
    """Without a permission there is no list."""
    client = staff()

    assert client.get(LIST).status_code == 403
    assert client.post(LIST, {"action": "retry_failed"}).status_code == 403


@pytest.mark.parametrize("action", ["add", "delete"])
def test_nobody_adds_or_deletes_rows_by_hand(admin_client, action):
    """The ledger is written by its transitions only."""
    job = fail()
    url = reverse(
        f"admin:rendition_workers_warmjob_{action}", args=[job.pk] if action == "delete" else []
    )

    assert admin_client.get(url).status_code == 403
    assert admin_client.post(url, {"post": "yes"}).status_code == 403
    assert WarmJob.objects.filter(pk=job.pk).exists()


def test_nobody_changes_a_row_by_hand(admin_client):
    """Posting a job's page changes nothing of it."""
    job = fail()

    admin_client.post(page_of(job), {"state": "queued", "attempts": 0, "object_pk": "99"})

    assert states() == {"1": "failed"}


def test_the_page_of_a_job_can_not_be_saved(admin_client):
    """A form that is posted writes nothing: somebody's save may have come between."""
    job = fail()

    with CaptureQueriesContext(connection) as queries:
        assert admin_client.post(page_of(job), {}).status_code == 403

    assert not [query for query in queries if "UPDATE" in query["sql"]]
    assert 'name="_save"' not in admin_client.get(page_of(job)).content.decode()


def test_the_list_leads_to_the_page_of_each_job(admin_client):
    """By a link that has a text, beside the one to its object."""
    job = fail(pk="17")

    page = admin_client.get(LIST).content.decode()

    assert f'<a href="{page_of(job)}">{job}</a>' in page


def test_a_retried_job_has_no_reason_any_more(admin_client):
    """What is queued again does not look as if it had failed."""
    job = fail(reason="truncated at byte 700")

    retry(admin_client, job)

    assert "truncated at byte 700" not in admin_client.get(LIST).content.decode()


def test_one_reason_is_said_once(admin_client):
    """Eight renditions that failed alike are eight paths under one reason."""
    job = fail()
    failures = [Failure.of(f"{n}.jpg", StorageFailed("away")) for n in range(8)]
    WarmJob.objects.update(failures=[failure.as_json() for failure in failures])

    page = admin_client.get(page_of(job)).content.decode()

    assert page.count(StorageFailed.headline) == 1
    assert page.count("away") == 1
    assert all(f"<code>{n}.jpg</code>" in page for n in range(8))


def test_runs_are_listed_with_their_counts(admin_client):
    """A bulk run shows its counts and what is outstanding, and cannot be changed."""
    run = WarmRun.objects.create(
        model_label="app.Person", field_name="headshot", planned=1234, blank=77
    )
    ledger.enqueue_for_run(JobTarget("default", "app.Person", "1", "headshot"), "s", run)

    page = admin_client.get(reverse("admin:rendition_workers_warmrun_changelist"))
    url = reverse("admin:rendition_workers_warmrun_change", args=[run.pk])

    text = page.content.decode()
    assert "1234" in text
    assert "without picture: 77, outstanding: 1" in text
    assert admin_client.get(url).status_code == 200
    assert admin_client.post(url, {"planned": 0}).status_code == 403
    run.refresh_from_db()
    assert run.planned == 1234


RUNS = reverse("admin:rendition_workers_warmrun_changelist")
ADD_RUN = reverse("admin:rendition_workers_warmrun_add")


def turn(client, action: str, *chosen: WarmRun) -> str:
    data = {"action": action, "_selected_action": [run.pk for run in chosen]}
    return client.post(RUNS, data, follow=True).content.decode()


def states_of_runs() -> list[str]:
    return list(WarmRun.objects.order_by("pk").values_list("state", flat=True))


def test_a_run_is_started_by_adding_it(admin_client, django_capture_on_commit_callbacks):
    """The form offers the fields that declare something, and its run is sent after the commit."""
    assert '<option value="app.Person.headshot">' in admin_client.get(ADD_RUN).content.decode()

    with django_capture_on_commit_callbacks(execute=True):
        data = {"field": "app.Person.headshot", "force": "on"}
        page = admin_client.post(ADD_RUN, data, follow=True).content.decode()

    run = WarmRun.objects.get()
    assert (str(run), run.force, run.state) == (f"app.Person.headshot #{run.pk}", True, "running")
    assert f"app.Person.headshot #{run.pk}" in page
    assert "was added successfully" in page
    assert [kwargs["run_id"] for _, kwargs in drain(BULK_QUEUE)] == [run.pk]


def test_a_field_whose_run_is_going_on_is_refused(admin_client):
    """There is one run of a field at a time, and the form says what to do about it."""
    WarmRun.objects.create(model_label="app.Person", field_name="headshot", state="paused")

    page = admin_client.post(ADD_RUN, {"field": "app.Person.headshot"}).content.decode()

    assert (
        "A bulk run for app.Person.headshot is not finished. Wait for it, resume it or cancel it"
        in page
    )
    assert states_of_runs() == ["paused"]


def test_a_field_that_nobody_declared_is_refused(admin_client):
    """Only what the form offers can be re-warmed."""
    response = admin_client.post(ADD_RUN, {"field": "auth.User.password"})

    assert response.status_code == 200
    assert not WarmRun.objects.exists()


def test_runs_are_turned_in_the_list(admin_client):
    """Pause, resume and cancel do what they say, and count those that it was too late for."""
    run = WarmRun.objects.create(model_label="app.Person", field_name="headshot")
    done = WarmRun.objects.create(model_label="app.Person", field_name="headshot", state="done")

    page = turn(admin_client, "pause", run, done)
    assert "1 bulk run was paused." in page
    assert "1 bulk run was not paused, because it is not running." in page
    assert states_of_runs() == ["paused", "done"]
    assert "1 bulk run was resumed." in turn(admin_client, "resume", run)
    assert states_of_runs() == ["running", "done"]
    page = turn(admin_client, "cancel", run, done)
    assert "1 bulk run was cancelled." in page
    assert "1 bulk run was not cancelled, because it has ended." in page
    assert states_of_runs() == ["cancelled", "done"]


@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_whoever_may_only_look_at_runs_cannot_turn_or_start_them(staff, action):
    """Viewing is not turning, and turning is not starting."""
    client = staff("view_warmrun")
    run = WarmRun.objects.create(model_label="app.Person", field_name="headshot")

    assert f'value="{action}"' not in client.get(RUNS).content.decode()
    turn(client, action, run)
    assert client.post(ADD_RUN, {"field": "app.Person.headshot"}).status_code == 403

    assert states_of_runs() == ["running"]


@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_whoever_may_change_runs_can_turn_them(staff, action):
    """The permission to change is the one to turn; it starts none."""
    client = staff("change_warmrun")
    run = WarmRun.objects.create(model_label="app.Person", field_name="headshot")

    assert f'value="{action}"' in client.get(RUNS).content.decode()
    turn(client, action, run)

    assert states_of_runs() == [{"pause": "paused", "cancel": "cancelled"}[action]]
    assert client.get(ADD_RUN).status_code == 403


def test_whoever_may_add_runs_can_start_them(staff):
    """The permission to add is the one to start."""
    client = staff("add_warmrun")

    client.post(ADD_RUN, {"field": "app.Person.headshot"})

    assert states_of_runs() == ["running"]


def test_the_list_of_runs_costs_the_same_however_long(admin_client, django_assert_max_num_queries):
    """No run of the list costs a query of its own."""
    for _ in range(15):
        WarmRun.objects.create(model_label="app.Person", field_name="headshot", state="done")

    with django_assert_max_num_queries(8):
        admin_client.get(RUNS)


def test_the_list_costs_the_same_however_long(admin_client, django_assert_max_num_queries):
    """No job of the list costs a query of its own."""
    for number in range(15):
        fail(str(number))
    WarmJob.objects.update(changed_at=Now())

    with django_assert_max_num_queries(12):
        admin_client.get(LIST)
