"""A queryset of a base model of django-polymorphic returns instances of its children."""

import pytest
from django.urls import reverse

from tests.neighbours.saves import assert_whole_or_nothing
from workers import runs
from workers.enqueue import enqueue_all
from workers.models import WarmJob
from workers.testing import work_owed

from .models import Item, Note, Photo


def test_a_save_that_is_killed_is_whole_or_nothing(neighbour_db, picture):
    assert_whole_or_nothing(
        Photo, neighbour_db, lambda: Photo(image=picture()).save(using=neighbour_db)
    )


@pytest.fixture
def items(db, picture) -> None:
    Photo.objects.create(image=picture("a.jpg"), cover=picture("b.jpg"))
    Note.objects.create(cover=picture("c.jpg"))
    Item.objects.create(title="nothing")


def jobs() -> set[tuple[str, str]]:
    return set(WarmJob.objects.values_list("model_label", "field_name"))


ALL = {("project.Item", "cover"), ("project.Photo", "image")}


def test_a_save_enqueues_the_fields_of_base_and_child(items):
    assert jobs() == ALL
    assert work_owed() == 3
    assert not WarmJob.objects.exists()


def test_all_of_a_base_queryset_are_enqueued(items):
    """The fields of the children, too."""
    WarmJob.objects.all().delete()

    assert enqueue_all(Item.objects.all()) == 3
    assert jobs() == ALL
    assert work_owed() == 3


def test_a_bulk_run_of_a_child_finds_its_field(items):
    WarmJob.objects.all().delete()

    for model, name in ((Photo, "image"), (Item, "cover")):
        runs.advance("default", runs.start(model._meta.get_field(name)).pk)

    assert jobs() == ALL


def test_a_base_instance_deletes_the_jobs_of_the_child(items):
    for item in Item.objects.all():
        item.delete()

    assert not WarmJob.objects.exists()


def test_the_admin_shows_the_renditions(admin_client, items):
    """A list of several models shows the pictures of the base; each page has all of its own."""
    work_owed()

    listed = admin_client.get(reverse("admin:project_item_changelist")).content.decode()
    assert listed.count('class="rendition-thumbnail"') == 2

    photo = Photo.objects.get()
    # The page of the base model, too, is made by the admin of the child.
    for model in ("item", "photo"):
        url = reverse(f"admin:project_{model}_change", args=[photo.pk])
        page = admin_client.get(url).content.decode()
        assert "<h3>Cover</h3>" in page
        assert "<h3>Image</h3>" in page
        panel = reverse("admin:project_photo_renditions", args=[photo.pk])
        assert f'data-address="{panel}"' in page
        assert admin_client.get(panel).status_code == 200
