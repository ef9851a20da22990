"""`FieldTracker` of django-model-utils replaces `save_base` and the descriptors of the model."""

import pytest

from tests.neighbours.saves import assert_whole_or_nothing
from workers.models import WarmJob
from workers.testing import work_owed

from .models import Photo


def test_a_save_that_is_killed_is_whole_or_nothing(neighbour_db, picture):
    assert_whole_or_nothing(
        Photo, neighbour_db, lambda: Photo(image=picture()).save(using=neighbour_db)
    )


@pytest.mark.django_db
def test_changes_are_tracked(picture):
    """As for an image field of Django, and the focal point by its value."""
    photo = Photo.objects.create(image=picture("a.jpg"))
    work_owed()
    assert photo.tracker.changed() == {}

    photo = Photo.objects.get()
    assert photo.tracker.changed() == {}
    photo.ppoi = (0.2, 0.8)
    photo.image = picture("b.jpg")

    assert set(photo.tracker.changed()) == {"image", "ppoi"}
    assert photo.tracker.previous("ppoi") == (0.5, 0.5)
    assert photo.tracker.previous("image") == "photos/a.jpg"
    photo.save()
    assert photo.tracker.changed() == {}
    assert WarmJob.objects.count() == 1
    assert work_owed() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("deferred", ["image", "ppoi", "title"])
def test_a_deferred_field_is_tracked(picture, deferred):
    Photo.objects.create(image=picture("a.jpg"), ppoi=(0.2, 0.8))
    work_owed()

    photo = Photo.objects.defer(deferred).get()
    assert photo.tracker.changed() == {}
    photo.save()
    assert (photo.image.name, photo.image.ppoi) == ("photos/a.jpg", (0.2, 0.8))
    assert not WarmJob.objects.exists()
