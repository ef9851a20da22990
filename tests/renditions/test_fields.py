import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.state import ModelState, ProjectState

from renditions.fields import PPOIField, VersatileImageField
from renditions.placeholder import OnDiscPlaceholderImage
from tests.app.models import Card, Person


def test_a_migration_holds_what_is_stored():
    """How a picture is served changes no table, and needs no migration."""
    field = VersatileImageField(
        upload_to="x", ppoi_field="p", warm="hero", placeholder_image=OnDiscPlaceholderImage("/a")
    )

    _, path, args, kwargs = field.deconstruct()

    assert (path, args, kwargs) == (
        "renditions.fields.VersatileImageField",
        [],
        {"upload_to": "x"},
    )


@pytest.mark.parametrize("default", [(0, 1), "0.0x1.0", (0.0, 1.0)])
def test_a_focal_point_has_one_default(default):
    """However it is written."""
    _, path, _, kwargs = PPOIField(default=default).deconstruct()

    assert path == "renditions.fields.PPOIField"
    assert kwargs == {"default": "0.0x1.0", "editable": False, "max_length": 20}


def test_no_migration_is_proposed_for_what_is_there():
    """Cloned and rebuilt, a field is what it was."""
    state = ProjectState()
    state.add_model(ModelState.from_model(Card))

    detector = MigrationAutodetector(state, state.clone())

    assert detector.changes(graph=type("Graph", (), {"leaf_nodes": lambda self: []})()) == {}


def test_one_set_or_several_can_be_declared():
    """As text or as a list."""
    assert VersatileImageField(warm="hero").warm == ("hero",)
    assert VersatileImageField(warm=["hero", "headshot"]).warm == ("hero", "headshot")
    assert VersatileImageField().warm == ()


def test_declared_sets_are_one_set(monkeypatch):
    """Each key once."""
    field = Person._meta.get_field("headshot")
    monkeypatch.setattr(field, "warm", ("headshot", "hero", "headshot"))

    keys = [str(key) for key in field.declared_key_set().keys]

    assert keys[-1] == "thumbnail__100x100"
    assert len(keys) == len(set(keys)) == 7


@pytest.mark.django_db
def test_a_row_whose_file_is_lost_can_be_loaded_and_saved(card):
    """Even where its sides are not known yet."""
    default_storage.delete("cards/a.jpg")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE app_card SET width = NULL, height = NULL")

    found = Card.objects.get()
    found.title = "two"
    found.save()

    assert (found.title, found.width) == ("two", None)


@pytest.mark.django_db
def test_an_upload_that_is_no_picture_can_be_saved():
    """A form refuses it; code that doesn't ask has it without sides."""
    card = Card.objects.create(image=ContentFile(b"no picture", "a.jpg"))

    assert (card.width, card.height) == (None, None)


@pytest.mark.django_db
def test_a_blank_picture_may_be_null(card):
    """Assigned or loaded."""
    card.back = None
    card.save()

    assert not Card.objects.get().back


def test_a_field_names_itself():
    """In records, checks and commands."""
    assert Person._meta.get_field("headshot").label == "app.Person.headshot"


def test_a_picture_is_an_image_field():
    """For everything that knows Django's own."""
    assert issubclass(VersatileImageField, models.ImageField)
