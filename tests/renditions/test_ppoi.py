"""The focal point is a value: its text is `0.2x0.8`, and it equals its tuple."""

import copy
import json
import pickle

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.template import Context, Template
from rest_framework import serializers

from renditions.forms import PPOIFormField
from renditions.ppoi import PPOI, parse_ppoi
from renditions.serializers import PPOISerializerField
from tests.app.models import Person

POINT = PPOI((0.2, 0.8))


def test_a_focal_point_is_its_tuple_and_its_text():
    """Wherever a text is wanted it is the text of the database."""
    assert POINT == (0.2, 0.8)
    assert hash(POINT) == hash((0.2, 0.8))
    assert str(POINT) == f"{POINT}" == "0.2x0.8"
    assert f"{POINT:>9}" == "  0.2x0.8"
    assert Template("{{ point }}").render(Context({"point": POINT})) == "0.2x0.8"
    assert tuple(POINT) == (0.2, 0.8)


def pickled(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickled])
def test_a_focal_point_can_be_copied_and_pickled(again):
    """It stays what it is."""
    assert again(POINT) == POINT
    assert str(again(POINT)) == "0.2x0.8"


def test_every_reader_takes_the_text_back():
    """Text, tuple and value give one point."""
    assert parse_ppoi(str(POINT)) == parse_ppoi(tuple(POINT)) == parse_ppoi(POINT) == POINT
    assert isinstance(parse_ppoi("0.2x0.8"), PPOI)


@pytest.mark.django_db
def test_an_instance_gives_the_value(picture):
    """Before a save, after it, and loaded; JSON shows the two numbers."""
    person = Person(headshot=picture(), headshot_ppoi="0.2x0.8")
    assert str(person.headshot_ppoi) == str(person.headshot.ppoi) == "0.2x0.8"
    person.save()

    loaded = Person.objects.get()

    assert str(loaded.headshot_ppoi) == "0.2x0.8"
    assert json.loads(json.dumps(loaded.headshot_ppoi)) == [0.2, 0.8]


class PersonForm(forms.Form):
    point = PPOIFormField(required=False)


def test_a_form_field_reads_a_focal_point():
    """And shows the text of the one that there is."""
    form = PersonForm({"point": "0.2x0.8"})
    assert form.is_valid()
    assert form.cleaned_data["point"] == POINT
    assert PersonForm({"point": ""}).is_valid()
    assert PersonForm({"point": "junk"}).errors.as_data()["point"][0].code == "invalid_ppoi"
    assert 'value="0.2x0.8"' in str(PersonForm(initial={"point": POINT})["point"])


def test_the_model_field_gives_that_form_field():
    """For a project that edits the point in a field of its own."""
    assert isinstance(Person._meta.get_field("headshot_ppoi").formfield(), PPOIFormField)


class AllFields(serializers.ModelSerializer):
    class Meta:
        model = Person
        fields = "__all__"


class Writable(serializers.ModelSerializer):
    class Meta:
        model = Person
        fields = ["name", "headshot_ppoi"]
        extra_kwargs = {"headshot_ppoi": {"read_only": False, "required": False}}


@pytest.mark.django_db
def test_a_model_serializer_of_all_fields_shows_the_text(picture):
    """`fields = "__all__"` needs no field of ours."""
    person = Person.objects.create(headshot=picture(), headshot_ppoi=(0.2, 0.8))

    assert AllFields(person).data["headshot_ppoi"] == "0.2x0.8"
    assert isinstance(Writable().fields["headshot_ppoi"], PPOISerializerField)


@pytest.mark.django_db
@pytest.mark.parametrize("value", ["0.25x0.75", [0.25, 0.75]])
def test_a_writable_focal_point_is_written(picture, value):
    """As text, or as two numbers."""
    person = Person.objects.create(headshot=picture())
    serializer = Writable(person, data={"name": "Ada", "headshot_ppoi": value})
    assert serializer.is_valid(), serializer.errors
    assert serializer.save().headshot_ppoi == (0.25, 0.75)


@pytest.mark.django_db
@pytest.mark.parametrize("value", ["junk", "2x2", [1], {"x": 1}, 7, True])
def test_a_wrong_focal_point_is_an_error_of_the_client(value):
    """400, and not 500."""
    serializer = Writable(data={"name": "Ada", "headshot_ppoi": value})

    assert not serializer.is_valid()
    assert serializer.errors["headshot_ppoi"][0].code == "invalid_ppoi"


def test_an_assignment_of_anything_else_is_refused():
    """With the code that old code looks for."""
    with pytest.raises(ValidationError) as caught:
        Person(headshot_ppoi="junk")
    assert caught.value.code == "invalid_ppoi"
