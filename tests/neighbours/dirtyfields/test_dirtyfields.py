"""django-dirtyfields compares the values of a row with those that it was loaded with."""

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
def test_dirty_fields_are_told(picture):
    Photo.objects.create(image=picture("a.jpg"))
    photo = Photo.objects.get()
    assert not photo.is_dirty()

    photo.image.ppoi = "0.2x0.8"
    photo.image = picture("b.jpg")

    assert photo.get_dirty_fields() == {"image": "photos/a.jpg", "ppoi": (0.5, 0.5)}
    photo.save()
    assert not photo.is_dirty()


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["image", "ppoi", "title"])
def test_saving_the_dirty_fields_enqueues(picture, change):
    """`save_dirty_fields` writes only what has changed."""
    Photo.objects.create(image=picture("a.jpg"))
    work_owed()
    photo = Photo.objects.get()
    value = {"image": picture("b.jpg"), "ppoi": (0.2, 0.8), "title": "two"}[change]
    setattr(photo, change, value)

    photo.save_dirty_fields()

    assert WarmJob.objects.count() == (0 if change == "title" else 1)
