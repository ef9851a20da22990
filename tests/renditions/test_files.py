import copy
import json
import pickle

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from PIL import Image

from renditions.files import VersatileImageFieldFile, VersatileImageFileDescriptor
from tests.app.models import Card
from tests.conftest import four_corners

from .conftest import CountingStorage
from .imaging.pictures import with_orientation

pytestmark = pytest.mark.django_db


def fresh(card):
    return Card.objects.get(pk=card.pk)


# ---------------------------------------------------------------- the focal point


def test_picture_and_instance_have_one_focal_point(card):
    """Setting either changes both, and the database holds the text."""
    card.image.ppoi = (0, 1)
    assert (card.ppoi, card.image.ppoi) == ((0.0, 1.0), (0.0, 1.0))
    card.ppoi = "0.25x0.75"
    assert card.image.ppoi == (0.25, 0.75)

    card.save()

    with connection.cursor() as cursor:
        cursor.execute("SELECT ppoi FROM app_card")
        assert cursor.fetchone() == ("0.25x0.75",)
    assert fresh(card).image.ppoi == (0.25, 0.75)


@pytest.mark.parametrize("value", [(1.5, 2), "picklexcucumber", None, 0.5])
def test_an_invalid_focal_point_is_refused(card, value):
    """The old value stays."""
    with pytest.raises(ValidationError) as caught:
        card.image.ppoi = value

    assert caught.value.code == "invalid_ppoi"
    assert card.image.ppoi == (0.5, 0.5)


def test_without_a_ppoi_field_the_picture_holds_the_point(card):
    """It is lost with the object."""
    card.note.ppoi = (0.1, 0.2)

    assert card.note.ppoi == (0.1, 0.2)
    assert fresh(card).note.ppoi == (0.5, 0.5)


def test_a_long_point_is_rounded_to_fit_the_column(card):
    """It is rounded before the save, so that file names do not change after it."""
    card.image.ppoi = (1 / 3, 2 / 3)
    before = card.image.crop["9x9"].name
    card.save()

    assert fresh(card).image.crop["9x9"].name == before
    assert fresh(card).ppoi == (0.3333333, 0.6666667)


def test_a_long_point_in_the_column_is_not_rounded(card):
    """File names contain it, and SQLite accepts longer texts than the column declares."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE app_card SET ppoi = '0.123456789012x0.987654321'")
    loaded, deferred = Card.objects.get(), Card.objects.defer("ppoi").get()
    loaded.save()

    for found in (loaded, deferred, fresh(card), pickle.loads(pickle.dumps(loaded))):
        assert found.ppoi == found.image.ppoi == (0.123456789012, 0.987654321)
        assert "crop-c0-123456789012__0-987654321-" in found.image.crop["9x9"].name


def test_clearing_the_picture_clears_its_point(card):
    """The next picture starts at the centre."""
    card.image.ppoi = (0, 0)
    card.image = None

    assert card.ppoi == (0.5, 0.5)


def test_assigning_a_picture_copies_its_point(card, picture):
    """Both rows share the file, so their crops are the same."""
    card.ppoi = (0.1, 0.2)
    other, empty = Card.objects.create(title="b", image=picture("b.jpg")), Card()

    other.image = empty.image = card.image
    card.back = card.image

    assert other.ppoi == empty.ppoi == card.back_ppoi == (0.1, 0.2)
    assert other.image.crop["9x9"].name == "__sized__/cards/a-crop-c0-1__0-2-9x9-70.jpg"
    other.image = Card().back
    assert other.ppoi == (0.5, 0.5)


def test_assigning_a_picture_without_a_ppoi_field_keeps_the_point(card):
    card.note = "cards/a.jpg"
    card.back_ppoi = (0.1, 0.2)

    card.back = card.note

    assert card.back_ppoi == (0.1, 0.2)


def test_reloading_the_picture_keeps_an_unsaved_point(card):
    card.ppoi = (0.1, 0.2)

    card.refresh_from_db(fields=["image"])

    assert card.ppoi == (0.1, 0.2)


def test_a_new_picture_keeps_the_point_that_is_set(card, picture):
    """A form may send both."""
    card.ppoi = (0, 0)
    card.image = picture("b.jpg")
    card.save()

    assert fresh(card).image.ppoi == (0.0, 0.0)


@pytest.mark.parametrize("text", ["", "nowhere", "2x0.5", "0.5"])
def test_a_row_with_an_invalid_point_can_be_read(card, text):
    """Other code may have written it; the centre is used."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE app_card SET ppoi = %s", [text])

    assert fresh(card).ppoi == (0.5, 0.5)


def test_rows_can_be_filtered_by_point(card):
    """A text and a tuple find the same rows."""
    card.ppoi = (0, 1)
    card.save()

    for value in ((0, 1), (0.0, 1.0), "0.0x1.0"):
        assert Card.objects.filter(ppoi=value).count() == 1


