"""Pictures whose end is missing, accepted by the project: who notes them, and until when."""

from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from renditions.image_warmer import VersatileImageFieldWarmer
from tests.app.models import Person, Story
from tests.conftest import four_corners
from tests.workers.hooks import does, hooked
from workers import incomplete, ledger, recovery, worker
from workers.models import IncompletePicture, JobState, WarmJob
from workers.targets import JobTarget
from workers.testing import work_owed

LIST = reverse("admin:rendition_workers_incompletepicture_changelist")


def cut(share: float = 0.985, height: int = 800) -> bytes:
    data = four_corners(80, height)
    return data[: int(len(data) * share)]


def upload(data: bytes, name: str = "a.jpg") -> ContentFile:
    return ContentFile(data, name=name)


def noted(using: str = "default") -> list[tuple[str, float]]:
    """Return the names of the noted pictures, and the share of each."""
    rows = IncompletePicture.objects.using(using).order_by("pk")
    return [(row.name, round(row.share_of_rows, 2)) for row in rows]


@pytest.fixture(autouse=True)
def _accept(configure) -> None:
    configure(INCOMPLETE="accept")


@pytest.fixture
def person(ledger_db) -> Person:
    """Return a person with an incomplete picture, whose renditions are made."""
    Person(headshot=upload(cut())).save(using=ledger_db)
    work_owed(ledger_db)
    return Person.objects.using(ledger_db).get()


def test_a_worker_notes_an_incomplete_picture(ledger_db, person):
    """Its renditions are made, its job is gone, and what is missing is known."""
    assert not WarmJob.objects.using(ledger_db).exists()
    assert noted(ledger_db) == [(person.headshot.name, 0.98)]
    row = IncompletePicture.objects.using(ledger_db).get()
    assert (row.model_label, row.object_pk, row.field_name) == (
        "app.Person",
        str(person.pk),
        "headshot",
    )


def test_less_than_nearly_all_rows_is_a_failure(ledger_db):
    Person(headshot=upload(cut(0.9))).save(using=ledger_db)
    work_owed(ledger_db)

    assert WarmJob.objects.using(ledger_db).get().kind == "unreadable"
    assert noted(ledger_db) == []


def test_by_default_it_is_a_failure(ledger_db, configure):
    configure(INCOMPLETE="refuse")
    Person(headshot=upload(cut())).save(using=ledger_db)
    work_owed(ledger_db)

    assert WarmJob.objects.using(ledger_db).get().state == JobState.FAILED
    assert noted(ledger_db) == []


def test_a_failed_job_can_be_tried_again_after_the_setting_was_changed(ledger_db, configure):
    configure(INCOMPLETE="refuse")
    Person(headshot=upload(cut())).save(using=ledger_db)
    work_owed(ledger_db)

    configure(INCOMPLETE="accept")
    ledger.retry(WarmJob.objects.using(ledger_db))
    work_owed(ledger_db)

    assert not WarmJob.objects.using(ledger_db).exists()
    assert len(noted(ledger_db)) == 1


def test_another_incomplete_picture_takes_its_place(ledger_db, person):
    person.headshot = upload(cut(0.97), "b.jpg")
    person.save()
    work_owed(ledger_db)

    assert noted(ledger_db) == [(person.headshot.name, 0.96)]


@pytest.mark.parametrize("setting", ["accept", "refuse"])
def test_a_complete_upload_ends_it(ledger_db, person, configure, setting):
    """Also under the same name, and if the setting was changed in between."""
    configure(INCOMPLETE=setting)
    name = person.headshot.name
    person.headshot.storage.delete(name)
    person.headshot.save(Path(name).name, ContentFile(four_corners(80, 800)))
    assert person.headshot.name == name
    work_owed(ledger_db)

    assert noted(ledger_db) == []


@pytest.mark.parametrize("how", ["deleted", "cleared", "replaced", "replaced by SQL"])
def test_a_sweep_forgets_pictures_that_no_object_shows(ledger_db, person, how):
    """However the change was made. It forgets no other ones."""
    kept = Person(headshot=upload(cut(), "kept.jpg"))
    kept.save(using=ledger_db)
    work_owed(ledger_db)
    if how == "deleted":
        person.delete()
    elif how == "replaced by SQL":
        Person.objects.using(ledger_db).filter(pk=person.pk).update(headshot="people/b.jpg")
    else:
        person.headshot = "people/known.jpg" if how == "replaced" else ""
        person.save()
    assert len(noted(ledger_db)) == 2

    recovery.sweep()

    assert noted(ledger_db) == [(kept.headshot.name, 0.98)]


def test_a_sweep_looks_at_a_part_and_the_next_one_at_the_rest(ledger_db):
    for number in range(5):
        target = JobTarget(ledger_db, "app.Person", str(number), "headshot")
        incomplete.note(target, "gone.jpg", 0.99)

    forgotten = [incomplete.forget(ledger_db, limit=2) for _ in range(3)]

    assert forgotten == [2, 2, 1]


