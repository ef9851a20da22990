"""django-ninja makes schemas from models, and reads and writes instances by them.

The API is the example of the page "Works with".
"""

from dataclasses import asdict
from typing import Any

import jsonschema
import openapi_spec_validator
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from renditions.responsive import picture_data
from tests.conftest import four_corners
from workers.models import WarmJob
from workers.testing import work_owed

from .models import Photo

pytestmark = pytest.mark.django_db

WRONG_POINTS = ["junk", "", "2x2", "0.5", "nanx0.5", "0.5x0.5x0.5"]


def upload(content: bytes | None = None, name: str = "a.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, four_corners(100, 50) if content is None else content)


@pytest.fixture
def photo(picture) -> Photo:
    return Photo.objects.create(title="one", image=picture("a.jpg"), ppoi=(0.2, 0.8))


def test_an_answer_has_the_picture_its_point_and_its_renditions(client, photo):
    [answer] = client.get("/api/photos").json()

    assert answer.pop("sizes")["large"] == (
        "/media/__sized__/photos/a-crop-c0-2__0-8-120x60-70.jpg"
    )
    assert answer.pop("picture") == asdict(picture_data(photo.image, "lead"))
    assert answer == {
        "id": photo.pk,
        "title": "one",
        "image": "/media/photos/a.jpg",
        "ppoi": "0.2x0.8",
    }


def test_a_responsive_picture_has_a_schema_and_a_place_for_each_fact(client, photo):
    """A client knows which file is for which width and format, and whether all are made."""
    work_owed()

    [answer] = client.get("/api/photos").json()

    picture = answer["picture"]
    assert list(picture["srcset"]) == ["image/webp", "image/jpeg"]
    assert picture["srcset"]["image/webp"].endswith("160x80-70.jpg.webp 160w")
    assert (picture["width"], picture["height"], picture["placeholder"]) == (160, 80, None)
    assert picture["ready"] is False
    schema = client.get("/api/openapi.json").json()["components"]["schemas"]["PictureData"]
    assert set(schema["required"]) == set(picture)


def test_an_empty_picture_is_null(client):
    Photo.objects.create(title="none")

    [answer] = client.get("/api/photos").json()

    assert (answer["image"], answer["sizes"], answer["ppoi"]) == (None, {}, "0.5x0.5")


@pytest.mark.parametrize(("sent", "point"), [({"ppoi": "0.2x0.8"}, (0.2, 0.8)), ({}, (0.5, 0.5))])
def test_an_upload_is_saved_and_warmed(client, sent, point):
    """With its focal point, or with the default."""
    answer = client.post("/api/photos", {"title": "one", "image": upload(), **sent})

    assert answer.status_code == 200, answer.content
    photo = Photo.objects.get()
    assert (photo.image.name, photo.ppoi) == ("photos/a.jpg", point)
    assert work_owed() == 1
    paths = [photo.image.storage.url(plan.path) for plan in photo.image.plans()]
    assert set(paths) < set(answer.json()["sizes"].values())


def errors_of(answer: Any) -> Any:
    assert answer.status_code == 422, answer.content
    assert not WarmJob.objects.exists()
    return answer.json()["detail"]


@pytest.mark.parametrize("point", WRONG_POINTS)
def test_a_wrong_point_beside_an_upload_is_refused(client, point):
    answer = client.post("/api/photos", {"title": "one", "image": upload(), "ppoi": point})

    [error] = errors_of(answer)
    assert (error["type"], error["loc"][-1]) == ("invalid_ppoi", "ppoi")
    assert error["msg"].startswith(f"{point!r} is not a focal point.")
    assert not Photo.objects.exists()


@pytest.mark.parametrize("method", ["put", "patch"])
@pytest.mark.parametrize("point", [*WRONG_POINTS, 7, True, [1], [0.5, "x"], [[], []], {}])
def test_a_wrong_point_in_json_is_refused(client, photo, method, point):
    work_owed()

    answer = getattr(client, method)(
        f"/api/photos/{photo.pk}", {"title": "two", "ppoi": point}, "application/json"
    )

    [error] = errors_of(answer)
    assert (error["type"], error["loc"][-1]) == ("invalid_ppoi", "ppoi")
    assert Photo.objects.get().title == "one"


@pytest.mark.parametrize("method", ["put", "patch"])
@pytest.mark.parametrize("point", ["0.9x0.1", [0.9, 0.1]])
def test_a_point_is_moved_and_its_crops_are_made(client, photo, method, point):
    """As a text, or as two numbers."""
    work_owed()

    answer = getattr(client, method)(
        f"/api/photos/{photo.pk}", {"title": "two", "ppoi": point}, "application/json"
    )

    assert answer.json()["ppoi"] == "0.9x0.1"
    assert "c0-9__0-1" in answer.json()["sizes"]["large"]
    assert Photo.objects.get().ppoi == (0.9, 0.1)
    assert work_owed() == 1


@pytest.mark.parametrize(("sent", "point"), [({}, (0.2, 0.8)), ({"ppoi": None}, (0.5, 0.5))])
def test_a_patch_keeps_the_point_or_resets_it(client, photo, sent, point):
    answer = client.patch(f"/api/photos/{photo.pk}", sent, "application/json")

    assert answer.status_code == 200
    assert Photo.objects.get().ppoi == point


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (upload(b"no picture"), "not a picture"),
        (upload(b""), "empty"),
        (upload(four_corners(9, 9, "BMP")), "Accepted formats"),
        (upload(name="a.txt"), "not allowed"),
    ],
)
def test_an_upload_that_is_no_picture_is_refused(client, image, told):
    """With the reason, and nothing is stored."""
    answer = client.post("/api/photos", {"title": "one", "image": image})

    assert told in " ".join(errors_of(answer)["image"])
    assert not Photo.objects.exists()


@pytest.mark.parametrize("sent", [{}, {"image": ""}, {"image": "photos/a.jpg"}])
def test_an_upload_that_is_missing_is_refused(client, sent):
    [error] = errors_of(client.post("/api/photos", {"title": "one", **sent}))

    assert error["loc"][-1] == "image"


@pytest.fixture
def document(client) -> Any:
    return client.get("/api/openapi.json").json()


def test_the_openapi_document_is_valid(document):
    openapi_spec_validator.validate(document)

    schemas = document["components"]["schemas"]
    assert schemas["PhotoIn"]["properties"]["ppoi"]["default"] == "0.5x0.5"
    assert schemas["PhotoOut"]["properties"]["ppoi"]["type"] == "string"
    body = document["paths"]["/api/photos"]["post"]["requestBody"]["content"]
    form = body["multipart/form-data"]["schema"]["properties"]
    assert form["image"]["format"] == "binary"
    assert form["ppoi"] == schemas["PhotoIn"]["properties"]["ppoi"]


@pytest.mark.parametrize("point", [(0.2, 0.8), (0, 1), (0.00001, 1e-300)])
def test_an_answer_is_as_the_document_says(client, document, photo, point):
    """Small numbers have an exponent in their text."""
    Photo.objects.update(ppoi=point)

    [answer] = client.get("/api/photos").json()

    # The whole document, because one schema refers to another.
    reference = {"$ref": "#/components/schemas/PhotoOut", "components": document["components"]}
    jsonschema.validate(answer, reference)
