"""One model with everything that hooks into a save."""

import pytest
import reversion

from tests.neighbours.saves import assert_whole_or_nothing
from workers.models import WarmJob
from workers.testing import work_owed

from .models import Photo


@pytest.mark.parametrize("in_revision", [False, True])
def test_a_save_that_is_killed_is_whole_or_nothing(neighbour_db, picture, in_revision):
    """Row and job are written together, whoever has replaced `save` and `save_base`."""

    def save() -> None:
        photo = Photo(image=picture())
        if not in_revision:
            photo.save(using=neighbour_db)
            return
        with reversion.create_revision(using=neighbour_db):
            photo.save(using=neighbour_db)

    assert_whole_or_nothing(Photo, neighbour_db, save, at_least=5)


@pytest.mark.django_db(transaction=True)
def test_a_change_is_seen_by_all(picture):
    Photo.objects.create(image=picture("a.jpg"))
    assert work_owed() == 1
    photo = Photo.objects.get()
    assert not photo.is_dirty()
    assert not photo.tracker.changed()
    photo.ppoi = (0.2, 0.8)

    assert set(photo.tracker.changed()) == set(photo.get_dirty_fields()) == {"ppoi"}
    assert photo.has_changed("ppoi")
    photo.save()

    assert WarmJob.objects.count() == 1
    new, old = photo.history.all()
    assert [str(new.ppoi), str(old.ppoi)] == ["0.2x0.8", "0.5x0.5"]


@pytest.mark.django_db(transaction=True)
def test_the_facts_of_a_picture_are_no_change_of_the_project(picture):
    """The worker writes them, and no save of an older instance takes them away."""
    older = Photo.objects.create(image=picture("a.jpg"))
    assert work_owed() == 1
    photo = Photo.objects.get()
    assert photo.image.meta is not None
    assert not photo.is_dirty()

    older.title = "new"
    older.save()
    with reversion.create_revision():
        photo.title = "newer"
        photo.save()

    assert Photo.objects.get().image.meta == photo.image.meta
    assert not WarmJob.objects.exists()
    assert photo.history.count() == 3
