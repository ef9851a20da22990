import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage, default_storage
from django.db import connection, models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.state import ModelState, ProjectState

from renditions.engine.warming import warm
from renditions.fields import PPOIField, VersatileImageField
from renditions.placeholder import OnDiscPlaceholderImage
from tests.app.models import Card, Person


def test_a_migration_holds_what_is_stored():
    """A migration names what changes the table, and not how a picture is served."""
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
    """The default is stored as the same text, however it was written."""
    _, path, _, kwargs = PPOIField(default=default).deconstruct()

    assert path == "renditions.fields.PPOIField"
    assert kwargs == {"default": "0.0x1.0", "editable": False, "max_length": 20}


def test_makemigrations_proposes_nothing():
    state = ProjectState()
    state.add_model(ModelState.from_model(Card))

    detector = MigrationAutodetector(state, state.clone())

    assert detector.changes(graph=type("Graph", (), {"leaf_nodes": lambda self: []})()) == {}


def test_one_set_or_several_can_be_declared():
    """`warm` takes one name or a list of names."""
    assert VersatileImageField(warm="hero").warm == ("hero",)
    assert VersatileImageField(warm=["hero", "headshot"]).warm == ("hero", "headshot")
    assert VersatileImageField().warm == ()


def test_declared_sets_are_one_set(monkeypatch):
    """A key that several declared sets share is listed once."""
    field = Person._meta.get_field("headshot")
    monkeypatch.setattr(field, "warm", ("headshot", "hero", "headshot"))

    keys = [str(key) for key in field.declared_key_set().keys]

    assert keys[-1] == "thumbnail__100x100"
    assert len(keys) == len(set(keys)) == 7


@pytest.mark.django_db
def test_a_row_whose_file_is_lost_can_be_loaded_and_saved(card):
    """A lost file breaks no save, even if the sides of the picture are not stored yet."""
    default_storage.delete("cards/a.jpg")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE app_card SET width = NULL, height = NULL")

    found = Card.objects.get()
    found.title = "two"
    found.save()

    assert (found.title, found.width) == ("two", None)


@pytest.mark.django_db
def test_code_can_save_a_file_that_is_not_a_picture():
    """A form refuses it; code that does not validate gets a row without sides."""
    card = Card.objects.create(image=ContentFile(b"no picture", "a.jpg"))

    assert (card.width, card.height) == (None, None)


@pytest.mark.django_db
def test_a_blank_picture_may_be_null(card):
    """None reads as an empty picture."""
    card.back = None
    card.save()

    assert not Card.objects.get().back


def test_a_field_names_itself():
    assert Person._meta.get_field("headshot").label == "app.Person.headshot"


def test_a_picture_is_an_image_field():
    """Code that looks for Django's ImageField finds the field."""
    assert issubclass(VersatileImageField, models.ImageField)


@pytest.mark.django_db
@pytest.mark.parametrize("names", [("a", "a.jpg"), ("a.jpg", "a")])
def test_an_upload_whose_renditions_would_collide_gets_another_name(picture, names):
    """`a` and `a.jpg` have the same rendition paths, so the second upload is renamed."""
    first, second = (Person.objects.create(headshot=_named(picture, name)) for name in names)

    assert first.headshot.name == f"people/{names[0]}"
    paths = [{plan.path for plan in person.headshot.plans()} for person in (first, second)]
    assert not paths[0] & paths[1]


@pytest.mark.parametrize("stem", ["x" * 250, "\u7530" * 84, "\U0001f4f7" * 60])
@pytest.mark.django_db
def test_all_renditions_of_a_long_name_fit_the_file_system(picture, stem, settings):
    """The limit counts bytes, and some letters have four."""
    person = Person(headshot=_named(picture, f"{stem}.jpg"))
    person.save()

    assert person.headshot.name.endswith(".jpg")
    assert not warm(person.headshot.storages, person.headshot.plans()).failures


def _named(picture, name):
    content = picture()
    content.name = name
    return content


class Remote(InMemoryStorage):
    """Notes each name that is asked for."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def exists(self, name):
        self.asked.append(name)
        return super().exists(name)


@pytest.mark.django_db
def test_a_save_on_a_remote_storage_asks_no_more_than_djangos_own_field(picture, field_storage):
    storage = field_storage("note", Remote())

    Card.objects.create(note=picture("one.jpg"))

    assert storage.asked == ["cards/one.jpg"]


@pytest.mark.django_db
def test_a_picture_without_an_extension_is_kept_apart_on_a_remote_storage(picture, field_storage):
    field_storage("note", Remote())
    first = Card.objects.create(note=picture("one.jpg"))
    second = Card.objects.create(note=picture("one"))

    assert second.note.name != "cards/one"
    assert first.note.crop["9x9"].name != second.note.crop["9x9"].name
