import jsonschema
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.urls import path
from rest_framework import serializers
from rest_framework.generics import ListAPIView, ListCreateAPIView
from rest_framework.test import APIRequestFactory

from renditions.compat.utils import (
    build_versatileimagefield_url_set,
    get_rendition_key_set,
    get_url_from_image_key,
    validate_versatileimagefield_sizekey_list,
)
from renditions.image_warmer import VersatileImageFieldWarmer
from renditions.planning.keys import InvalidSizeKey, InvalidSizeKeySet
from renditions.serializers import ResponsivePictureField, VersatileImageFieldSerializer
from tests.app.models import Card, Story

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
    note = VersatileImageFieldSerializer(sizes="hero", help_text="A note.", read_only=True)

    class Meta:
        model = Card
        fields = ("title", "image", "back", "note")


def test_a_picture_is_read_as_urls_by_name(card):
    """They have the order of the key set."""
    data = CardSerializer(card).data

    assert list(data["image"].items()) == list(URLS.items())


def test_urls_are_absolute_if_there_is_a_request(card):
    request = APIRequestFactory().get("/api/")

    data = CardSerializer(card, context={"request": request}).data

    assert data["image"]["full"] == "http://testserver/media/cards/a.jpg"


def test_an_empty_picture_gives_its_placeholder_or_an_empty_object(card):
    data = CardSerializer(card).data

    assert data["note"] == {}
    assert data["back"] == {
        "hero": "/media/__sized__/__placeholder__/placeholder-thumbnail-100x100.png"
    }


def test_an_upload_is_saved(picture):
    """One serializer can read and write."""
    serializer = CardSerializer(data={"title": "two", "image": picture("b.jpg")})

    assert serializer.is_valid(), serializer.errors
    assert serializer.save().image.name == "cards/b.jpg"
    assert serializer.data["image"]["full"] == "/media/cards/b.jpg"
    assert Card.objects.get().width == 320


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({}, "required"),
        ({"image": "x"}, "invalid"),
        ({"image": ContentFile(b"no picture", "a.jpg")}, "invalid_image"),
        ({"image": ContentFile(b"%!PS-Adobe-3.0 EPSF-3.0\n", "a.jpg")}, "invalid_image"),
        ({"image": ContentFile(b"", "a.jpg")}, "empty"),
        ({"image": ContentFile(b"x", "long-name.jpg")}, "max_length"),
    ],
)
def test_a_value_that_is_no_upload_is_refused(sent, code):
    """The code is the one of Django REST framework's ImageField."""

    class Short(CardSerializer):
        image = VersatileImageFieldSerializer(sizes=PAIRS, max_length=8)

    serializer = Short(data={"title": "two", **sent})

    assert not serializer.is_valid()
    assert [error.code for error in serializer.errors["image"]] == [code]


def test_the_field_is_an_image_field():
    """It accepts the arguments of Django REST framework's ImageField."""
    field = VersatileImageFieldSerializer(
        sizes="hero", required=False, allow_empty_file=True, use_url=False, write_only=True
    )

    assert isinstance(field, serializers.ImageField)
    assert (field.read_only, field.write_only, field.required) == (False, True, False)


def test_the_field_may_be_read_only(card, picture):
    sent = {"title": "two", "image": picture("b.jpg"), "note": picture("c.jpg")}
    serializer = CardSerializer(card, data=sent)

    assert serializer.is_valid(), serializer.errors
    assert "note" not in serializer.validated_data


def test_a_subclass_of_the_old_package_works(card):
    """It reads `sizes` as pairs and overrides `to_native`."""

    class Counted(VersatileImageFieldSerializer):
        def to_native(self, value):
            return super().to_native(value) | {"count": len(self.sizes)}

    assert Counted("hero").sizes == [("hero", "thumbnail__100x100")]
    assert Counted(iter(PAIRS)).sizes[0] == ("full", "url")
    assert Counted(PAIRS).to_representation(card.image)["count"] == 4


@pytest.mark.parametrize(
    ("sizes", "error"),
    [
        ("nope", ImproperlyConfigured),
        ([("a", "crop")], InvalidSizeKey),
        (("a", "crop__1x1"), InvalidSizeKeySet),
    ],
)
def test_a_wrong_key_set_is_found_at_import(sizes, error):
    with pytest.raises(error):
        VersatileImageFieldSerializer(sizes=sizes)


def test_a_serializer_may_be_imported_before_the_sizers_are_registered(monkeypatch):
    """An app can import it in its own `ready`."""
    monkeypatch.setattr("renditions.serializers.apps.ready", False)

    field = VersatileImageFieldSerializer(sizes=[("a", "later__1x1")])

    with pytest.raises(InvalidSizeKey, match="later"):
        field.key_set()


