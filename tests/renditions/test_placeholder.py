import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from renditions.placeholder import (
    OnDiscPlaceholderImage,
    OnStoragePlaceholderImage,
    PlaceholderImage,
)
from tests.app.models import Card
from tests.conftest import four_corners

from .conftest import opened

pytestmark = pytest.mark.django_db

DISC = "__placeholder__/placeholder.png"
STORAGE = "__placeholder__/stamps/none.png"


@pytest.fixture
def stamp():
    """The original of the placeholder that is on a storage."""
    default_storage.save("stamps/none.png", ContentFile(four_corners(30, 30, "PNG")))


@pytest.mark.parametrize(
    ("access", "url"),
    [
        (lambda c: c.back.url, f"/media/{DISC}"),
        (
            lambda c: c.back.crop["9x9"].url,
            "/media/__sized__/__placeholder__/placeholder-crop-c0-5__0-5-9x9.png",
        ),
        (
            lambda c: c.back.filters.invert.url,
            "/media/__placeholder__/__filtered__/placeholder__invert__.png",
        ),
        (
            lambda c: c.back.filters.invert.thumbnail["9x9"].url,
            "/media/__sized__/__placeholder__/__filtered__/placeholder__invert__-thumbnail-9x9.png",
        ),
        (lambda c: c.stamp.url, f"/media/{STORAGE}"),
        (
            lambda c: c.stamp.crop["9x9"].url,
            "/media/__sized__/__placeholder__/stamps/none-crop-c0-5__0-5-9x9.png",
        ),
    ],
)
@pytest.mark.parametrize("on_demand", [True, False])
def test_a_placeholder_is_shown_for_an_empty_picture(stamp, configure, access, url, on_demand):
    """The URLs are the same with and without creation on demand."""
    configure(ON_DEMAND=on_demand)
    card = Card(back="", stamp="")

    assert access(card) == url
    assert default_storage.exists(url.removeprefix("/media/")) is on_demand


@pytest.mark.usefixtures("on_demand")
def test_renditions_of_a_placeholder_show_it(stamp):
    card = Card()

    assert opened(default_storage, card.back.crop["30x10"].name).size == (30, 10)
    assert opened(default_storage, card.stamp.thumbnail["9x9"].name).size == (9, 9)


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.usefixtures("on_demand")
def test_null_is_an_empty_picture(value):
    assert Card(back=value).back.url == f"/media/{DISC}"


def test_a_save_publishes_the_placeholder(stamp, picture):
    """Pages without creation on demand do not check whether it exists."""
    Card.objects.create(image=picture("a.jpg"))

    with default_storage.open(DISC) as file:
        assert file.read() == Card._meta.get_field("back").placeholder_image.read()
    assert opened(default_storage, STORAGE).size == (30, 30)


def test_a_save_makes_the_declared_renditions_of_the_placeholder(picture, monkeypatch):
    monkeypatch.setattr(Card._meta.get_field("back"), "warm", ("hero",))

    Card.objects.create(image=picture("a.jpg"))

    path = "__sized__/__placeholder__/placeholder-thumbnail-100x100.png"
    assert opened(default_storage, path).size == (60, 40)


def test_a_placeholder_is_published_once(stamp, picture):
    Card.objects.create(image=picture("a.jpg"))
    before = default_storage.get_modified_time(DISC)
    Card.objects.create(image=picture("b.jpg"))

    assert default_storage.get_modified_time(DISC) == before
    assert default_storage.listdir("__placeholder__")[1] == ["placeholder.png"]


@pytest.mark.usefixtures("on_demand")
def test_a_lost_placeholder_breaks_neither_page_nor_save(picture, caplog):
    """It is logged, and the next call tries again."""
    card = Card.objects.create(image=picture("a.jpg"))

    assert card.stamp.url == f"/media/{STORAGE}"
    assert card.stamp.crop["9x9"].url
    assert "none.png cannot be written" in caplog.text

    default_storage.save("stamps/none.png", ContentFile(four_corners(30, 30, "PNG")))
    assert card.stamp.url
    assert default_storage.exists(STORAGE)


def test_a_picture_replaces_the_placeholder(picture):
    card = Card.objects.create(image=picture("a.jpg"), back=picture("b.jpg"))

    assert card.back.url == "/media/cards/b.jpg"


def test_a_picture_with_a_placeholder_is_still_empty():
    """Templates and serializers can check it."""
    assert not Card().back
    assert Card().back.name in (None, "")


def test_without_a_placeholder_there_is_no_url():
    """The error is the same as Django's."""
    with pytest.raises(ValueError, match="no file"):
        Card().note.url  # noqa: B018


def test_the_folder_is_a_setting(configure):
    configure(PLACEHOLDER_DIRNAME="none")

    assert Card().back.url == "/media/none/placeholder.png"


def test_the_file_is_not_read_at_start_up():
    """A missing file does not stop the project."""
    OnDiscPlaceholderImage("/nowhere/a.png")
    OnStoragePlaceholderImage("nowhere/a.png")


class Drawn(PlaceholderImage):
    """A placeholder class written for the old package."""

    def setup(self):
        self.file = ContentFile(four_corners(30, 30, "PNG"))
        self.name = "drawn.png"
        super().setup()


def test_a_placeholder_class_of_the_old_package_is_set_up_once(monkeypatch):
    """Its method `setup` is called when the file is needed."""
    field = Card._meta.get_field("note")
    monkeypatch.setattr(field, "placeholder_image", Drawn())

    assert Card().note.url == "/media/__placeholder__/drawn.png"
    assert not default_storage.exists("__placeholder__/drawn.png")
    file = field.placeholder_image.file

    field.process_placeholder_image()
    assert opened(default_storage, "__placeholder__/drawn.png").size == (30, 30)
    assert field.placeholder_image.image_data.read() == four_corners(30, 30, "PNG")
    assert field.placeholder_image.file is file


def test_image_data_is_the_file_with_its_name(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")

    data = OnDiscPlaceholderImage(str(tmp_path / "a.png")).image_data

    assert (data.name, data.read()) == ("a.png", b"x")


@pytest.mark.usefixtures("on_demand")
def test_deleting_the_renditions_of_an_empty_picture_leaves_the_placeholders(stamp):
    """All empty pictures share them."""
    card = Card()
    name = card.back.crop["9x9"].name

    card.back.delete_all_created_images()

    assert default_storage.exists(name)
