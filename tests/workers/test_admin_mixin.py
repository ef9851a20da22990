"""Pictures in the admin of a project: what the list and the form show, and how to try again."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from renditions.engine import status
from renditions.engine.adoption import ExistingFiles
from renditions.records import project_recorder
from renditions.records.cache import CacheStore
from tests.app.models import Author, Brochure, Card, Editor, Person, Poster
from tests.workers.project_admin import PersonAdmin, site
from workers import ledger
from workers.admin_mixin import RenditionsAdminMixin
from workers.enqueue import enqueue_all
from workers.models import JobState, WarmJob
from workers.progress import NO_JOB_WAITS, progress_of
from workers.testing import work_owed

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.workers.project_admin")]

HOSTILE = "<script>alert('\"&{{x}}')</script>"
BROKEN = "The upload is incomplete. Upload the file again."
BUTTON = 'name="renditions_field"'
LEDGER = WarmJob._meta.db_table


@pytest.fixture(autouse=True)
def _key_sets(configure) -> None:
    configure(
        KEY_SETS={
            "headshot": [
                ("full", "url"),
                ("wide", "crop__160x80"),
                ("tiny", "crop__20x20"),
                ("square", "crop__100x100"),
                ("inverted", "filters__invert__url"),
                ("inverted_small", "filters__invert__crop__90x60"),
            ],
            "hero": [("hero", "thumbnail__100x100")],
        }
    )


@pytest.fixture
def brochure_fields(monkeypatch) -> None:
    """Let both pictures of a brochure be warmed."""
    for name in ("cover_en", "cover_de"):
        monkeypatch.setattr(Brochure._meta.get_field(name), "warm", ("headshot",))


@pytest.fixture
def person(picture) -> Person:
    """Return a person whose renditions are enqueued."""
    return Person.objects.create(name="Ada", headshot=picture("ada.jpg"))


@pytest.fixture
def failed(person, picture) -> Person:
    """Return a person whose job gave up, because the upload was cut off."""
    whole = picture().read()
    Path(person.headshot.path).write_bytes(whole[: len(whole) // 2])
    work_owed()
    return person


@pytest.fixture
def staff(client) -> Client:
    """Return a function that logs a user in who has exactly the named permissions."""

    def log_in(*codenames: str) -> Client:
        user = User.objects.create_user("eve", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user)
        return client

    return log_in


def list_of(model) -> str:
    return reverse(f"admin:app_{model._meta.model_name}_changelist")


def page_of(instance) -> str:
    return reverse(f"admin:app_{instance._meta.model_name}_change", args=[instance.pk])


def panel_of(instance) -> str:
    return reverse(f"admin:app_{instance._meta.model_name}_renditions", args=[instance.pk])


def html(client: Client, url: str, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status
    return answer.content.decode()


def thumbnails(page: str) -> list[str]:
    return re.findall(r'<img class="rendition-thumbnail" src="([^"]*)"', page)


def translated(language: str, text: str) -> str:
    with translation.override(language):
        return translation.gettext(text)


def states(page: str) -> list[str]:
    return re.findall(r'class="rendition-state (\w+)"', page)


def retry(client: Client, instance, field: str = "headshot", **options):
    return client.post(panel_of(instance), {"renditions_field": field}, **options)


def forget(person: Person, name: str) -> None:
    """Let a rendition be missing."""
    renditions = progress_of(person, "headshot", "headshot").renditions
    [path] = [each.path for each in renditions if each.name == name]
    person.headshot.storage.delete(path)
    project_recorder().delete(person.headshot.original.rendition_storage, [path])


@contextmanager
def costs(monkeypatch) -> Iterator[list[str]]:
    """Note each query of the ledger, each call to the cache and each look at the storage."""
    calls: list[str] = []
    get_many, look, find = CacheStore.get_many, ExistingFiles.look, status.find_files

    def get_many_noted(self, keys):
        calls.append("cache")
        return get_many(self, keys)

    def look_noted(self, plans):
        calls.append("storage")
        return look(self, plans)

    def find_noted(storage, groups):
        calls.append("storage")
        return find(storage, groups)

    with monkeypatch.context() as patch, CaptureQueriesContext(connections["default"]) as queries:
        patch.setattr(CacheStore, "get_many", get_many_noted)
        patch.setattr(ExistingFiles, "look", look_noted)
        patch.setattr(status, "find_files", find_noted)
        yield calls
    calls += ["ledger" for query in queries if LEDGER in query["sql"]]


# ---- the list ----------------------------------------------------------------------------------


def test_the_list_shows_a_thumbnail_and_the_state(admin_client, person):
    """A picture appears in the list when it is made, and its state says so."""
    queued = html(admin_client, list_of(Person))
    assert (thumbnails(queued), states(queued)) == ([], ["queued"])

    work_owed()

    done = html(admin_client, list_of(Person))
    url = progress_of(person, "headshot", "headshot").made_urls["square"]
    assert (thumbnails(done), states(done)) == ([url], ["done"])


def test_a_failure_in_the_list_has_its_reason(admin_client, failed):
    """An editor sees in the list what to do, without opening the object."""
    page = html(admin_client, list_of(Person))

    assert states(page) == ["failed"]
    assert thumbnails(page) == []
    assert BROKEN in page


def test_without_a_picture_the_columns_are_empty(admin_client):
    """An object without a picture has no thumbnail and no state."""
    Person.objects.create(name="Ada")

    page = html(admin_client, list_of(Person))

    assert states(page) == thumbnails(page) == []
    assert '<td class="field-rendition_state">-</td>' in page


def test_a_page_of_the_list_costs_one_query_and_one_call_to_the_cache(
    admin_client, people, monkeypatch
):
    """A hundred objects cost as much as one, whether they are made, failed or queued."""
    people(50)
    broken = Person.objects.earliest("pk")
    Path(broken.headshot.path).write_bytes(b"no picture")
    enqueue_all(Person.objects.all())
    work_owed()
    queued = people(50)
    enqueue_all(Person.objects.filter(pk__in=[each.pk for each in queued]))

    with costs(monkeypatch) as calls:
        page = html(admin_client, list_of(Person))

    assert {state: states(page).count(state) for state in set(states(page))} == {
        "done": 49,
        "failed": 1,
        "queued": 50,
    }
    assert len(thumbnails(page)) == 49
    assert sorted(calls) == ["cache", "ledger"]


@pytest.mark.usefixtures("brochure_fields")
def test_several_fields_cost_no_more_than_one(admin_client, picture, monkeypatch):
    """Two pictures of each object share the query and the call, and both are shown."""
    for number in range(3):
        Brochure.objects.create(
            title=str(number), cover_en=picture("en.jpg"), cover_de=picture("de.jpg")
        )
    work_owed()

    with costs(monkeypatch) as calls:
        page = html(admin_client, list_of(Brochure))

    assert sorted(calls) == ["cache", "ledger"]
    assert len(thumbnails(page)) == 6
    assert states(page) == ["done"] * 6
    assert page.count("Cover de: ") == 3


@pytest.mark.parametrize("model", [Author, Card])
def test_a_list_without_the_columns_costs_nothing(admin_client, person, monkeypatch, model, card):
    """A list that shows no rendition asks neither the ledger nor the cache."""
    with costs(monkeypatch) as calls:
        html(admin_client, list_of(model))

    assert calls == []


def test_a_column_of_the_project_may_use_ours(admin_client, picture, monkeypatch):
    """Its rows share one query and one call to the cache, too."""
    for _ in range(3):
        Editor.objects.create(headshot=picture())
    work_owed()

    with costs(monkeypatch) as calls:
        page = html(admin_client, list_of(Editor))

    assert len(thumbnails(page)) == 3
    assert sorted(calls) == ["cache", "ledger"]


def test_pages_and_search_show_only_their_own_objects(admin_client, people, picture, monkeypatch):
    """Only the objects of the page are asked for."""
    people(3)
    found = Person.objects.create(name="Grace", headshot=picture("grace.jpg"))
    work_owed()

    assert "grace" in thumbnails(html(admin_client, f"{list_of(Person)}?q=Grace"))[0]
    monkeypatch.setattr(PersonAdmin, "list_per_page", 1)
    assert thumbnails(html(admin_client, list_of(Person))) == thumbnails(
        html(admin_client, f"{list_of(Person)}?q=Grace")
    )
    assert thumbnails(html(admin_client, f"{list_of(Person)}?p=2")) == []
    assert found.pk == Person.objects.latest("pk").pk


def test_a_list_that_is_edited_is_saved(admin_client, person):
    """`list_editable` works, and an error shows the list again with its pictures."""
    work_owed()
    rows = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": person.pk}
    data = {**rows, "_save": "1"}
    answer = admin_client.post(list_of(Person), {**data, "form-0-name": "Grace"})
    assert answer.status_code == 302
    assert Person.objects.get().name == "Grace"

    answer = admin_client.post(list_of(Person), {**data, "form-0-name": "x" * 81})
    assert answer.status_code == 200
    assert states(answer.content.decode()) == ["done"]


def test_the_thumbnail_is_the_smallest_that_is_not_blurred(admin_client, person):
    """Neither a tiny rendition nor a filtered one, and none that is not made."""
    work_owed()
    urls = progress_of(person, "headshot", "headshot").made_urls
    shown = []
    for name in ("square", "wide", "inverted_small", "tiny"):
        shown += thumbnails(html(admin_client, list_of(Person)))
        assert shown[-1] == urls[name]
        forget(person, name)

    # The filtered one of the size of the original is not shown in a list.
    assert thumbnails(html(admin_client, list_of(Person))) == []


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (["thumbnail__20x", "thumbnail__100x", "thumbnail__x300"], "thumbnail__100x"),
        (["thumbnail__20x", "thumbnail__x30"], "thumbnail__x30"),
        (["crop__50x50@2x", "crop__120x120"], "crop__50x50@2x"),
    ],
)
def test_sizes_without_a_side_and_for_sharp_screens(admin_client, picture, configure, texts, shown):
    """A size in the key says what it can: its one side, or its pixels."""
    configure(KEY_SETS={"headshot": [(text, text) for text in texts]})
    person = Person.objects.create(headshot=picture())
    work_owed()

    url = progress_of(person, "headshot").made_urls[shown]
    assert thumbnails(html(admin_client, list_of(Person))) == [url]


def test_the_project_chooses_the_thumbnail(admin_client, picture):
    """A name of the key set, or a key, says which rendition is shown."""
    poster = Poster.objects.create(image=picture("a.jpg"))
    work_owed()

    url = progress_of(poster, "image", "headshot").made_urls["inverted_small"]
    assert thumbnails(html(admin_client, list_of(Poster))) == [url]


def test_a_rendition_without_a_url_breaks_no_page(admin_client, person, monkeypatch):
    """A private storage gives no URLs: the state is shown, without picture and link."""
    work_owed()
    monkeypatch.setattr(person.headshot.storage, "base_url", None)

    page = html(admin_client, list_of(Person))

    assert (thumbnails(page), states(page)) == ([], ["done"])
    assert states(html(admin_client, panel_of(person))) == ["done"] * 6


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a\x01b.jpg", HOSTILE, "x" * 90]
)
def test_hostile_file_names_break_no_page(admin_client, name):
    """A row may hold any text as the name of its picture."""
    person = Person.objects.create(name=HOSTILE)
    Person.objects.filter(pk=person.pk).update(headshot=name)

    for url in (list_of(Person), panel_of(person)):
        page = html(admin_client, url)
        assert set(states(page)) == {"failed"}
        assert "<script>alert" not in page


# ---- the panel ---------------------------------------------------------------------------------


def test_the_panel_shows_every_rendition(admin_client, person):
    """Each rendition has its name, its key and its state; one that is made has a link."""
    queued = html(admin_client, page_of(person))
    assert states(queued) == ["queued"] * 6
    assert "data-pending" in queued
    assert "rendition_workers/panel.js" in queued

    work_owed()

    done = html(admin_client, page_of(person))
    assert states(done) == ["done"] * 6
    assert "data-pending" not in done
    assert "5/5" in done
    for name, url in progress_of(person, "headshot", "headshot").made_urls.items():
        assert f'<a href="{url}">{name}</a>' in done
    assert "<code>crop__160x80</code>" in done


def test_the_panel_says_why_a_rendition_is_not_made(admin_client, failed):
    """A reason that all renditions share is there once, in the language of the reader."""
    page = html(admin_client, page_of(failed))
    assert states(page) == ["failed"] * 6
    assert page.count(BROKEN) == 1

    with translation.override("de"):
        german = html(admin_client, panel_of(failed))
    assert german.count(translated("de", BROKEN)) == 1
    assert BROKEN not in german


def test_one_rendition_that_failed_has_its_own_reason(admin_client, person, registry):
    """The others are made, and have none."""

    class Broken(type(registry.filter("invert"))):
        def apply(self, image):
            raise ValueError(HOSTILE)

    registry.unregister_filter("invert")
    registry.register_filter("invert", Broken)
    work_owed()
    forget(person, "tiny")

    page = html(admin_client, page_of(person))

    assert states(page) == ["failed", "done", "failed", "done", "failed", "failed"]
    assert page.count("This rendition could not be made from the picture.") == 1
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page


@pytest.mark.usefixtures("brochure_fields")
def test_each_field_has_its_own_part(admin_client, picture, monkeypatch):
    """Two fields share the query and the call, and each can be tried again."""
    brochure = Brochure.objects.create(cover_en=picture("en.jpg"))
    Brochure.objects.filter(pk=brochure.pk).update(cover_de="brochures/gone.jpg")
    work_owed()

    with costs(monkeypatch) as calls:
        page = html(admin_client, panel_of(brochure))

    # The storage is asked for the one of which nothing is known.
    assert sorted(calls) == ["cache", "ledger", "storage"]
    assert page.index("Cover en</h3>") < page.index("Cover de</h3>")
    assert re.findall(r'name="renditions_field" value="(\w+)"', page) == ["cover_de"]


def test_an_object_without_a_picture_says_so(admin_client):
    """There is nothing to make, and nothing to try again."""
    page = html(admin_client, page_of(Person.objects.create()))

    assert "no picture" in page
    assert states(page) == []
    assert "data-pending" not in page


def test_a_form_of_the_project_keeps_everything(admin_client, person):
    """The panel is added to the template and the fields of the project; none of them is changed."""
    page = html(admin_client, page_of(Author.objects.get()))

    assert "A template of the project." in page
    assert ">Own</h2>" in page
    assert 'name="name"' in page
    assert 'name="headshot' not in page
    assert states(page) == ["queued"] * 6


def test_a_form_without_renditions_has_no_panel(admin_client, card, monkeypatch):
    """A new object, and a model without renditions, have no panel, and the panel costs nothing."""
    with costs(monkeypatch) as calls:
        new = html(admin_client, reverse("admin:app_person_add"))

    assert calls == []
    assert "renditions-panel" not in new
    assert "renditions-panel" not in html(admin_client, page_of(card))


def test_a_form_with_an_error_shows_the_row_as_it_is(admin_client, person, picture):
    """A chosen file that is not saved has no renditions: the panel is about the saved one."""
    work_owed()
    data = {"name": "x" * 81, "headshot_0": picture("other.jpg"), "headshot_1": "0.1x0.1"}

    page = admin_client.post(page_of(person), data).content.decode()

    assert "errornote" in page
    assert states(page) == ["done"] * 6
    assert progress_of(person, "headshot", "headshot").made_urls["wide"] in page


def test_a_copy_with_an_error_has_no_panel(admin_client, person):
    """With `save_as`, the page with the error is about an object that does not exist yet."""
    data = {"name": "x" * 81, "_saveasnew": "1", "headshot_1": "0.5x0.5"}

    answer = admin_client.post(page_of(person), data)

    assert "errornote" in answer.content.decode()
    assert "renditions-panel" not in answer.content.decode()


def test_a_save_works_as_before(admin_client, person, picture):
    """The form of the page is sent as without the panel."""
    page = html(admin_client, page_of(person))
    form = page[page.index('id="person_form"') :].partition("</form>")[0]
    assert 'id="renditions-panel"' in form
    assert "<form" not in form

    data = {"name": "Grace", "headshot_0": picture("b.jpg"), "headshot_1": "0.5x0.5"}
    assert admin_client.post(page_of(person), data).status_code == 302
    assert Person.objects.get().name == "Grace"


# ---- try again ---------------------------------------------------------------------------------


def test_a_failed_job_is_tried_again(admin_client, failed, picture):
    """The button queues the job, says so, and returns to the page with its query."""
    Path(failed.headshot.path).write_bytes(picture().read())

    answer = admin_client.post(
        f"{panel_of(failed)}?_popup=1", {"renditions_field": "headshot"}, follow=True
    )

    assert answer.redirect_chain == [(f"{page_of(failed)}?_popup=1", 302)]
    assert "The renditions were queued again." in answer.content.decode()
    assert states(answer.content.decode()) == ["queued"] * 6
    work_owed()
    assert states(html(admin_client, panel_of(failed))) == ["done"] * 6


def test_a_retry_sends_its_message_after_the_commit(
    admin_client, failed, django_capture_on_commit_callbacks
):
    """A worker hears of it at once, and not with the next sweep."""
    with django_capture_on_commit_callbacks() as callbacks:
        retry(admin_client, failed)

    assert len(callbacks) == 1
    assert WarmJob.objects.get().hinted_at is not None


def test_what_no_job_waits_for_is_enqueued(admin_client, people):
    """An object that was written without a save has no job; the button makes one."""
    [person] = people(1)
    page = html(admin_client, page_of(person))
    assert NO_JOB_WAITS in page

    answer = retry(admin_client, person, headers={"X-Requested-With": "XMLHttpRequest"})

    assert set(states(answer.content.decode())) == {"queued"}
    assert "<html" not in answer.content.decode()
    assert WarmJob.objects.get().object_pk == str(person.pk)


def test_a_job_that_waits_is_left_alone(admin_client, person):
    """A second click queues nothing, and says so."""
    before = WarmJob.objects.values().get()

    answer = retry(admin_client, person, follow=True)

    assert "Nothing was queued" in answer.content.decode()
    assert WarmJob.objects.values().get() == before


def test_a_job_in_progress_is_left_alone(admin_client, person):
    """A click on an old page takes no work away from the worker that has it."""
    job = WarmJob.objects.get()
    hint = ledger.Hint("default", job.pk, job.generation)
    assert ledger.claim(hint, task_id="t", worker="w", lease_s=60, max_attempts=4)
    before = WarmJob.objects.values().get()

    page = retry(admin_client, person, follow=True).content.decode()

    assert states(page) == ["warming"] * 6
    assert WarmJob.objects.values().get() == before


def test_what_is_made_is_left_alone(admin_client, person):
    """A click on an old page makes nothing again."""
    work_owed()

    retry(admin_client, person)

    assert not WarmJob.objects.exists()


def test_a_picture_that_was_cleared_meanwhile_is_left_alone(admin_client, failed):
    """A click on an old page finds no picture, and enqueues nothing."""
    failed.headshot = ""
    failed.save()

    page = retry(admin_client, failed, follow=True).content.decode()

    assert "no picture" in page
    assert not WarmJob.objects.exists()


# ---- permissions and strangers -----------------------------------------------------------------


def test_who_may_only_look_cannot_try_again(staff, failed):
    """The view permission shows the panel without its button, and a request is refused."""
    client = staff("view_person")

    assert states(html(client, page_of(failed))) == ["failed"] * 6
    assert BUTTON not in html(client, page_of(failed))
    assert retry(client, failed).status_code == 403
    assert WarmJob.objects.get().state == JobState.FAILED


def test_who_may_change_can_try_again(staff, failed):
    """The change permission of the model is enough; none for the ledger is needed."""
    client = staff("change_person")

    assert BUTTON in html(client, page_of(failed))
    assert retry(client, failed).status_code == 302
    assert WarmJob.objects.get().state == JobState.QUEUED


def test_a_permission_for_each_object_is_respected(admin_client, picture):
    """The admin of the project decides for each object."""
    editor = Editor.objects.create(name="locked", headshot=picture())
    work_owed()
    WarmJob.objects.all().delete()
    forget(editor, "wide")

    assert BUTTON not in html(admin_client, page_of(editor))
    assert retry(admin_client, editor).status_code == 403
    Editor.objects.update(name="open")
    assert retry(admin_client, editor).status_code == 302


def test_others_see_nothing(staff, client, person):
    """Visitors come to the login. Staff without a permission are refused, whatever the id."""
    assert client.get(panel_of(person)).status_code == 302
    assert retry(client, person).status_code == 302
    client = staff("change_card")

    for url in (panel_of(person), panel_of(person).replace(str(person.pk), "999")):
        assert client.get(url).status_code == 403
        assert client.post(url, {"renditions_field": "headshot"}).status_code == 403


@pytest.mark.parametrize(
    "pk", ["999", "x", "1/2", "..", "_5F", "a%00b", "9" * 40, "-1", "%F0%9F%98%80", "'"]
)
def test_unknown_objects_are_not_found(admin_client, person, pk):
    """Any text may stand for the object."""
    url = panel_of(person).replace(f"/{person.pk}/", f"/{pk}/")

    assert admin_client.get(url).status_code == 404
    assert admin_client.post(url, {"renditions_field": "headshot"}).status_code == 404


@pytest.mark.parametrize("field", ["", "name", "pk", "__class__", HOSTILE])
def test_unknown_fields_are_not_found(admin_client, failed, field):
    """Only the fields of the panel can be tried again."""
    assert retry(admin_client, failed, field).status_code == 404
    assert admin_client.post(panel_of(failed)).status_code == 404
    assert WarmJob.objects.get().state == JobState.FAILED


def test_a_retry_needs_the_token_of_the_page(admin_user, failed):
    """Another site cannot make a browser try again (CSRF), and a link cannot either."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)

    assert retry(client, failed).status_code == 403
    client.get(f"{panel_of(failed)}?renditions_field=headshot")
    assert client.put(panel_of(failed)).status_code in (403, 405)
    assert WarmJob.objects.get().state == JobState.FAILED


