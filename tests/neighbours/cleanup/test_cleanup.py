"""django-cleanup deletes the file of a row that is deleted, or that has another file."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django_cleanup.signals import cleanup_pre_delete

from workers.models import WarmJob
from workers.testing import work_owed

from .models import Photo

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _delete_renditions() -> Iterator[None]:
    """The receiver that a project writes for the renditions."""

    def delete(file: Any, **kwargs: Any) -> None:
        file.delete_all_created_images()

    cleanup_pre_delete.connect(delete)
    yield
    cleanup_pre_delete.disconnect(delete)


@pytest.fixture
def photo(picture) -> Photo:
    photo = Photo.objects.create(image=picture("a.jpg"), ppoi=(0.2, 0.8))
    work_owed()
    return photo


def made(photo: Photo) -> list[str]:
    paths = [plan.path for plan in photo.image.plans()]
    assert all(default_storage.exists(path) for path in paths)
    return paths


@pytest.mark.parametrize("loaded", [False, True])
def test_a_replaced_picture_goes_with_its_renditions(photo, picture, loaded):
    if loaded:
        photo = Photo.objects.get()
    before = made(photo)

    photo.image = picture("b.jpg")
    photo.save()

    assert not any(default_storage.exists(path) for path in [*before, "photos/a.jpg"])
    assert work_owed() == 1
    assert len(made(photo)) == len(before)
    assert photo.ppoi == (0.2, 0.8)


def test_a_deleted_row_takes_its_renditions_along(photo):
    before = made(photo)

    Photo.objects.get().delete()

    assert not any(default_storage.exists(path) for path in [*before, "photos/a.jpg"])
    assert not WarmJob.objects.exists()


def test_a_cleared_picture_goes_with_its_renditions(photo):
    before = made(photo)
    photo.image = ""
    photo.save()

    assert not any(default_storage.exists(path) for path in [*before, "photos/a.jpg"])
    assert photo.ppoi == (0.5, 0.5)


def test_a_moved_point_keeps_the_original(photo):
    photo.ppoi = (0.9, 0.1)
    photo.save()
    work_owed()

    assert default_storage.exists("photos/a.jpg")
    assert made(photo)
