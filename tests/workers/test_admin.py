"""The admin of the ledger: who sees what, and how to retry."""

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
    """Create a failed job."""
    target = {"model_label": "auth.User", "field_name": "headshot", **target}
    sent = ledger.enqueue(JobTarget("default", object_pk=pk, **target), "s")
    hint = Hint("default", sent.job_id, sent.generation)
    claim = ledger.claim(hint, task_id="t", worker="w", lease_s=9, max_attempts=4)
    assert claim
    errors = {path: SourceUnreadable(reason), "b.jpg": RenderFailed("no")}
    ledger.give_up(claim, [Failure.of(path, error) for path, error in errors.items()])
    return WarmJob.objects.get(pk=sent.job_id)


def page_of(job: WarmJob) -> str:
    return reverse("admin:rendition_workers_warmjob_change", args=[job.pk])


@pytest.fixture
def staff(client):
    """Return a function that logs a user in who has exactly the named permissions."""

    def log_in(*codenames: str):
        user = User.objects.create_user("eve", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user)
        return client

    return log_in


def retry(client, *jobs: WarmJob, across: bool = False, query: str = ""):
    """Run the action on `jobs`, or on all that match `query`; return the page after it."""
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
    """Each failed rendition is listed with its path, headline and detail."""
    page = admin_client.get(page_of(fail())).content.decode()

    for text in (
        *("The picture is damaged. Upload the file again.", "truncated", "a-1x1.jpg"),
        *("This rendition could not be made from the picture.", "b.jpg"),
    ):
        assert text in page


@pytest.mark.parametrize("place", ["list", "page"])
def test_hostile_names_and_reasons_are_escaped(admin_client, place):
    """A file name that is HTML is shown and not executed."""
    job = fail(pk=HOSTILE, reason=HOSTILE, path=HOSTILE, model_label="no.Such", field_name=HOSTILE)

    page = admin_client.get(LIST if place == "list" else page_of(job)).content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_an_object_without_a_page_is_named(admin_client):
    """A job whose model has no admin page is named without a link."""
    fail(pk="1", model_label="app.Article")
    fail(pk="2", model_label="app.Gone")
    fail(pk="3", model_label="gone.Model")

    page = admin_client.get(LIST).content.decode()

    for name in ("app.Article 1", "app.Gone 2", "gone.Model 3"):
        assert name in page


@pytest.mark.parametrize("pk", ["a/b", "_5F", "a b", "?#%", "ä"])
def test_a_link_works_for_every_primary_key(admin_client, pk):
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
    target = JobTarget(ledger_db, "app.Person", "1", "headshot")
    claim = ledger.claim(
        ledger.enqueue(target, "s"), task_id="t", worker="w", lease_s=9, max_attempts=4
    )
    assert claim
    ledger.give_up(claim, [Failure.of("people/ada-1x1.jpg", RenderFailed("no"))])

    jobs = WarmJob.objects.using(ledger_db)
    assert jobs.filter(failures__icontains="ADA-1x1").count() == 1
    assert jobs.filter(failures__icontains="bob").count() == 0


def test_retry_queues_the_failed_jobs_of_the_selection(
    admin_client, django_capture_on_commit_callbacks
):
    """The action queues the failed jobs of the selection, counts them and asks for a sweep."""
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


def test_the_message_for_one_retried_job_is_singular(admin_client):
    page = retry(admin_client, fail()).content.decode()

    assert "1 failed job was queued again." in page


def test_retrying_all_that_match_includes_other_pages(admin_client):
    """Select-all retries every job that matches the filter, not only those on the page."""
    jobs = [fail(str(number)) for number in range(51)]
    other = fail("x", field_name="portrait")

    page = retry(admin_client, jobs[0], across=True, query="?field_name=headshot").content.decode()

    assert "51 failed jobs were queued again." in page
    assert WarmJob.objects.filter(state=JobState.FAILED).get() == other


def test_retrying_a_selection_without_failures_warns(admin_client):
    """A selection without a failure stays unchanged, and the message says so."""
    ledger.enqueue(JobTarget("default", "auth.User", "4", "headshot"), "s")
    job = WarmJob.objects.get()

    page = retry(admin_client, job).content.decode()

    assert "No job was queued again" in page
    job.refresh_from_db()
    assert job.generation == 1


