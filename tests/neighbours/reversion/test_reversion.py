"""django-reversion keeps versions as serialized rows, and deserializes them to revert."""

import pytest
import reversion
from django.urls import reverse
from reversion.models import Version

from tests.neighbours.admin_pages import assert_renditions_are_shown
from tests.neighbours.saves import assert_whole_or_nothing
from workers.models import WarmJob
from workers.testing import work_owed

from .models import Photo


def test_a_save_that_is_killed_is_whole_or_nothing(neighbour_db, picture):
    def save() -> None:
        with reversion.create_revision(using=neighbour_db):
            Photo(image=picture()).save(using=neighbour_db)

    assert_whole_or_nothing(Photo, neighbour_db, save)


@pytest.mark.django_db(transaction=True)
def test_a_revert_enqueues(picture):
    """Picture and focal point are those of the version, and so are the renditions."""
    with reversion.create_revision():
        photo = Photo.objects.create(image=picture("a.jpg"), ppoi=(0.2, 0.8))
    work_owed()
    first = [plan.path for plan in photo.image.plans()]
    with reversion.create_revision():
        photo.image, photo.ppoi = picture("b.jpg"), (0.9, 0.1)
        photo.save()
    work_owed()
    storage = photo.image.storage
    Photo(image="photos/a.jpg").image.delete_all_created_images()

    Version.objects.get_for_object(photo).last().revision.revert()

    now = Photo.objects.get()
    assert (now.image.name, now.ppoi) == ("photos/a.jpg", (0.2, 0.8))
    assert WarmJob.objects.count() == 1
    assert work_owed() == 1
    assert first
    assert all(storage.exists(path) for path in first)


@pytest.mark.django_db(transaction=True)
def test_a_deleted_row_is_recovered_with_its_renditions(picture):
    with reversion.create_revision():
        photo = Photo.objects.create(image=picture("a.jpg"), ppoi=(0.2, 0.8))
    photo.delete()

    Version.objects.get_deleted(Photo).get().revision.revert()

    assert Photo.objects.get().ppoi == (0.2, 0.8)
    assert work_owed() == 1


@pytest.mark.django_db
def test_the_admin_shows_the_renditions(admin_client):
    assert_renditions_are_shown(admin_client)


@pytest.mark.django_db
def test_an_old_version_has_no_panel(admin_client, picture):
    """Its page is made in a transaction that is rolled back: no job of it is real."""
    with reversion.create_revision():
        photo = Photo.objects.create(image=picture("a.jpg"))
    version = Version.objects.get_for_object(photo).get()
    url = reverse("admin:project_photo_revision", args=[photo.pk, version.pk])

    page = admin_client.get(url)

    assert page.status_code == 200
    assert "renditions-panel" not in page.content.decode()
