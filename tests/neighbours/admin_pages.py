"""What holds for every theme of the admin: pictures are uploaded, moved and cleared.

The project has an `Album` with photos in an inline, and a `Photo` with a focal point.
"""

from typing import Any

from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from tests.conftest import four_corners
from workers.models import WarmJob
from workers.testing import work_owed


def upload(name: str = "a.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, four_corners(100, 50))


def sent(client: Client, url: str, data: dict[str, Any]) -> None:
    answer = client.post(url, data)
    assert answer.status_code == 302, answer.content.decode()


def assert_a_photo_is_edited(client: Client) -> None:
    """Check an upload with its point, a moved point, another file, and a cleared picture."""
    photos = apps.get_model("project.Photo").objects
    add = reverse("admin:project_photo_add")
    html = client.get(add).content.decode()
    assert html.count('type="file"') == 1
    assert 'class="ppoi-input"' in html
    assert "renditions/ppoi.js" in html
    sent(client, add, {"title": "one", "image_0": upload(), "image_1": "0.2x0.8"})
    photo = photos.get()
    assert (photo.image.name, photo.ppoi) == ("photos/a.jpg", (0.2, 0.8))
    assert WarmJob.objects.count() == 1
    work_owed()

    change = reverse("admin:project_photo_change", args=[photo.pk])
    html = client.get(change).content.decode()
    assert 'value="0.2x0.8"' in html
    assert "photos/a-thumbnail-300x300-70.jpg" in html
    sent(client, change, {"title": "one", "image_1": "0.9x0.1"})
    assert (photos.get().image.name, photos.get().ppoi) == ("photos/a.jpg", (0.9, 0.1))
    sent(client, change, {"title": "one", "image_0": upload("b.jpg"), "image_1": "0.5x0.5"})
    assert (photos.get().image.name, photos.get().ppoi) == ("photos/b.jpg", (0.5, 0.5))
    sent(client, change, {"title": "one", "image_0-clear": "on", "image_1": "0.5x0.5"})
    assert not photos.get().image


def assert_an_error_comes_back(client: Client) -> None:
    """Check that the page shows the error, and the point that was set."""
    add = reverse("admin:project_photo_add")
    answer = client.post(add, {"title": "", "image_0": upload(), "image_1": "0.2x0.8"})
    assert answer.status_code == 200
    assert 'value="0.2x0.8"' in answer.content.decode()


def assert_an_inline_is_edited(client: Client) -> None:
    """Check that a row with a picture is saved, and that an empty row is left alone."""
    rows = {"photo_set-TOTAL_FORMS": "2", "photo_set-INITIAL_FORMS": "0"}
    add = reverse("admin:project_album_add")
    assert 'name="photo_set-0-image_0"' in client.get(add).content.decode()
    sent(
        client,
        add,
        {
            "title": "album",
            "cover": upload("cover.jpg"),
            **rows,
            "photo_set-0-title": "one",
            "photo_set-0-image_0": upload(),
            "photo_set-0-image_1": "0.2x0.8",
            "photo_set-1-title": "",
            "photo_set-1-image_1": "0.5x0.5",
        },
    )
    album = apps.get_model("project.Album").objects.get()
    photo = album.photo_set.get()
    assert album.cover.name == "albums/cover.jpg"
    assert (photo.image.name, photo.ppoi) == ("photos/a.jpg", (0.2, 0.8))
    page = client.get(reverse("admin:project_album_change", args=[album.pk]))
    assert "photos/a-thumbnail-300x300-70.jpg" in page.content.decode()


def assert_renditions_are_shown(client: Client) -> None:
    """Check thumbnail and state in the list, and the panel with its button on the form."""
    photos = apps.get_model("project.Photo").objects
    sent(
        client,
        reverse("admin:project_photo_add"),
        {"title": "one", "image_0": upload(), "image_1": "0.2x0.8"},
    )
    photo = photos.get()
    change = reverse("admin:project_photo_change", args=[photo.pk])
    panel = reverse("admin:project_photo_renditions", args=[photo.pk])
    assert 'id="renditions-panel"' in client.get(change).content.decode()
    work_owed()

    listed = client.get(reverse("admin:project_photo_changelist")).content.decode()
    assert 'class="rendition-thumbnail"' in listed
    assert 'class="rendition-state done"' in listed
    photos.filter(pk=photo.pk).update(image="photos/missing.jpg")
    page = client.get(change).content.decode()
    assert 'form="renditions-retry"' in page
    assert '<form id="renditions-retry"' in page
    assert "rendition_workers/panel.js" in page
    answer = client.post(panel, {"renditions_field": "image"})
    assert answer.headers["Location"] == change
    assert WarmJob.objects.get().state == "queued"


def assert_the_pages_of_jobs_open(client: Client) -> None:
    """Check the admin of the ledger and of the bulk runs, with a job on it."""
    apps.get_model("project.Photo").objects.create(title="one", image="photos/missing.jpg")
    job = WarmJob.objects.get()
    for url in (
        reverse("admin:index"),
        reverse("admin:rendition_workers_warmjob_changelist"),
        reverse("admin:rendition_workers_warmjob_change", args=[job.pk]),
        reverse("admin:rendition_workers_warmrun_changelist"),
        reverse("admin:rendition_workers_warmrun_add"),
        reverse("admin:project_photo_changelist"),
    ):
        assert client.get(url).status_code == 200, url
