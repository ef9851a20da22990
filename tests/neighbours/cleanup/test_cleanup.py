"""django-cleanup deletes the file of a row that is deleted, or that has another file."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils.timezone import now

from workers.models import WarmJob
from workers.testing import work_owed

from .models import Photo, Print

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _at_once(configure) -> None:
    configure(WORKERS={"REMOVAL_DELAY_S": 0})


@pytest.fixture(params=[Photo, Print])
def photo(request: pytest.FixtureRequest, picture) -> Any:
    photo = request.param.objects.create(image=picture("a.jpg"), ppoi=(0.2, 0.8))
    work_owed()
    return photo


def files() -> set[str]:
    root = Path(default_storage.path(""))
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def made(photo: Any) -> list[str]:
    paths = [plan.path for plan in photo.image.plans()]
    assert all(default_storage.exists(path) for path in paths)
    return paths


@pytest.mark.parametrize("loaded", [False, True])
def test_a_replaced_picture_goes_with_its_renditions(photo, picture, loaded):
    if loaded:
        photo = type(photo).objects.get()
    before = made(photo)

    photo.image = picture("b.jpg")
    photo.save()
    work_owed()

    assert files() == {photo.image.name, *made(photo)}
    assert len(made(photo)) == len(before)
    assert photo.ppoi == (0.2, 0.8)
    assert not WarmJob.objects.exists()


def test_a_deleted_row_takes_its_renditions_along(photo):
    made(photo)

    type(photo).objects.get().delete()
    work_owed()

    assert files() == set()
    assert not WarmJob.objects.exists()


def test_a_cleared_picture_goes_with_its_renditions(photo):
    made(photo)
    photo.image = ""
    photo.save()
    work_owed()

    assert files() == set()
    assert photo.ppoi == (0.5, 0.5)


def test_a_picture_that_another_row_shows_is_kept_where_we_take_the_original(db, picture):
    photo = Print.objects.create(image=picture("a.jpg"))
    Print.objects.create(image=photo.image)
    work_owed()
    before = files()

    photo.delete()
    work_owed()

    assert files() == before


def test_an_upload_after_the_deletion_gets_the_name_and_keeps_it(photo, picture):
    photo.delete()
    again = type(photo).objects.create(image=picture("a.jpg", 300, 100))
    work_owed()
    WarmJob.objects.update(due_at=now())
    work_owed()

    assert files() == {again.image.name, *made(again)}


def test_a_moved_point_keeps_the_original(photo):
    photo.ppoi = (0.9, 0.1)
    photo.save()
    work_owed()

    assert default_storage.exists("photos/a.jpg")
    assert made(photo)
