"""Django REST framework: a model with our fields in a serializer of the project."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework import serializers

from renditions.serializers import VersatileImageFieldSerializer
from tests.app.models import Person
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