# ---------------------------------------------------------------- pickling, copying, loading


def test_a_picture_survives_pickling(card):
    """A pickled picture or instance keeps all that was set on it."""
    card.image.ppoi = (0.25, 0.75)
    card.image.create_on_demand = True
    card.note.ppoi = (0.1, 0.1)

    again = pickle.loads(pickle.dumps(card))

    assert again.image.crop["9x9"].name == card.image.crop["9x9"].name
    assert again.image.create_on_demand is True
    assert again.note.ppoi == (0.1, 0.1)
    image = pickle.loads(pickle.dumps(card.image))
    assert image.thumbnail["9x9"].url == card.image.thumbnail["9x9"].url


def test_the_pickled_state_is_small(card):
    """It holds the name, the settings and what a save has to know, and no content."""
    card = Card.objects.get()
    state = card.image.__getstate__()

    assert state == {
        "name": "cards/a.jpg",
        "closed": False,
        "_committed": True,
        "_file": None,
        "instance": card,
        "field": Card._meta.get_field("image"),
        "_ppoi_value": (0.5, 0.5),
        "_create_on_demand": False,
        "has_new_content": False,
        "was_assigned": False,
    }


def test_a_pickle_of_the_old_package_can_be_read(card):
    """Sessions and caches may hold one."""
    state = card.image.__getstate__() | {"_create_on_demand": False, "_ppoi_value": (0.2, 0.2)}
    del state["has_new_content"], state["was_assigned"]
    image = VersatileImageFieldFile.__new__(VersatileImageFieldFile)

    image.__setstate__(state)

    assert image.crop["9x9"].name == card.image.crop["9x9"].name
    assert image.has_new_content is False


def test_a_picture_survives_copying(card):
    assert copy.copy(card.image).crop["9x9"].name == card.image.crop["9x9"].name
    assert copy.deepcopy(card).image.crop["9x9"].name == card.image.crop["9x9"].name


def test_a_deferred_picture_is_loaded_at_its_first_use(card):
    card.ppoi = (0, 0)
    card.save()

    deferred = Card.objects.defer("image", "ppoi").get()
    only = Card.objects.only("title").get()

    assert deferred.image.crop["9x9"].name == card.image.crop["9x9"].name
    assert only.image.ppoi == (0.0, 0.0)


def test_loading_rows_opens_no_picture(card, field_storage, tmp_path):
    storage = field_storage("image", CountingStorage(tmp_path / "media"))
    with CaptureQueriesContext(connection) as queries:
        [found] = Card.objects.all()
        str(found.image.crop["9x9"])

    assert len(queries) == 1
    assert not storage.calls


def test_width_field_and_height_field_work(card, picture):
    assert (card.width, card.height) == (320, 200)
    card.image = picture("b.png", 30, 40)
    assert (card.width, card.height) == (30, 40)
    card.save()
    assert (fresh(card).width, fresh(card).height) == (30, 40)


def turned(orientation, width=320, height=200, file_format="JPEG"):
    """A file whose picture is stored in `orientation`."""
    image = Image.new("RGB", (width, height), "red")
    file = with_orientation(image, orientation, file_format)
    return ContentFile(file.getvalue(), name=f"turned.{file_format.lower()}")


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize(("orientation", "size"), [(1, (320, 200)), (3, (320, 200)),
                                                   (5, (200, 320)), (6, (200, 320))])  # fmt: skip
def test_sides_are_those_of_the_upright_picture(card, orientation, size, file_format):
    """In the columns, before and after the save: a page reserves the space that it needs."""
    card.image = turned(orientation, file_format=file_format)
    assert (card.image.width, card.image.height) == size
    assert (card.width, card.height) == size
    card.save()

    saved = fresh(card)
    assert (saved.width, saved.height) == size
    assert (saved.image.width, saved.image.height) == size


@pytest.mark.parametrize("limit", ["MAX_PIXELS", "MAX_SIDE", "MAX_FILE_BYTES"])
def test_sides_are_known_above_a_limit(card, configure, limit):
    """Code can save such a picture, and Django tells its size."""
    configure(**{limit: 100})
    card.image = turned(6)

    assert (card.width, card.height) == (200, 320)


def test_sides_of_what_is_no_picture_are_unknown(card):
    """As in Django."""
    card.image = ContentFile(b"no picture", name="a.jpg")

    assert (card.width, card.height) == (None, None)


def test_asking_for_the_sides_leaves_the_file_as_it_was(card):
    """An upload stays open and can be read from its start, a stored file is closed again."""
    file = turned(6)
    file.read(10)
    card.image = file
    assert card.image.width == 200
    assert (file.closed, file.tell()) == (False, 0)
    card.save()

    saved = fresh(card)
    assert saved.image.width == 200
    assert saved.image.closed


# ---- errors inside properties -------------------------------------------------------------------


