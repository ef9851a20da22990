"""Django REST framework: a model with our fields in a serializer of the project."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import jsonschema
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.settings import spectacular_settings
from rest_framework import serializers
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ModelViewSet

from renditions.serializers import PPOISerializerField, VersatileImageFieldSerializer
from tests.app.models import Card, Person
from tests.conftest import four_corners

pytestmark = pytest.mark.django_db

CODES = ("required", "invalid_image", "empty", "null", "invalid", "max_length", "no_name")


class AllFields(serializers.ModelSerializer):
    class Meta:
        model = Person
        fields = "__all__"
        extra_kwargs = {"headshot": {"allow_null": True}}


class Sized(serializers.Serializer):
    image = VersatileImageFieldSerializer(sizes="hero")


class OwnMessages(serializers.Serializer):
    image = VersatileImageFieldSerializer(
        sizes="hero", max_length=12, error_messages={code: f"Own {code}." for code in CODES}
    )


def upload(content: bytes, name: str = "a.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def error_of(serializer: serializers.BaseSerializer, field: str) -> Any:
    assert not serializer.is_valid()
    [error] = serializer.errors[field]
    return error


def saved(serializer: serializers.BaseSerializer) -> Any:
    serializer.is_valid(raise_exception=True)
    return serializer.save()


def test_all_fields_are_uploaded_kept_and_cleared():
    """`fields = "__all__"`: a partial update keeps the picture, null clears it."""
    serializer = AllFields(data={"name": "Ada", "headshot": upload(four_corners(90, 60))})
    person = saved(serializer)
    assert serializer.data["headshot"] == "/media/people/a.jpg"
    Person.objects.update(headshot_ppoi="0.2x0.8")
    person = Person.objects.get()

    kept = saved(AllFields(person, data={"name": "Eve"}, partial=True))
    assert (kept.name, kept.headshot.name) == ("Eve", "people/a.jpg")
    assert AllFields(kept).data["headshot_ppoi"] == "0.2x0.8"

    saved(AllFields(kept, data={"headshot": None}, partial=True))
    cleared = Person.objects.get()
    assert not cleared.headshot
    assert AllFields(cleared).data["headshot"] is None
    assert str(cleared.headshot_ppoi) == "0.5x0.5"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({}, "required"),
        ({"image": None}, "null"),
        ({"image": "text"}, "invalid"),
        ({"image": upload(b"")}, "empty"),
        ({"image": upload(b"no picture")}, "invalid_image"),
        ({"image": upload(b"x", "longer-name.jpg")}, "max_length"),
    ],
)
def test_messages_of_the_project_hold(sent, code):
    """Each of them, in a serializer field of ours."""
    error = error_of(OwnMessages(data=sent), "image")

    assert (str(error), error.code) == (f"Own {code}.", code)


@pytest.mark.parametrize(("serializer", "field"), [(AllFields, "headshot"), (Sized, "image")])
def test_the_reason_and_the_accepted_formats_are_told(serializer, field, configure):
    """Those of FORMATS, and not all that Pillow knows."""
    configure(FORMATS=["JPEG", "PNG"])

    refused = error_of(serializer(data={field: upload(four_corners(9, 9, "BMP"))}), field)
    assert refused.code == "invalid_image"
    assert "Accepted formats: JPEG, PNG." in refused

    named = error_of(serializer(data={field: upload(four_corners(9, 9), "a.bmp")}), field)
    assert named.code == "invalid_extension"
    assert named.endswith("Allowed extensions are: jpg, jpeg, jpe, jfif, png, apng, mpo.")


# ---- the OpenAPI document -----------------------------------------------------------------------


class Portrait(serializers.ModelSerializer):
    """A picture, its focal point, and renditions: read only, and under the name of the upload."""

    sizes = VersatileImageFieldSerializer(sizes="headshot", source="headshot", read_only=True)
    headshot_ppoi = PPOISerializerField(required=False)

    class Meta:
        model = Person
        fields = "__all__"


class Poster(serializers.ModelSerializer):
    image = VersatileImageFieldSerializer(sizes="hero")
    back = VersatileImageFieldSerializer(sizes="hero", required=False)

    class Meta:
        model = Card
        fields = "__all__"


class Portraits(ModelViewSet):
    serializer_class = Portrait
    queryset = Person.objects.order_by("pk")
    parser_classes = [MultiPartParser, JSONParser]
    schema = AutoSchema()


class Posters(ModelViewSet):
    serializer_class = Poster
    queryset = Card.objects.order_by("pk")
    parser_classes = [MultiPartParser]
    schema = AutoSchema()


router = SimpleRouter()
router.register("portraits", Portraits)
router.register("posters", Posters)
urlpatterns = router.urls


@pytest.fixture(params=[False, True], ids=["one-schema", "split-request"])
def document(request, settings) -> Iterator[dict[str, Any]]:
    """The document that drf-spectacular makes; a warning or a fault in it is an error."""
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "drf_spectacular"]
    settings.ROOT_URLCONF = __name__
    spectacular_settings.apply_patches({"COMPONENT_SPLIT_REQUEST": request.param})
    text = StringIO()
    try:
        call_command(
            "spectacular", format="openapi-json", validate=True, fail_on_warn=True, stdout=text
        )
        yield json.loads(text.getvalue())
    finally:
        spectacular_settings.clear_patches()


def test_the_openapi_document_is_valid(document):
    """With a picture, a focal point and renditions, for a JSON request and for an upload."""
    assert set(document["paths"]) >= {"/portraits/", "/portraits/{id}/", "/posters/"}
    portrait = document["components"]["schemas"]["Portrait"]["properties"]
    assert portrait["headshot"]["format"] == "uri"
    assert "pattern" in portrait["headshot_ppoi"]
    assert list(portrait["sizes"]["properties"])[:2] == ["full", "large"]


@pytest.mark.parametrize("point", [(0.2, 0.8), (0, 1), (0.00001, 1e-300)])
def test_an_answer_is_as_the_document_says(document, client, picture, point):
    """Small numbers have an exponent in their text."""
    Person.objects.create(headshot=picture(), headshot_ppoi=point)
    portrait = document["components"]["schemas"]["Portrait"]

    [answer] = client.get("/portraits/").json()

    jsonschema.validate(answer, portrait)
    assert answer["sizes"]["full"].startswith("http://testserver/media/people/")