def test_the_panel_is_never_cached(admin_client, person):
    """Neither a browser nor a proxy may keep a state."""
    assert "no-store" in admin_client.get(panel_of(person)).headers["Cache-Control"]


def test_pages_have_no_inline_script_and_no_inline_style(admin_client, failed):
    """A strict Content-Security-Policy blocks nothing of the panel and the columns."""
    for url in (page_of(failed), panel_of(failed), list_of(Person)):
        page = html(admin_client, url)
        assert not re.search(r"<style|\sstyle=|\son\w+=", page)


# ---- databases ---------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_job_is_in_the_database_of_the_object(admin_client, picture, monkeypatch, ledger_db):
    """An object of another database has its job there, and is tried again there."""
    monkeypatch.setattr(
        PersonAdmin, "get_queryset", lambda self, request: Person.objects.using(ledger_db)
    )
    person = Person(name="Ada", headshot=picture("ada.jpg"))
    person.save(using=ledger_db)
    assert states(html(admin_client, list_of(Person))) == ["queued"]
    Path(person.headshot.path).write_bytes(b"no picture")
    work_owed(ledger_db)
    assert states(html(admin_client, list_of(Person))) == ["failed"]

    page = retry(admin_client, person, follow=True).content.decode()

    assert states(page) == ["queued"] * 6
    assert WarmJob.objects.using(ledger_db).get().state == JobState.QUEUED
    assert not WarmJob.objects.exists()


# ---- checks ------------------------------------------------------------------------------------


def problems(**attributes) -> list[str]:
    """Return the ids of what is wrong with an admin of persons."""
    admin_class = type("Own", (RenditionsAdminMixin, admin.ModelAdmin), attributes)
    return [each.id for each in admin_class(Person, site).check()]


def test_attributes_are_checked():
    """A wrong name is found by `manage.py check`."""
    columns = {"list_display": ["rendition_thumbnail", "rendition_state"]}
    assert problems(**columns) == []
    assert problems(rendition_fields=["headshot"], rendition_thumbnail_key="square") == []
    assert problems(rendition_thumbnail_key="crop__100x100") == []
    assert problems(rendition_fields=["name"]) == ["rendition_workers.E050"]
    assert problems(rendition_fields=["gone"]) == ["rendition_workers.E050"]
    assert problems(rendition_thumbnail_key="gone") == ["rendition_workers.E051"]
    assert problems(rendition_thumbnail_key="full") == ["rendition_workers.E051"]


def test_a_key_set_that_cannot_be_read_is_reported_by_its_own_check(configure):
    """The check of the admin does not fail."""
    configure(KEY_SETS={})

    assert problems(rendition_thumbnail_key="square") == []