def test_an_error_in_a_property_is_told(card):
    """`__getattr__` must not say that the property is missing."""

    class Broken(VersatileImageFieldFile):
        @property
        def broken(self):
            return self.instance.no_such_thing

    image = Broken(card, Card._meta.get_field("image"), "cards/a.jpg")

    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = image.broken
    with pytest.raises(AttributeError, match="has no attribute 'unknown'"):
        _ = image.unknown


def test_an_error_in_a_storage_is_told(card, field_storage, tmp_path):
    """Also where a rendition is asked for."""

    class Broken(CountingStorage):
        def url(self, name):
            return self.no_such_thing

    field_storage("image", Broken(tmp_path / "media"))
    image = fresh(card).image

    for access in (lambda: image.url, lambda: image.crop["10x10"].url,
                   lambda: image.filters.invert.url):  # fmt: skip
        with pytest.raises(AttributeError, match="no_such_thing"):
            access()


# ---- a file object without its instance ---------------------------------------------------------


class StandIn:
    """What django-cleanup gives a file object for an instance."""


@pytest.mark.parametrize("stand_in", [StandIn(), None])
def test_a_file_with_a_stand_in_deletes_its_renditions(card, configure, stand_in):
    """A receiver of `cleanup_pre_delete` does so before the original is deleted."""
    configure(ON_DEMAND=True)
    card.ppoi = (0.2, 0.8)
    card.save()
    image = fresh(card).image
    renditions = [image.crop["10x10"], image.filters.invert, image.filters.invert.crop["10x10"]]
    assert all(default_storage.exists(rendition.name) for rendition in renditions)

    file = VersatileImageFieldFile(card, image.field, image.name)
    file.instance = stand_in
    file.delete_all_created_images()

    assert not any(default_storage.exists(rendition.name) for rendition in renditions)
    assert file.ppoi == (0.2, 0.8)
    if stand_in is not None:
        file.delete(save=False)
        assert not default_storage.exists("cards/a.jpg")


def test_serialized_data_is_text(card):
    """A fixture holds names and focal points as text, and can be loaded."""
    card.ppoi = (0.25, 0.75)
    card.save()

    text = serializers.serialize("json", [card])

    fields = json.loads(text)[0]["fields"]
    assert fields["image"] == "cards/a.jpg"
    assert fields["ppoi"] == "0.25x0.75"
    assert fields["note"] == ""
    [loaded] = serializers.deserialize("json", text)
    assert loaded.object.ppoi == (0.25, 0.75)
    assert loaded.object.image.name == "cards/a.jpg"


def test_the_descriptor_is_public():
    """A subclass of the field may subclass it."""
    assert isinstance(Card.image, VersatileImageFileDescriptor)


# ---------------------------------------------------------------- assignment


def test_new_content_is_noted_until_a_save_is_committed(card, picture):
    """A save that is rolled back keeps the note."""
    assert card.image.has_new_content is True
    card.image.note_committed()
    card.save()
    assert card.image.has_new_content is False
    card.image.save("b.jpg", picture("b.jpg"))
    assert card.image.has_new_content is True
    assert fresh(card).image.has_new_content is False


def test_an_assigned_name_is_noted_until_a_save_is_committed(card):
    """The file may have new content, even if its name is unchanged."""
    loaded = fresh(card)
    assert loaded.image.was_assigned is False
    loaded.image = loaded.image.name
    assert loaded.image.was_assigned is True
    loaded.image.note_committed()
    assert loaded.image.was_assigned is False


def test_names_files_and_unpickled_pictures_can_be_assigned(card):
    """Pickling may remove the field from a field file."""
    card.image = "cards/b.jpg"
    card.save()
    assert card.image.thumbnail["9x9"].name == "__sized__/cards/b-thumbnail-9x9-70.jpg"
    card.image = "cards/a.jpg"
    unpickled = card.image
    del unpickled.field
    card.image = unpickled
    assert card.image.thumbnail["9x9"].name == "__sized__/cards/a-thumbnail-9x9-70.jpg"
    with default_storage.open("cards/a.jpg") as file:
        card.image = File(file, name="c.jpg")
        assert card.image.crop["9x9"].name == "__sized__/c-crop-c0-5__0-5-9x9-70.jpg"


def test_the_value_of_an_image_field_can_be_assigned(card, settings):
    """It may be saved already or not."""
    plain = models.ImageField(upload_to="plain")
    plain.set_attributes_from_name("plain")
    saved = plain.attr_class(card, plain, "cards/a.jpg")
    unsaved = plain.attr_class(card, plain, "d.jpg")
    unsaved.file = ContentFile(four_corners(30, 20), "d.jpg")
    unsaved._committed = False

    card.note, card.stamp = saved, unsaved
    card.save()

    assert fresh(card).note.crop["9x9"].name == "__sized__/cards/a-crop-c0-5__0-5-9x9-70.jpg"
    assert fresh(card).stamp.name == "cards/d.jpg"