def test_retry_works_without_a_broker(admin_client, django_capture_on_commit_callbacks):
    """The jobs are queued, and the next scheduled sweep sends them."""
    job = fail()
    broken = f"redis://127.0.0.1:{servers.unused_port()}/0"
    with celery_on(broken), django_capture_on_commit_callbacks(execute=True):
        response = retry(admin_client, job)

    assert response.status_code == 200
    assert states() == {"1": "queued"}


def test_the_view_permission_does_not_allow_a_retry(staff):
    """With the view permission the list is shown, and the action is missing."""
    client, job = staff("view_warmjob"), fail()

    assert "retry_failed" not in client.get(LIST).content.decode()
    retry(client, job)

    assert states() == {"1": "failed"}


def test_the_change_permission_allows_a_retry(staff):
    client, job = staff("view_warmjob", "change_warmjob"), fail()

    assert "retry_failed" in client.get(LIST).content.decode()
    retry(client, job)

    assert states() == {"1": "queued"}


def test_without_a_permission_there_is_no_list(staff):
    client = staff()

    assert client.get(LIST).status_code == 403
    assert client.post(LIST, {"action": "retry_failed"}).status_code == 403


@pytest.mark.parametrize("action", ["add", "delete"])
def test_jobs_cannot_be_added_or_deleted_in_the_admin(admin_client, action):
    """Only the transitions of the ledger write it."""
    job = fail()
    url = reverse(
        f"admin:rendition_workers_warmjob_{action}", args=[job.pk] if action == "delete" else []
    )

    assert admin_client.get(url).status_code == 403
    assert admin_client.post(url, {"post": "yes"}).status_code == 403
    assert WarmJob.objects.filter(pk=job.pk).exists()


def test_posting_the_page_of_a_job_changes_nothing(admin_client):
    job = fail()

    admin_client.post(page_of(job), {"state": "queued", "attempts": 0, "object_pk": "99"})

    assert states() == {"1": "failed"}


def test_the_page_of_a_job_cannot_be_saved(admin_client):
    """Saving the form would overwrite what a worker or a save has written in between."""
    job = fail()

    with CaptureQueriesContext(connection) as queries:
        assert admin_client.post(page_of(job), {}).status_code == 403

    assert not [query for query in queries if "UPDATE" in query["sql"]]
    assert 'name="_save"' not in admin_client.get(page_of(job)).content.decode()


def test_the_list_links_to_the_page_of_each_job(admin_client):
    job = fail(pk="17")

    page = admin_client.get(LIST).content.decode()

    assert f'<a href="{page_of(job)}">{job}</a>' in page


def test_a_retried_job_shows_no_reason(admin_client):
    job = fail(reason="truncated at byte 700")

    retry(admin_client, job)

    assert "truncated at byte 700" not in admin_client.get(LIST).content.decode()


def test_equal_reasons_are_shown_once(admin_client):
    """Eight renditions that failed for one reason are eight paths under that reason."""
    job = fail()
    failures = [Failure.of(f"{n}.jpg", StorageFailed("the store is gone")) for n in range(8)]
    WarmJob.objects.update(failures=[failure.as_json() for failure in failures])

    page = admin_client.get(page_of(job)).content.decode()

    assert page.count(StorageFailed.headline) == 1
    assert page.count("the store is gone") == 1
    assert all(f"<code>{n}.jpg</code>" in page for n in range(8))


def test_runs_are_listed_with_their_counts(admin_client):
    """A bulk run shows its counts and its outstanding jobs, and cannot be changed."""
    run = WarmRun.objects.create(
        model_label="app.Person", field_name="headshot", planned=1234, blank=77
    )
    ledger.enqueue_for_run(run, "s", [JobTarget("default", "app.Person", "1", "headshot")])

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


def act_on(client, action: str, *chosen: WarmRun) -> str:
    data = {"action": action, "_selected_action": [run.pk for run in chosen]}
    return client.post(RUNS, data, follow=True).content.decode()


def states_of_runs() -> list[str]:
    return list(WarmRun.objects.order_by("pk").values_list("state", flat=True))


