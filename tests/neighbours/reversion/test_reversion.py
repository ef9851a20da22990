"""django-reversion keeps versions as serialized rows, and deserializes them to revert."""

import pytest
import reversion
from reversion.models import Version

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
