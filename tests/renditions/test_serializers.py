import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import path
from rest_framework import serializers
from rest_framework.generics import ListCreateAPIView
from rest_framework.test import APIRequestFactory

from renditions.keys import InvalidSizeKey, InvalidSizeKeySet
from renditions.serializers import VersatileImageFieldSerializer
from renditions.utils import (
    build_versatileimagefield_url_set,
    get_rendition_key_set,
    get_url_from_image_key,
    validate_versatileimagefield_sizekey_list,
)
from tests.app.models import Card

pytestmark = pytest.mark.django_db

PAIRS = [["full", "url"], ["crop", "crop__60x30"], ["small", "60x30"],
         ["inv", "filters__invert__thumbnail__9x9"]]  # fmt: skip
URLS = {
    "full": "/media/cards/a.jpg",
    "crop": "/media/__sized__/cards/a-crop-c0-5__0-5-60x30-70.jpg",
    "small": "/media/__sized__/cards/a-crop-c0-5__0-5-60x30-70.jpg",
    "inv": "/media/__sized__/cards/__filtered__/a__invert__-thumbnail-9x9-70.jpg",
}


class CardSerializer(serializers.ModelSerializer):
    image = VersatileImageFieldSerializer(sizes=PAIRS)
    back = VersatileImageFieldSerializer(sizes="hero", required=False)
    note = VersatileImageFieldSerializer(sizes="hero", help_text="A note.")

    class Meta:
        model = Card
        fields = ("title", "image", "back", "note")


def test_a_picture_is_its_urls_by_name(card):
    """In the order of the set."""
    data = CardSerializer(card).data

    assert list(data["image"].items()) == list(URLS.items())


def test_urls_are_absolute_where_there_is_a_request(card):
    """As clients want them."""
    request = APIRequestFactory().get("/api/")

    data = CardSerializer(card, context={"request": request}).data

    assert data["image"]["full"] == "http://testserver/media/cards/a.jpg"


def test_a_blank_picture_is_its_placeholder_or_nothing(card):
    """No exception, no null."""
    data = CardSerializer(card).data

    assert data["note"] == {}
    assert data["back"] == {
        "hero": "/media/__sized__/__placeholder__/placeholder-thumbnail-100x100.png"
    }


def test_it_cannot_be_written(card):
    """What a client sends is not looked at."""
    serializer = CardSerializer(card, data={"title": "two", "image": "x", "note": {"a": 1}})

    assert serializer.is_valid(), serializer.errors
    assert "image" not in serializer.validated_data


@pytest.mark.parametrize(
    ("sizes", "error"),
    [
        ("nope", ImproperlyConfigured),
        ([("a", "crop")], InvalidSizeKey),
        (("a", "crop__1x1"), InvalidSizeKeySet),
    ],
)
def test_a_wrong_set_is_found_when_the_serializer_is_written(sizes, error):
    """Not when the first picture is shown."""
    with pytest.raises(error):
        VersatileImageFieldSerializer(sizes=sizes)


def test_a_serializer_may_be_imported_before_the_projects_sizers(monkeypatch):
    """An app that is ready before this one may do so."""
    monkeypatch.setattr("renditions.serializers.apps.ready", False)

    field = VersatileImageFieldSerializer(sizes=[("a", "later__1x1")])

    with pytest.raises(InvalidSizeKey, match="later"):
        field.key_set()


def test_a_set_is_read_when_it_is_used(card, settings):
    """By its name."""
    settings.VERSATILEIMAGEFIELD_RENDITION_KEY_SETS = {"hero": [("other", "url")]}

    assert list(CardSerializer(card).data["back"]) == ["other"]


def test_the_old_functions_say_the_same(card):
    """For those who call them."""
    assert build_versatileimagefield_url_set(card.image, PAIRS) == URLS
    request = APIRequestFactory().get("/")
    absolute = build_versatileimagefield_url_set(card.image, PAIRS, request=request)
    assert absolute["full"] == "http://testserver/media/cards/a.jpg"
    assert build_versatileimagefield_url_set(card.note, PAIRS) == {}
    for name, key in PAIRS:
        assert get_url_from_image_key(card.image, key) == URLS[name]


def test_the_old_functions_keep_the_order(settings):
    """Which they lost."""
    pairs = [(f"n{number}", f"thumbnail__{number}x9") for number in range(1, 30)]
    settings.VERSATILEIMAGEFIELD_RENDITION_KEY_SETS = {"many": pairs}

    assert validate_versatileimagefield_sizekey_list(pairs) == pairs
    assert get_rendition_key_set("many") == pairs


class CardList(ListCreateAPIView):
    serializer_class = CardSerializer
    queryset = Card.objects.all()
    permission_classes = ()
    authentication_classes = ()


urlpatterns = [path("cards/", CardList.as_view())]


def test_the_browsable_api_shows_urls_and_asks_for_no_file(card, client, settings):
    """What cannot be written has no input."""
    settings.ROOT_URLCONF = __name__

    page = client.get("/cards/", HTTP_ACCEPT="text/html").content.decode()

    assert "http://testserver/media/cards/a.jpg" in page
    assert 'name="title"' in page
    assert 'name="image"' not in page
    assert 'type="file"' not in page


def test_the_schema_names_every_url(settings):
    """As an object that is read, in the order of the set."""
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "drf_spectacular"]
    settings.REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.openapi import AutoSchema

    view = type("View", (CardList,), {"schema": AutoSchema()})
    schema = SchemaGenerator(patterns=[path("cards/", view.as_view())]).get_schema(public=True)

    image = schema["components"]["schemas"]["Card"]["properties"]["image"]
    assert image["readOnly"] is True
    assert (image["type"], image["additionalProperties"]) == ("object", False)
    assert list(image["properties"]) == ["full", "crop", "small", "inv"]
    assert image["properties"]["full"]["format"] == "uri"
    assert image["properties"]["small"]["description"] == "crop__60x30"
    note = schema["components"]["schemas"]["Card"]["properties"]["note"]
    assert note["description"] == "A note."