def test_a_named_key_set_is_read_when_it_is_used(card, configure):
    configure(KEY_SETS={"hero": [("other", "url")]})

    assert list(CardSerializer(card).data["back"]) == ["other"]


def test_the_old_functions_return_the_same(card):
    assert build_versatileimagefield_url_set(card.image, PAIRS) == URLS
    request = APIRequestFactory().get("/")
    absolute = build_versatileimagefield_url_set(card.image, PAIRS, request=request)
    assert absolute["full"] == "http://testserver/media/cards/a.jpg"
    assert build_versatileimagefield_url_set(card.note, PAIRS) == {}
    for name, key in PAIRS:
        assert get_url_from_image_key(card.image, key) == URLS[name]


def test_the_old_functions_keep_the_order(configure):
    """The old package lost it."""
    pairs = [(f"n{number}", f"thumbnail__{number}x9") for number in range(1, 30)]
    configure(KEY_SETS={"many": pairs})

    assert validate_versatileimagefield_sizekey_list(pairs) == pairs
    assert get_rendition_key_set("many") == pairs


class StorySerializer(serializers.ModelSerializer):
    lead = ResponsivePictureField("lead")

    class Meta:
        model = Story
        fields = ["lead"]


class StoryList(ListAPIView):
    queryset = Story.objects.all()
    serializer_class = StorySerializer


class CardList(ListCreateAPIView):
    serializer_class = CardSerializer
    queryset = Card.objects.all()
    permission_classes = ()
    authentication_classes = ()


urlpatterns = [path("cards/", CardList.as_view())]


def test_the_browsable_api_shows_urls_and_asks_for_files(card, client, settings):
    settings.ROOT_URLCONF = __name__

    page = client.get("/cards/", HTTP_ACCEPT="text/html").content.decode()

    assert "http://testserver/media/cards/a.jpg" in page
    assert 'name="title"' in page
    assert page.count('type="file"') == 2
    assert 'name="note"' not in page


def schemas_of_cards(view_class=CardList):
    """Return the schemas of a list, by name."""
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.openapi import AutoSchema

    view = type("View", (view_class,), {"schema": AutoSchema()})
    schema = SchemaGenerator(patterns=[path("cards/", view.as_view())]).get_schema(public=True)
    return schema["components"]["schemas"]


@pytest.fixture
def spectacular(settings):
    """Install drf-spectacular and return its settings; both are restored after the test."""
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "drf_spectacular"]
    settings.REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
    from drf_spectacular.settings import spectacular_settings

    yield spectacular_settings
    spectacular_settings.clear_patches()


@pytest.mark.usefixtures("spectacular")
def test_the_schema_names_every_url():
    """It is an object with the names of the key set."""
    card = schemas_of_cards()["Card"]["properties"]

    assert (card["image"]["type"], card["image"]["additionalProperties"]) == ("object", False)
    assert list(card["image"]["properties"]) == ["full", "crop", "small", "inv"]
    assert card["image"]["properties"]["full"]["format"] == "uri"
    assert card["image"]["properties"]["small"]["description"] == "crop__60x30"
    assert card["note"]["readOnly"] is True
    assert card["note"]["description"] == "A note."


@pytest.mark.usefixtures("spectacular")
def test_the_schema_of_a_responsive_picture_is_that_of_its_answers(picture):
    """Each answer is valid by it, whether the facts are known or not."""
    story = Story.objects.create(lead=picture("a.jpg", 100, 80))

    schema = schemas_of_cards(StoryList)["Story"]["properties"]["lead"]

    assert schema["readOnly"]
    for _ in range(2):
        answer = StorySerializer(story).data["lead"]
        assert set(answer) == set(schema["required"]) == set(schema["properties"])
        jsonschema.validate(answer, _without_null(schema))
        list(VersatileImageFieldWarmer(story, "lead", "lead").reports())


def _without_null(schema):
    """Return the schema with null as a type, because `nullable` is of OpenAPI 3.0 only."""
    if isinstance(schema, dict):
        known = {name: _without_null(value) for name, value in schema.items()}
        return {"anyOf": [known, {"type": "null"}]} if known.pop("nullable", False) else known
    return schema


def test_the_schema_of_a_request_asks_for_a_file(spectacular):
    """This needs COMPONENT_SPLIT_REQUEST."""
    spectacular.apply_patches({"COMPONENT_SPLIT_REQUEST": True})

    schemas = schemas_of_cards()

    assert schemas["CardRequest"]["properties"]["image"] == {"type": "string", "format": "binary"}
    assert "note" not in schemas["CardRequest"]["properties"]
    assert "full" in schemas["Card"]["properties"]["image"]["properties"]