def test_a_sweep_forgets_fields_and_keys_that_do_not_exist(ledger_db):
    for label, pk, field in (
        ("app.Person", "no number", "headshot"),
        ("app.Person", "1", "no_field"),
        ("gone.Model", "1", "headshot"),
    ):
        incomplete.note(JobTarget(ledger_db, label, pk, field), "a.jpg", 0.99)

    recovery.sweep()

    assert noted(ledger_db) == []


def test_an_attempt_that_a_save_has_overtaken_notes_nothing(ledger_db, settings):
    """The note and the end of the job are one transaction."""
    Person(headshot=upload(cut())).save(using=ledger_db)
    person = Person.objects.using(ledger_db).get()

    def replace() -> None:
        person.headshot = upload(four_corners(80, 800), "b.jpg")
        person.save()

    with hooked(settings):
        does(replace)
        job = WarmJob.objects.using(ledger_db).get()
        worker.run_job(ledger.Hint(ledger_db, job.pk, job.generation), "t", "w")
        assert noted(ledger_db) == []
        assert WarmJob.objects.using(ledger_db).exists()

        work_owed(ledger_db)
    assert noted(ledger_db) == []


def test_a_row_that_is_written_meanwhile_is_not_forgotten(ledger_db, person, monkeypatch):
    """The sweep has looked at an older state."""
    person.headshot = upload(cut(), "b.jpg")
    person.save()
    look = incomplete._shown

    def look_and_work(using, rows):
        shown = look(using, rows)
        work_owed(using)
        return dict.fromkeys(shown, "neither")

    monkeypatch.setattr(incomplete, "_shown", look_and_work)
    assert incomplete.forget(ledger_db) == 0

    assert noted(ledger_db) == [(person.headshot.name, 0.98)]


def test_a_script_or_a_page_notes_it_too(db, configure):
    """The synchronous warmer, and a page that makes what it needs."""
    person = Person.objects.create(headshot=upload(cut()))
    WarmJob.objects.all().delete()
    list(VersatileImageFieldWarmer(person, "headshot", "headshot").reports())
    assert noted() == [(person.headshot.name, 0.98)]

    IncompletePicture.objects.all().delete()
    configure(ON_DEMAND=True)
    assert person.headshot.crop["33x33"].url
    assert noted() == [(person.headshot.name, 0.98)]


def test_the_facts_of_a_picture_have_it(db):
    Story.objects.create(lead=upload(cut()))
    work_owed()

    story = Story.objects.get()
    assert 0.97 < story.lead_meta["rows"] < 1
    assert story.lead.meta.share_of_rows == story.lead_meta["rows"]
    assert noted() == [(story.lead.name, 0.98)]

    story.lead = upload(four_corners(80, 800), "b.jpg")
    story.save()
    work_owed()
    assert "rows" not in Story.objects.get().lead_meta
    assert noted() == []


def test_a_complete_picture_costs_one_query_where_incomplete_ones_are_accepted(ledger_db):
    Person(headshot=upload(four_corners(80, 80))).save(using=ledger_db)
    job = WarmJob.objects.using(ledger_db).get()
    with CaptureQueriesContext(connections[ledger_db]) as queries:
        worker.run_job(ledger.Hint(ledger_db, job.pk, job.generation), "t", "w")

    about = [query["sql"] for query in queries if "rendition_workers_incomplete" in query["sql"]]
    assert len(about) == 1


# ---- admin ---------------------------------------------------------------------------------------


def test_the_admin_lists_them(db, admin_client):
    person = Person.objects.create(name="Ada", headshot=upload(cut()))
    work_owed()

    page = admin_client.get(LIST).content.decode()

    assert person.headshot.name in page
    assert "98.0 %" in page
    assert "Ada" in page
    assert 'class="rendition-thumbnail"' in page
    row = IncompletePicture.objects.get()
    detail = reverse("admin:rendition_workers_incompletepicture_change", args=[row.pk])
    assert person.headshot.name in admin_client.get(detail).content.decode()
    assert admin_client.post(f"{detail[: -len('change/')]}delete/").status_code == 403


def test_the_page_of_the_operator_links_to_them(db, admin_client):
    """Only where there is one: most projects have none."""
    overview = reverse("admin:rendition_workers_overview_changelist")
    link = f'<a href="{LIST}"><span class="rendition-number'
    assert link not in admin_client.get(overview).content.decode()

    Person.objects.create(headshot=upload(cut()))
    work_owed()

    assert link in admin_client.get(overview).content.decode()


def test_the_list_needs_no_query_for_each_row(db, admin_client, django_assert_max_num_queries):
    for _ in range(5):
        Person.objects.create(headshot=upload(cut()))
    work_owed()

    with django_assert_max_num_queries(8):
        admin_client.get(LIST)


def test_a_user_without_the_permission_sees_no_list(db, client, django_user_model):
    client.force_login(django_user_model.objects.create_user("eve", is_staff=True))

    assert client.get(LIST).status_code == 403
