"""django-lifecycle calls hooks in `save()`, which may save again."""

import pytest

from tests.neighbours.saves import assert_whole_or_nothing
from workers.models import WarmJob
from workers.testing import work_owed

from .models import Photo, noted


def test_a_save_that_is_killed_is_whole_or_nothing(neighbour_db, picture):
    def save() -> None:
        Photo.objects.using(neighbour_db).create(image=picture())

    assert_whole_or_nothing(Photo, neighbour_db, save)


@pytest.mark.django_db(transaction=True)
def test_hooks_run_as_without_us(picture):
    """A hook that saves does not enqueue twice, and one after the commit sees the name."""
    noted.clear()
    photo = Photo.objects.create(image=picture("a.jpg"))

    assert Photo.objects.get().title == f"Photo {photo.pk}"
    assert WarmJob.objects.get().generation == 1
    assert work_owed() == 1
    photo = Photo.objects.get()
    assert not photo.has_changed("image")
    photo.image = picture("b.jpg")
    assert photo.has_changed("image")
    photo.save()
    assert noted[-1] == "photos/b.jpg"
    assert work_owed() == 1