def test_a_run_is_started_by_adding_it(admin_client, django_capture_on_commit_callbacks):
    """The form offers the fields that declare `warm`, and the run is sent after the commit."""
    assert '<option value="app.Person.headshot">' in admin_client.get(ADD_RUN).content.decode()

    with django_capture_on_commit_callbacks(execute=True):
        data = {"field": "app.Person.headshot", "force": "on"}
        page = admin_client.post(ADD_RUN, data, follow=True).content.decode()

    run = WarmRun.objects.get()
    assert (str(run), run.force, run.state) == (f"app.Person.headshot #{run.pk}", True, "running")
    assert f"app.Person.headshot #{run.pk}" in page
    assert "was added successfully" in page
    assert [kwargs["run_id"] for _, kwargs in drain(BULK_QUEUE)] == [run.pk]


def test_a_second_run_over_a_field_is_refused(admin_client):
    """A field has at most one unfinished run, and the form says what to do."""
    WarmRun.objects.create(model_label="app.Person", field_name="headshot", state="paused")

    page = admin_client.post(ADD_RUN, {"field": "app.Person.headshot"}).content.decode()

    assert (
        "A bulk run for app.Person.headshot is not finished. Wait for it, resume it or cancel it"
        in page
    )
    assert states_of_runs() == ["paused"]


def test_a_field_without_warm_is_refused(admin_client):
    response = admin_client.post(ADD_RUN, {"field": "auth.User.password"})

    assert response.status_code == 200
    assert not WarmRun.objects.exists()


def test_runs_are_paused_resumed_and_cancelled_in_the_list(admin_client):
    """The messages count the changed runs, and the ones that could not be changed."""
    run = WarmRun.objects.create(model_label="app.Person", field_name="headshot")
    done = WarmRun.objects.create(model_label="app.Person", field_name="headshot", state="done")

    page = act_on(admin_client, "pause", run, done)
    assert "1 bulk run was paused." in page
    assert "1 bulk run was not paused, because it is not running." in page
    assert states_of_runs() == ["paused", "done"]
    assert "1 bulk run was resumed." in act_on(admin_client, "resume", run)
    assert states_of_runs() == ["running", "done"]
    page = act_on(admin_client, "cancel", run, done)
    assert "1 bulk run was cancelled." in page
    assert "1 bulk run was not cancelled, because it has ended." in page
    assert states_of_runs() == ["cancelled", "done"]


@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_the_view_permission_does_not_allow_to_change_or_start_runs(staff, action):
    client = staff("view_warmrun")
    run = WarmRun.objects.create(model_label="app.Person", field_name="headshot")

    assert f'value="{action}"' not in client.get(RUNS).content.decode()
    act_on(client, action, run)
    assert client.post(ADD_RUN, {"field": "app.Person.headshot"}).status_code == 403

    assert states_of_runs() == ["running"]


@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_the_change_permission_allows_to_change_runs(staff, action):
    """It does not allow to start one."""
    client = staff("change_warmrun")
    run = WarmRun.objects.create(model_label="app.Person", field_name="headshot")

    assert f'value="{action}"' in client.get(RUNS).content.decode()
    act_on(client, action, run)

    assert states_of_runs() == [{"pause": "paused", "cancel": "cancelled"}[action]]
    assert client.get(ADD_RUN).status_code == 403


def test_the_add_permission_allows_to_start_runs(staff):
    client = staff("add_warmrun")

    client.post(ADD_RUN, {"field": "app.Person.headshot"})

    assert states_of_runs() == ["running"]


def test_the_list_of_runs_needs_no_query_per_run(admin_client, django_assert_max_num_queries):
    for _ in range(15):
        WarmRun.objects.create(model_label="app.Person", field_name="headshot", state="done")

    with django_assert_max_num_queries(8):
        admin_client.get(RUNS)


def test_the_list_of_jobs_needs_no_query_per_job(admin_client, django_assert_max_num_queries):
    for number in range(15):
        fail(str(number))
    WarmJob.objects.update(changed_at=Now())

    with django_assert_max_num_queries(12):
        admin_client.get(LIST)
