"""strawberry-graphql-django makes GraphQL types from models.

The schema is the example of the page "Works with".
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.conftest import four_corners
from workers.models import WarmJob
from workers.testing import work_owed

from .models import Photo
from .urls import example

pytestmark = pytest.mark.django_db

ANSWER = """
    __typename
    ... on PhotoType { id ppoi image { url width height } renditions { name url } }
    ... on OperationInfo { messages { field code message } }
"""
ADD = f"mutation ($data: PhotoInput!) {{ add(data: $data) {{ {ANSWER} }} }}"
CHANGE = f"mutation ($data: PhotoChange!) {{ change(data: $data) {{ {ANSWER} }} }}"
WRONG_POINTS = ["junk", "", "2x2", "nanx0.5", 7, True, [1], [0.5, "x"], {"x": 1}]


def upload(content: bytes | None = None, name: str = "a.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, four_corners(100, 50) if content is None else content)


@pytest.fixture
def asked(client) -> Callable[..., Any]:
    """Return a function that sends a query, and returns the whole answer."""

    def ask(query: str, url: str = "/graphql/", **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        answer = client.post(url, body, content_type="application/json")
        assert answer.status_code == 200, answer.content
        return answer.json()

    return ask


@pytest.fixture
def uploaded(client) -> Callable[..., Any]:
    """Return a function that sends a mutation and a file as the variable `data.image`."""

    def send(query: str, file: SimpleUploadedFile, **data: Any) -> Any:
        variables = {"data": {**data, "image": None}}
        body = {
            "operations": json.dumps({"query": query, "variables": variables}),
            "map": json.dumps({"0": ["variables.data.image"]}),
            "0": file,
        }
        answer = client.post("/graphql/", body)
        assert answer.status_code == 200, answer.content
        return answer.json()

    return send


@pytest.fixture
def photo(picture) -> Photo:
    photo = Photo.objects.create(title="one", image=picture("a.jpg"), ppoi=(0.2, 0.8))
    work_owed()
    return photo


# ---- queries ------------------------------------------------------------------------------------


def test_the_types_are_those_of_an_image_field_and_a_scalar():
    text = str(example.schema)

    assert "image: DjangoImageType!\n  ppoi: FocalPoint!\n" in text
    assert "image: Upload\n  ppoi: FocalPoint\n" in text


def test_a_query_has_the_picture_its_point_and_its_renditions(asked, photo):
    [answer] = asked("{ photos { ppoi image { name url width height } renditions { name url } } }")[
        "data"
    ]["photos"]

    assert answer["ppoi"] == "0.2x0.8"
    assert answer["image"] == {
        "name": "photos/a.jpg",
        "url": "/media/photos/a.jpg",
        "width": 320,
        "height": 200,
    }
    assert answer["renditions"][:2] == [
        {"name": "full", "url": "/media/photos/a.jpg"},
        {"name": "large", "url": "/media/__sized__/photos/a-crop-c0-2__0-8-120x60-70.jpg"},
    ]


def test_the_optimizer_needs_one_query(asked, picture):
    for name in ("a.jpg", "b.jpg"):
        Photo.objects.create(title=name, image=picture(name))

    with CaptureQueriesContext(connection) as queries:
        answer = asked("{ photos { renditions { url } } }")

    assert len(answer["data"]["photos"]) == 2
    assert len(queries) == 1


def test_an_empty_picture_is_null_where_the_type_allows_it(asked):
    Photo.objects.create(title="none")

    assert asked("{ drafts { image { url } } }", "/drafts/")["data"]["drafts"] == [{"image": None}]


def test_photos_are_found_by_their_point(asked, photo):
    Photo.objects.create(title="centre")
    query = "query ($at: FocalPoint) { drafts(filters: {ppoi: $at}) { title } }"

    found = asked(query, "/drafts/", at="0.2x0.8")["data"]["drafts"]

    assert found == [{"title": "one"}]


# ---- mutations ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "point"), [({"ppoi": "0.2x0.8"}, (0.2, 0.8)), ({}, (0.5, 0.5))])
def test_an_upload_is_saved_and_warmed(uploaded, sent, point):
    """With its focal point, or with the default."""
    answer = uploaded(ADD, upload(), title="one", **sent)

    assert "errors" not in answer
    assert answer["data"]["add"]["image"] == {
        "url": "/media/photos/a.jpg",
        "width": 100,
        "height": 50,
    }
    photo = Photo.objects.get()
    assert (photo.image.name, photo.ppoi) == ("photos/a.jpg", point)
    assert work_owed() == 1
    urls = {each["url"] for each in answer["data"]["add"]["renditions"]}
    assert {photo.image.storage.url(plan.path) for plan in photo.image.plans()} < urls


def test_another_picture_is_uploaded(uploaded, photo):
    """It starts with the focal point that the row has."""
    answer = uploaded(CHANGE, upload(name="b.jpg"), id=photo.pk)

    assert answer["data"]["change"]["image"]["url"] == "/media/photos/b.jpg"
    assert Photo.objects.get().title == "one"
    assert work_owed() == 1


def test_a_picture_is_cleared(asked, photo):
    """The answer asks for no picture, because its type does not allow null."""
    query = "mutation ($data: PhotoChange!) { change(data: $data) { __typename } }"
    answer = asked(query, data={"id": photo.pk, "image": None})

    assert answer["data"]["change"] == {"__typename": "PhotoType"}
    assert not Photo.objects.get().image
    assert Photo.objects.get().ppoi == (0.5, 0.5)


@pytest.mark.parametrize("point", ["0.9x0.1", [0.9, 0.1]])
def test_a_point_is_moved_and_its_crops_are_made(asked, photo, point):
    """As a text, or as two numbers."""
    answer = asked(CHANGE, data={"id": photo.pk, "ppoi": point})["data"]["change"]

    assert answer["ppoi"] == "0.9x0.1"
    assert "c0-9__0-1" in answer["renditions"][1]["url"]
    assert Photo.objects.get().ppoi == (0.9, 0.1)
    assert work_owed() == 1


def test_a_point_of_null_is_the_centre(asked, photo):
    asked(CHANGE, data={"id": photo.pk, "ppoi": None})

    assert Photo.objects.get().ppoi == (0.5, 0.5)


@pytest.mark.parametrize("point", WRONG_POINTS)
def test_a_wrong_point_in_a_variable_is_an_error_that_names_it(asked, photo, point):
    [error] = asked(CHANGE, data={"id": photo.pk, "ppoi": point})["errors"]

    assert ".ppoi" in error["message"]
    assert "is not a focal point. Give two numbers from 0 to 1" in error["message"]
    assert Photo.objects.get().ppoi == (0.2, 0.8)
    assert not WarmJob.objects.exists()


@pytest.mark.parametrize("point", ['"junk"', "7", "[1]", "{x: 1}", "junk"])
def test_a_wrong_point_in_a_mutation_is_an_error(asked, photo, point):
    """It is found before the mutation runs, with its place in the text."""
    query = f"mutation {{ change(data: {{id: {photo.pk}, ppoi: {point}}}) {{ __typename }} }}"

    [error] = asked(query)["errors"]

    assert "is not a focal point. Give two numbers from 0 to 1" in error["message"]
    assert error["locations"]
    assert Photo.objects.get().ppoi == (0.2, 0.8)


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (upload(b"no picture"), "invalid_image"),
        (upload(b""), "empty"),
        (upload(four_corners(9, 9, "BMP")), "invalid_image"),
        (upload(name="a.bmp"), "invalid_extension"),
    ],
)
@pytest.mark.parametrize("mutation", [ADD, CHANGE], ids=["add", "change"])
def test_an_upload_that_is_no_picture_is_an_error_of_its_field(
    uploaded, photo, mutation, file, code
):
    """With the reason, and nothing is stored."""
    file.seek(0)
    target = {"id": photo.pk} if mutation is CHANGE else {"title": "two"}

    [answer] = uploaded(mutation, file, **target)["data"].values()

    [message] = answer["messages"]
    assert (message["field"], message["code"]) == ("image", code)
    assert Photo.objects.get().image.name == "photos/a.jpg"
    assert not WarmJob.objects.exists()


def test_a_responsive_picture_is_a_type(asked, client, picture):
    """Its files are by content type, and it costs no query beyond that of its row."""
    Photo.objects.create(title="one", image=picture("a.jpg", 100, 50), ppoi=(0.2, 0.8))

    with CaptureQueriesContext(connection) as queries:
        answer = asked(
            "{ photos { picture { src srcset sizes width height ready placeholder { color } } } }"
        )

    assert len(queries) == 1
    [photo] = answer["data"]["photos"]
    assert list(photo["picture"]["srcset"]) == ["image/webp", "image/jpeg"]
    assert photo["picture"]["src"].endswith("a-crop-down-c0-2__0-8-80x40-70.jpg")
    assert (photo["picture"]["width"], photo["picture"]["placeholder"]) == (160, None)
    assert photo["picture"]["ready"] is False
