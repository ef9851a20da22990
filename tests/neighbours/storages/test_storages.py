"""django-storages keeps pictures and renditions in an object store."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
import requests
from django.conf import settings as project
from django.core.cache import caches
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from renditions.storage import publish
from tests.conftest import four_corners
from workers import ledger
from workers.models import JobState, WarmJob
from workers.targets import target_of
from workers.testing import work_owed

from .models import Photo
from .stores import KINDS, Store

pytestmark = pytest.mark.django_db

RED, LIME = (254, 0, 0), (0, 255, 1)


@pytest.fixture(scope="session")
def running_store() -> Iterator[Store]:
    with KINDS[project.STORAGE]() as store:
        yield store


@pytest.fixture
def options() -> dict[str, Any]:
    """The OPTIONS that a project chooses; tests give others."""
    return {"file_overwrite": True, "location": "", "querystring_auth": False}


@pytest.fixture
def store(running_store: Store, options: dict[str, Any], settings) -> Store:
    """The store as default storage, empty."""
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": running_store.backend, "OPTIONS": running_store.options(**options)},
    }
    running_store.empty()
    return running_store


EACH_WAY = [
    pytest.param(
        {"file_overwrite": overwrite, "location": location, "querystring_auth": signed},
        id=f"{'overwrite' if overwrite else 'rename'}-{location or 'root'}-"
        f"{'signed' if signed else 'public'}",
    )
    for overwrite in (True, False)
    for location in ("", "deep/er")
    for signed in (True, False)
]


def upload(width: int = 320, height: int = 200) -> SimpleUploadedFile:
    return SimpleUploadedFile("a b.jpg", four_corners(width, height))


def sent(client: Client, url: str, **data: Any) -> None:
    answer = client.post(url, {"image_1": "0.5x0.5", **data})
    assert answer.status_code == 302, answer.content.decode()


def served(url: str, options: dict[str, Any]) -> Image.Image:
    """Return the picture at `url`, as a visitor gets it."""
    assert ("?" in url) is options["querystring_auth"]
    answer = requests.get(url, timeout=10)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "image/jpeg"
    return Image.open(BytesIO(answer.content))


def keys_of(photo: Photo, options: dict[str, Any]) -> set[str]:
    """Return the keys in the bucket of a picture and of its renditions."""
    names = [photo.image.name, *(plan.path for plan in photo.image.plans())]
    return {f"{options['location']}/{name}".lstrip("/") for name in names}


@pytest.mark.parametrize("options", EACH_WAY)
def test_a_picture_from_its_upload_to_its_end(admin_client, store, options):
    """Uploaded in the admin, warmed, served, replaced, and deleted with all that was made."""
    sent(admin_client, reverse("admin:project_photo_add"), image_0=upload())
    photo = Photo.objects.get()
    assert work_owed() == 1
    assert not WarmJob.objects.exists()

    assert photo.image.name == "photos/a_b.jpg"
    assert store.objects() == dict.fromkeys(keys_of(photo, options), "image/jpeg")
    assert served(photo.image.url, options).size == (320, 200)
    assert served(photo.image.crop["120x60"].url, options).size == (120, 60)

    change = reverse("admin:project_photo_change", args=[photo.pk])
    page = admin_client.get(change).content.decode()
    assert photo.image.thumbnail["300x300"].name in page

    before = keys_of(photo, options)
    sent(admin_client, change, image_0=upload(60, 30))
    photo = Photo.objects.get()
    assert work_owed() == 1
    is_kept = photo.image.name == "photos/a_b.jpg"
    assert is_kept is options["file_overwrite"]
    assert keys_of(photo, options) | before <= set(store.objects())
    assert served(photo.image.thumbnail["50x50"].url, options).size == (50, 25)

    photo.image.delete_all_created_images()
    photo.image.delete()
    left = set(store.objects())
    assert not left & keys_of(photo, options)
    assert bool(left & before) is not options["file_overwrite"]


@pytest.mark.parametrize("options", EACH_WAY)
def test_renditions_are_made_again_under_their_names(store, options, picture):
    """Also if the storage would rather choose another name for a file that exists."""
    photo = Photo.objects.create(image=picture("a.jpg"))
    work_owed()
    keys = keys_of(photo, options)

    field = Photo._meta.get_field("image")
    ledger.enqueue(target_of(photo, field, "default"), "", force=True)
    work_owed()

    assert set(store.objects()) == keys
    assert served(photo.image.crop["120x60"].url, options).size == (120, 60)


@pytest.mark.parametrize("options", EACH_WAY)
def test_files_are_adopted_after_the_cache_was_cleared(store, options, picture):
    """By their dates and sizes; so a file that was made in another way stays."""
    photo = Photo.objects.create(image=picture("a.jpg"))
    work_owed()
    path, other = photo.image.crop["120x60"].name, four_corners(120, 60)
    publish(default_storage, path, other)
    caches["default"].clear()

    photo.save(update_fields=["image"])
    assert work_owed() == 1

    with default_storage.open(path) as file:
        assert file.read() == other


def test_an_original_that_is_missing_is_told(store, picture):
    """Each store has its own error for it. A later attempt finds the file, if it was late."""
    photo = Photo.objects.create(image=picture("a.jpg"))
    default_storage.delete(photo.image.name)

    work_owed()

    job = WarmJob.objects.get()
    assert (job.state, job.kind) == (JobState.QUEUED, "missing")
