"""django-import-export writes rows as texts and reads them back."""

import pytest
from django.urls import reverse
from import_export.resources import ModelResource
from tablib import Dataset

from tests.neighbours.admin_pages import assert_renditions_are_shown
from workers.models import WarmJob
from workers.testing import work_owed

from .models import Photo

pytestmark = pytest.mark.django_db


class PhotoResource(ModelResource):
    class Meta:
        model = Photo


@pytest.mark.parametrize("file_format", ["csv", "json", "xlsx"])
def test_picture_and_point_survive_a_round_trip(picture, file_format):
    photo = Photo.objects.create(title="one", image=picture("a.jpg"), ppoi=(0.2, 0.8))
    work_owed()
    exported = PhotoResource().export()
    assert exported.dict[0]["ppoi"] == "0.2x0.8"
    assert exported.dict[0]["image"] == "photos/a.jpg"
    text = exported.export(file_format)
    Photo.objects.all().delete()

    result = PhotoResource().import_data(Dataset().load(text, format=file_format))

    assert not result.has_errors(), [row.errors for row in result.rows]
    again = Photo.objects.get()
    assert (again.pk, again.title, again.image.name) == (photo.pk, "one", "photos/a.jpg")
    assert again.image.ppoi == (0.2, 0.8)


def test_an_import_enqueues(picture):
    """Also with bulk operations, after `enqueue_all`."""
    Photo.objects.create(image=picture("a.jpg"))
    work_owed()
    data = Dataset(["", "photos/a.jpg", "0.9x0.1"], headers=["id", "image", "ppoi"])

    assert not PhotoResource().import_data(data).has_errors()
    assert WarmJob.objects.count() == 1
    assert work_owed() == 1
    assert Photo.objects.last().ppoi == (0.9, 0.1)


def test_a_row_that_is_the_same_is_skipped(picture):
    """The values of a row equal those of the import."""

    class Skipping(PhotoResource):
        class Meta:
            model = Photo
            skip_unchanged = True

    Photo.objects.create(image=picture("a.jpg"), ppoi=(0.2, 0.8))

    result = Skipping().import_data(Skipping().export())

    assert result.totals["skip"] == 1


def test_a_wrong_point_is_an_error_of_its_row(picture):
    """The import goes on, and says which row it is."""
    data = Dataset(["", "", "nowhere"], headers=["id", "image", "ppoi"])

    result = PhotoResource().import_data(data)

    assert result.has_validation_errors() or result.has_errors()
    assert not Photo.objects.exists()


def test_the_admin_shows_the_renditions(admin_client):
    assert_renditions_are_shown(admin_client)


def test_an_export_of_a_list_is_whole(admin_client, picture):
    """The columns of the list are no columns of the export."""
    photo = Photo.objects.create(title="one", image=picture("a.jpg"))
    url = reverse("admin:project_photo_export")
    form = {"format": "0", "resource": "0", "photoresource_id": "on", "photoresource_image": "on"}

    answer = admin_client.post(url, form)

    assert answer.content.decode().splitlines() == ["id,image", f"{photo.pk},photos/a.jpg"]
