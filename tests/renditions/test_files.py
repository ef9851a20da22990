import copy
import itertools
import json
import pickle
import re
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import connection, models
from django.template import Context, Template
from django.test.utils import CaptureQueriesContext
from PIL import Image

from renditions.accessors import InvalidFilter, MalformedSizedImageKey
from renditions.compat.datastructures import FilteredImage, FilterLibrary, SizedImage
from renditions.compat.versatileimagefield import CroppedImage, InvertImage, ThumbnailImage
from renditions.engine import status
from renditions.files import VersatileImageFieldFile, VersatileImageFileDescriptor
from renditions.imaging.sizers import Crop
from renditions.planning.keys import InvalidSizeKey, RenditionKey
from renditions.records import RecordState, project_recorder
from tests.app.models import Card
from tests.conftest import four_corners

from .conftest import CountingStorage, close_to, opened
from .imaging.pictures import with_orientation

pytestmark = pytest.mark.django_db


def fresh(card):
    return Card.objects.get(pk=card.pk)


# ---------------------------------------------------------------- names and URLs

ACCESS = [
    (lambda i: i.crop["100x50"], "__sized__/cards/a-crop-c0-5__0-5-100x50-70.jpg"),
    (lambda i: i.thumbnail["100x50"], "__sized__/cards/a-thumbnail-100x50-70.jpg"),
    (lambda i: i.filters.invert, "cards/__filtered__/a__invert__.jpg"),
    (lambda i: i.filters["invert"], "cards/__filtered__/a__invert__.jpg"),
    (
        lambda i: i.filters.invert.crop["10x10"],
        "__sized__/cards/__filtered__/a__invert__-crop-c0-5__0-5-10x10-70.jpg",
    ),
]


@pytest.mark.parametrize(("access", "path"), ACCESS)
def test_a_rendition_has_name_and_url(card, access, path):
    """And is its URL where text is wanted."""
    rendition = access(card.image)

    assert rendition.name == path
    assert rendition.url == f"/media/{path}"
    assert str(rendition) == rendition.url


def test_a_template_reaches_every_rendition(card):
    """With dots only."""
    template = Template(
        "{{ o.image.crop.400x400 }} {{ o.image.filters.invert.thumbnail.9x9.url }}"
        "{{ o.note.crop.400x400 }}{{ o.note.filters.invert.crop.400x400 }}"
    )

    assert template.render(Context({"o": card})) == (
        "/media/__sized__/cards/a-crop-c0-5__0-5-400x400-70.jpg "
        "/media/__sized__/cards/__filtered__/a__invert__-thumbnail-9x9-70.jpg"
    )


def test_a_template_reaches_other_formats(card):
    """A size may end in a format, as in a key set, and it is the same file."""
    template = Template(
        "{{ o.image.crop.400x400__webp }} {{ o.image.filters.invert.thumbnail.9x9__avif }}"
    )

    assert template.render(Context({"o": card})) == (
        "/media/__sized__/cards/a-crop-c0-5__0-5-400x400-70.jpg.webp "
        "/media/__sized__/cards/__filtered__/a__invert__-thumbnail-9x9.jpg.avif"
    )
    assert card.image.plan(RenditionKey.parse("crop__400x400__webp")).path == (
        card.image.crop["400x400__webp"].name
    )
    with pytest.raises(InvalidSizeKey, match=r"Got 'jxl'\. Known: jpeg"):
        card.image.crop["400x400__jxl"]


@pytest.mark.parametrize("size", [" 40x30", "40x30 ", "40 x 30"])
def test_a_size_may_have_spaces(card, size):
    """Around its sides."""
    assert card.image.thumbnail[size].name == card.image.thumbnail["40x30"].name


@pytest.mark.parametrize(
    "size",
    ["", "fooxbar", "400", "0x10", "-1x10", "4.5x4", "400x", None, 3, "400x300__", "__webp"],
)
def test_a_malformed_size_is_named(card, size):
    """With what a size looks like."""
    with pytest.raises(MalformedSizedImageKey, match="400x300"):
        card.image.crop[size]


def test_unknown_names_are_told_from_malformed_ones(card):
    """A filter, a sizer, a private name."""
    with pytest.raises(InvalidFilter):
        card.image.filters.nope  # noqa: B018
    with pytest.raises(AttributeError):
        card.image.nope  # noqa: B018
    with pytest.raises(AttributeError):
        card.image.filters.invert.nope  # noqa: B018
    assert not hasattr(card.image, "_nope")


def test_renditions_cannot_be_assigned(card):
    """They are made, not given."""
    with pytest.raises(NotImplementedError):
        card.image.crop["1x1"] = None


def test_a_sizer_registered_later_is_there_at_once(card, registry):
    """On pictures that were loaded before."""
    image = card.image

    class Square(Crop):
        filename_key = "square"

        def key_in_filename(self, ppoi):
            return "square"

    registry.register_sizer("square", Square)

    assert image.square["9x9"].name == "__sized__/cards/a-square-9x9-70.jpg"


def test_the_focal_point_is_part_of_the_name(card):
    """That of the instance as it is now."""
    card.image.ppoi = "0.25x1"

    assert card.image.crop["9x9"].name == "__sized__/cards/a-crop-c0-25__1-0-9x9-70.jpg"


# ---------------------------------------------------------------- the focal point


def test_picture_and_instance_have_one_focal_point(card):
    """Whichever is set, both say it, and the database keeps it as text."""
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
def test_what_is_no_focal_point_is_refused(card, value):
    """And the point stays."""
    with pytest.raises(ValidationError) as caught:
        card.image.ppoi = value

    assert caught.value.code == "invalid_ppoi"
    assert card.image.ppoi == (0.5, 0.5)


def test_without_a_ppoi_field_the_point_lives_on_the_picture(card):
    """For as long as the object does."""
    card.note.ppoi = (0.1, 0.2)

    assert card.note.ppoi == (0.1, 0.2)
    assert fresh(card).note.ppoi == (0.5, 0.5)


def test_a_long_point_is_what_the_column_holds(card):
    """Before the save as after it, or names would differ."""
    card.image.ppoi = (1 / 3, 2 / 3)
    before = card.image.crop["9x9"].name
    card.save()

    assert fresh(card).image.crop["9x9"].name == before
    assert fresh(card).ppoi == (0.3333333, 0.6666667)


def test_a_long_point_that_is_in_the_column_stays_as_it_is(card):
    """Files are called by it, and SQLite holds texts of any length."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE app_card SET ppoi = '0.123456789012x0.987654321'")
    loaded, deferred = Card.objects.get(), Card.objects.defer("ppoi").get()
    loaded.save()

    for found in (loaded, deferred, fresh(card), pickle.loads(pickle.dumps(loaded))):
        assert found.ppoi == found.image.ppoi == (0.123456789012, 0.987654321)
        assert "crop-c0-123456789012__0-987654321-" in found.image.crop["9x9"].name


def test_the_point_goes_with_its_picture(card):
    """The next picture begins at the centre."""
    card.image.ppoi = (0, 0)
    card.image = None

    assert card.ppoi == (0.5, 0.5)


def test_a_picture_of_another_row_brings_its_point(card, picture):
    """Files are shared by assignment, and a crop of either is the same."""
    card.ppoi = (0.1, 0.2)
    other, empty = Card.objects.create(title="b", image=picture("b.jpg")), Card()

    other.image = empty.image = card.image
    card.back = card.image

    assert other.ppoi == empty.ppoi == card.back_ppoi == (0.1, 0.2)
    assert other.image.crop["9x9"].name == "__sized__/cards/a-crop-c0-1__0-2-9x9-70.jpg"
    other.image = Card().back
    assert other.ppoi == (0.5, 0.5)


def test_a_picture_without_a_point_of_its_own_brings_none(card):
    """That of the row stays."""
    card.note = "cards/a.jpg"
    card.back_ppoi = (0.1, 0.2)

    card.back = card.note

    assert card.back_ppoi == (0.1, 0.2)


def test_loading_a_picture_again_leaves_the_point_alone(card):
    """It was set, and is not saved yet."""
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
def test_a_row_with_a_wrong_point_can_be_read(card, text):
    """Something else may have written it; the centre is shown, and no error page."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE app_card SET ppoi = %s", [text])

    assert fresh(card).ppoi == (0.5, 0.5)


def test_points_can_be_looked_up(card):
    """As text, as a tuple, and as whole numbers."""
    card.ppoi = (0, 1)
    card.save()

    for value in ((0, 1), (0.0, 1.0), "0.0x1.0"):
        assert Card.objects.filter(ppoi=value).count() == 1


# ---------------------------------------------------------------- on demand


def test_create_on_demand_is_a_switch(card):
    """Nothing else."""
    assert card.image.create_on_demand is False
    card.image.create_on_demand = True
    assert card.image.create_on_demand is True
    with pytest.raises(ValueError, match="pickle"):
        card.image.create_on_demand = "pickle"


def test_the_setting_is_read_when_it_is_used(card, configure):
    """Not when the picture was loaded."""
    configure(ON_DEMAND=True)

    assert card.image.create_on_demand is True


def test_a_page_costs_nothing_where_nothing_is_made_on_demand(
    card, field_storage, settings, tmp_path, django_assert_num_queries
):
    """No call to the storage, the cache or the database."""
    settings.CACHES = {"default": {"BACKEND": "nothing.that.can.be.Imported"}}
    storages = [
        field_storage(name, CountingStorage(tmp_path / "media", base_url="/media/"))
        for name in ("image", "back", "stamp", "note")
    ]
    card = fresh(card)
    with django_assert_num_queries(0):
        for image in (card.image, card.back, card.stamp, card.note):
            str(image.crop["400x400"])
            str(image.thumbnail["400x400"])
            str(image.filters.invert)
            str(image.filters.invert.crop["400x400"])
            if image or image.placeholder:
                str(image.url)

    assert [dict(storage.calls) for storage in storages] == [{}] * 4
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


@pytest.mark.usefixtures("on_demand")
def test_asking_makes_it(card):
    """There and then, once."""
    rendition = card.image.crop["60x30"]

    assert opened(default_storage, rendition.name).size == (60, 30)


@pytest.mark.usefixtures("on_demand")
def test_a_filtered_size_is_made_without_its_filtered_original(card):
    """Which may be a hundred times as large."""
    small = card.image.filters.invert.crop["60x30"]
    path = card.image.plan(RenditionKey.parse("filters__invert__url")).path

    assert default_storage.exists(small.name)
    assert not default_storage.exists(path)
    card.image.filters.invert.delete()
    assert not default_storage.exists(path)
    assert str(card.image.filters.invert) == f"/media/{path}"
    assert default_storage.exists(path)


@pytest.mark.usefixtures("on_demand")
def test_asking_again_asks_the_cache_only(card, field_storage, tmp_path):
    """The record answers."""
    storage = field_storage("image", CountingStorage(tmp_path / "media", base_url="/media/"))
    card = fresh(card)
    str(card.image.crop["60x30"])
    storage.calls.clear()

    str(card.image.crop["60x30"])

    assert not storage.calls


@pytest.mark.usefixtures("on_demand")
def test_what_was_made_is_not_looked_at_again(card, field_storage, tmp_path, monkeypatch):
    """However long ago that was."""
    storage = field_storage("image", CountingStorage(tmp_path / "media", base_url="/media/"))
    card = fresh(card)
    str(card.image.crop["60x30"])
    storage.calls.clear()
    monkeypatch.setattr(status, "datetime", Later)

    str(card.image.crop["60x30"])

    assert not storage.calls


@pytest.mark.usefixtures("on_demand")
def test_another_encoding_is_made_when_it_is_asked_for(card, configure):
    """Under the same name."""
    name = card.image.crop["60x30"].name
    configure(PROGRESSIVE_JPEG=True)

    assert card.image.crop["60x30"].name == name
    assert opened(default_storage, name).info.get("progressive")


@pytest.mark.usefixtures("on_demand")
def test_a_signed_address_is_another_each_time(card, field_storage, tmp_path):
    """What is known of a file is not known by its address."""

    class Signing(CountingStorage):
        signatures = itertools.count()

        def url(self, name):
            return f"{super().url(name)}?signature={next(self.signatures)}"

    storage = field_storage("image", Signing(tmp_path / "media", base_url="/media/"))
    card = fresh(card)
    first = card.image.crop["60x30"].url
    storage.calls.clear()

    second = card.image.crop["60x30"].url

    assert first != second
    assert not storage.calls


@pytest.mark.usefixtures("on_demand")
def test_what_lies_there_is_not_made_again(card):
    """A file that the inherited package made is found."""
    path = "__sized__/cards/a-crop-c0-5__0-5-60x30-70.jpg"
    default_storage.save(path, ContentFile(four_corners(60, 30)))

    assert card.image.crop["60x30"].name == path

    with default_storage.open(path) as file:
        assert file.read() == four_corners(60, 30)


@pytest.mark.usefixtures("on_demand")
@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_a_bad_picture_breaks_no_page(card, content):
    """Its URL is given all the same, and the reason is recorded."""
    default_storage.delete("cards/a.jpg")
    if content is not None:
        default_storage.save("cards/a.jpg", ContentFile(content))

    assert card.image.crop["60x30"].url
    assert card.image.filters.invert.crop["60x30"].url

    plan = card.image.plan(RenditionKey.parse("crop__60x30"))
    assert project_recorder().recall([plan])[plan.path].state is RecordState.FAILED


@pytest.mark.usefixtures("on_demand")
@pytest.mark.parametrize("look", ["crop", "filters"])
def test_an_accessor_makes_nothing_until_it_is_asked(card, look):
    """A template that builds an accessor and shows no URL pays for no rendition."""
    before = files()
    rendition = card.image.crop["60x30"] if look == "crop" else card.image.filters.invert

    assert files() == before
    assert default_storage.exists(rendition.name)


@pytest.mark.usefixtures("on_demand")
def test_not_every_visitor_tries_a_bad_picture(card, field_storage, tmp_path, monkeypatch):
    """Only one in a while, less and less often."""
    default_storage.delete("cards/a.jpg")
    storage = field_storage("image", CountingStorage(tmp_path / "media"))
    card = fresh(card)
    str(card.image.crop["60x30"])
    storage.calls.clear()

    str(card.image.crop["60x30"])
    assert not storage.calls

    monkeypatch.setattr(status, "datetime", Later)
    default_storage.save("cards/a.jpg", ContentFile(four_corners(320, 200)))
    str(card.image.crop["60x30"])
    assert storage.exists(card.image.crop["60x30"].name)


class Later(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(seconds=status.RETRY_AFTER_S + 1)


def test_one_rendition_can_be_deleted(card):
    """File and record."""
    card.image.create_on_demand = True
    rendition = card.image.thumbnail["9x9"]
    assert default_storage.exists(rendition.name)
    plan = card.image.plan(RenditionKey.parse("thumbnail__9x9"))
    assert project_recorder().recall([plan])

    rendition.delete()

    assert not default_storage.exists(rendition.name)
    assert not project_recorder().recall([plan])


def test_a_record_can_be_forgotten(card):
    """The file stays."""
    card.image.create_on_demand = True
    rendition = card.image.thumbnail["9x9"]
    assert default_storage.exists(rendition.name)

    rendition.clear_cache()

    assert default_storage.exists(rendition.name)
    plan = card.image.plan(RenditionKey.parse("thumbnail__9x9"))
    assert not project_recorder().recall([plan])


# ---------------------------------------------------------------- empty pictures


def test_an_empty_picture_has_empty_renditions(card):
    """No name, no URL, and nothing to delete."""
    for rendition in (card.note.crop["9x9"], card.note.filters.invert):
        assert (rendition.name, rendition.url, str(rendition)) == ("", "", "")
        rendition.delete()
        rendition.clear_cache()
    card.note.delete_all_created_images()


def test_an_empty_picture_may_show_one_of_placehold_it(card, configure):
    """In the size that is asked for."""
    configure(PLACEHOLDIT=True)

    assert card.note.crop["400x300"].url == "http://placehold.it/400x300"
    assert card.note.filters.invert.crop["400x400"].url == "http://placehold.it/400x400"
    assert card.note.filters.invert.url == ""
    assert card.image.crop["400x300"].url.startswith("/media/")
    assert card.back.crop["400x300"].url.startswith("/media/__sized__/__placeholder__")


# ---------------------------------------------------------------- pickling, copying, loading


def test_a_picture_survives_pickling(card):
    """Alone with its instance, with everything that was set on it."""
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
    """The name, and what was set: no file."""
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
    }


def test_a_pickle_of_the_inherited_package_can_be_read(card):
    """Sessions and caches may hold one."""
    state = card.image.__getstate__() | {"_create_on_demand": False, "_ppoi_value": (0.2, 0.2)}
    image = VersatileImageFieldFile.__new__(VersatileImageFieldFile)

    image.__setstate__(state)

    assert image.crop["9x9"].name == card.image.crop["9x9"].name
    assert image.has_new_content is False


def test_a_picture_survives_copying(card):
    """Deep or not."""
    assert copy.copy(card.image).crop["9x9"].name == card.image.crop["9x9"].name
    assert copy.deepcopy(card).image.crop["9x9"].name == card.image.crop["9x9"].name


def test_a_deferred_picture_is_loaded_when_it_is_asked(card):
    """And the focal point is, too."""
    card.ppoi = (0, 0)
    card.save()

    deferred = Card.objects.defer("image", "ppoi").get()
    only = Card.objects.only("title").get()

    assert deferred.image.crop["9x9"].name == card.image.crop["9x9"].name
    assert only.image.ppoi == (0.0, 0.0)


def test_loading_looks_at_nothing_but_the_database(card, field_storage, tmp_path):
    """A list of a thousand pictures opens none."""
    storage = field_storage("image", CountingStorage(tmp_path / "media"))
    with CaptureQueriesContext(connection) as queries:
        [found] = Card.objects.all()
        str(found.image.crop["9x9"])

    assert len(queries) == 1
    assert not storage.calls


def test_sides_are_kept_beside_the_picture(card, picture):
    """`width_field` and `height_field` work as in Django."""
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
    """A fixture holds names and points, and can be loaded."""
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
    """Subclasses of the field may subclass it."""
    assert isinstance(Card.image, VersatileImageFileDescriptor)


# ---------------------------------------------------------------- replaced content


def test_new_content_is_known_until_a_save_is_committed(card, picture):
    """Whoever saves can tell, even after a save that was rolled back."""
    assert card.image.has_new_content is True
    card.image.note_committed()
    card.save()
    assert card.image.has_new_content is False
    card.image.save("b.jpg", picture("b.jpg"))
    assert card.image.has_new_content is True
    assert fresh(card).image.has_new_content is False


def test_an_assigned_name_is_known_until_a_save_is_committed(card):
    """Other content may lie under it, even where it is the name that was there before."""
    loaded = fresh(card)
    assert loaded.image.was_assigned is False
    loaded.image = loaded.image.name
    assert loaded.image.was_assigned is True
    loaded.image.note_committed()
    assert loaded.image.was_assigned is False


# ---------------------------------------------------------------- deletion

ALL = [
    "crop__60x30", "thumbnail__9x9", "filters__invert__url", "filters__invert__crop__10x10",
    "thumbnail__9x9__webp",
]  # fmt: skip


def make_all(image, ppois=((0.5, 0.5), (0.25, 1.0))):
    image.create_on_demand = True
    for ppoi in ppois:
        image.ppoi = ppoi
        for key in ALL:
            assert image.rendition(RenditionKey.parse(key)).name


def files(folder=""):
    folders, names = default_storage.listdir(folder)
    found = {f"{folder}/{name}".lstrip("/") for name in names}
    for inner in folders:
        if not inner.startswith("."):
            found |= files(f"{folder}/{inner}".lstrip("/"))
    return found


PROCESSORS = [None, "renditions.compat.processors.md5", "renditions.compat.processors.md5_16"]


@pytest.mark.parametrize("name", ["a.jpg", "a b.jpg", "noext", "a.b.PNG", "[x](y)+.jpg"])
@pytest.mark.parametrize("processor", PROCESSORS)
def test_every_rendition_can_be_deleted_and_nothing_else(card, picture, configure, name, processor):
    """Of one picture, with whatever focal point it was made, and not those of its neighbours."""
    configure(FILENAME_PROCESSOR=processor, ON_DEMAND=True)
    neighbours = ["a-b.jpg", "a-thumbnail.jpg", "a.jpg.jpg", "aa.jpg", "a.png"]
    for neighbour in neighbours:
        default_storage.save(f"n/{neighbour}", picture(neighbour))
        card.note = f"n/{neighbour}"
        make_all(card.note)
    before = files()
    default_storage.save(f"n/{name}", picture(name))
    card.note = f"n/{name}"
    make_all(card.note)
    # Crops and their twins with another point, and what has no point.
    assert len(files() - before) == 8

    card.note.delete_all_created_images()

    assert files() == before | {f"n/{name}"}


def test_each_kind_can_be_deleted_alone(card):
    """Sized, filtered, filtered and sized."""
    make_all(card.image)
    image = card.image

    def left():
        return {
            kind
            for kind, access in (
                ("sized", image.thumbnail["9x9"]),
                ("filtered", image.filters.invert),
                ("both", image.filters.invert.crop["10x10"]),
            )
            if default_storage.exists(access.name)
        }

    image.create_on_demand = False
    image.delete_filtered_images()
    assert left() == {"sized", "both"}
    image.delete_sized_images()
    assert left() == {"both"}
    image.delete_filtered_sized_images()
    assert left() == set()
    image.delete_all_created_images()


def test_deleted_renditions_are_forgotten(card):
    """Or nobody would make them again."""
    make_all(card.image)
    plan = card.image.plan(RenditionKey.parse("crop__60x30"))

    card.image.delete_all_created_images()

    assert not project_recorder().recall([plan])
    assert default_storage.exists(card.image.crop["60x30"].name)


def test_renditions_of_a_sizer_registered_later_are_deleted(card, registry):
    """The registry is asked when it matters."""

    class Wide(CroppedImage):
        filename_key = "wide"
        filename_key_regex = r"wide-c[0-9-]+__[0-9-]+"

    registry.register_sizer("wide", Wide)
    card.image.create_on_demand = True
    rendition = card.image.wide["30x10"]
    assert default_storage.exists(rendition.name)

    card.image.delete_sized_images()

    assert not default_storage.exists(rendition.name)


def uneven(text):
    return f"{text[:3]}{len(text)}"


def test_an_uneven_processor_leaves_what_no_key_set_names(card, configure):
    """Such names can be known in no other way."""
    configure(FILENAME_PROCESSOR=f"{__name__}.uneven", KEY_SETS={"s": [("a", "crop__60x30")]})
    card.image.create_on_demand = True
    named, unnamed = card.image.crop["60x30"].name, card.image.crop["9x9"].name

    card.image.delete_all_created_images()

    assert not default_storage.exists(named)
    assert default_storage.exists(unnamed)


def test_files_can_be_deleted_by_their_tags(card):
    """For those who have their own."""
    for name in ("cards/a-baz.jpg", "cards/a-biz.jpg", "cards/aa-baz.jpg", "cards/a-baz.png"):
        default_storage.save(name, ContentFile(b"x"))

    card.image.delete_matching_files_from_storage("cards", re.compile("-baz"))

    left = {"a-biz.jpg", "a.jpg", "aa-baz.jpg", "a-baz.png"}
    assert set(default_storage.listdir("cards")[1]) == left


def test_the_descriptor_wraps_whatever_is_assigned(card):
    """A name, a file, or a field file that pickling has robbed of its field."""
    card.image = "cards/b.jpg"
    card.save()
    assert card.image.thumbnail["9x9"].name == "__sized__/cards/b-thumbnail-9x9-70.jpg"
    card.image = "cards/a.jpg"
    robbed = card.image
    del robbed.field
    card.image = robbed
    assert card.image.thumbnail["9x9"].name == "__sized__/cards/a-thumbnail-9x9-70.jpg"
    with default_storage.open("cards/a.jpg") as file:
        card.image = File(file, name="c.jpg")
        assert card.image.crop["9x9"].name == "__sized__/c-crop-c0-5__0-5-9x9-70.jpg"


def test_a_picture_of_another_field_can_be_assigned(card, settings):
    """A plain ImageField's, for one."""
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


def test_what_is_no_folder_holds_no_renditions(card):
    """Whatever else lies where their folder should be stays."""
    default_storage.save("__sized__/cards", ContentFile(b"x"))

    card.image.delete_all_created_images()

    assert default_storage.exists("__sized__/cards")


def test_folders_are_those_of_old(card):
    """Some call them by their names."""
    assert card.image.get_sized_root_folder() == "__sized__/cards/"
    assert card.image.get_filtered_root_folder() == "cards/__filtered__/"
    assert card.image.get_filtered_sized_root_folder() == "__sized__/cards/__filtered__"


# ---------------------------------------------------------------- old classes


class Framed(SizedImage):
    """An old sizer with a method of its own."""

    filename_key = "framed"

    def process_image(self, image, image_format, save_kwargs, width, height):
        out = BytesIO()
        image.resize((width, height)).save(out, **save_kwargs)
        return out

    def ratio(self):
        return self.ppoi


def test_an_old_sizer_is_an_instance_of_its_class(card, registry):
    """With its picture, its storage and its focal point."""
    registry.register_sizer("framed", Framed)
    card.image.ppoi = (0.25, 0.75)
    card.image.create_on_demand = True

    framed = card.image.framed

    assert isinstance(framed, Framed)
    assert (framed.path_to_image, framed.ratio()) == ("cards/a.jpg", (0.25, 0.75))
    assert opened(default_storage, framed["30x20"].name).size == (30, 20)
    assert card.image.filters.invert.framed["30x20"].url == (
        "/media/__sized__/cards/__filtered__/a__invert__-framed-30x20-70.jpg"
    )
    with pytest.raises(MalformedSizedImageKey):
        framed["a"]


def test_an_old_sizer_can_be_made_by_hand(card, registry):
    """As old code does."""
    registry.register_sizer("framed", Framed)

    framed = Framed("cards/a.jpg", default_storage, True, (0.5, 0.5))

    assert opened(default_storage, framed["30x20"].name).size == (30, 20)


@pytest.mark.usefixtures("card")
def test_the_old_built_in_ones_can_be_made_by_hand():
    """Though others stand in the registry for them."""
    crop = CroppedImage("cards/a.jpg", default_storage, True, ppoi=(0.25, 0.75))["12x12"]
    thumbnail = ThumbnailImage("cards/a.jpg", default_storage, True)["12x12"]
    inverted = InvertImage("cards/a.jpg", default_storage, True, "invert")

    assert crop.url == "/media/__sized__/cards/a-crop-c0-25__0-75-12x12-70.jpg"
    assert opened(default_storage, crop.name).size == (12, 12)
    assert opened(default_storage, thumbnail.name).size == (12, 8)
    assert inverted.url == "/media/cards/__filtered__/a__invert__.jpg"


def test_an_old_filter_can_be_made_by_hand(card):
    """It knows where its picture goes."""
    made = FilteredImage("cards/a.jpg", default_storage, False, filename_key="foo")

    assert made.name == "cards/__filtered__/a__foo__.jpg"
    assert made.url == f"/media/{made.name}"


@pytest.mark.usefixtures("on_demand")
def test_renditions_may_lie_beside_their_originals(card, configure):
    """Where their folders have no name, as in the package of old."""
    configure(SIZED_DIRNAME="", FILTERED_DIRNAME="")
    names = [
        card.image.thumbnail["9x9"].name,
        card.image.filters.invert.name,
        card.image.filters.invert.thumbnail["9x9"].name,
    ]
    assert names == [
        "cards/a-thumbnail-9x9-70.jpg",
        "cards/a__invert__.jpg",
        "cards/a__invert__-thumbnail-9x9-70.jpg",
    ]

    card.image.delete_all_created_images()
    assert default_storage.listdir("cards")[1] == ["a.jpg"]


@pytest.mark.parametrize(("lifetime_s", "known"), [(None, True), (0, False)])
@pytest.mark.usefixtures("on_demand")
def test_a_record_may_be_kept_for_ever_or_not_at_all(card, configure, lifetime_s, known):
    """As in the package of old."""
    configure(RECORD_LIFETIME_S=lifetime_s)
    plan = card.image.plan(RenditionKey.parse("crop__9x9"))

    assert card.image.crop["9x9"].name
    assert default_storage.exists(plan.path)
    assert (plan.path in project_recorder().recall([plan])) is known


def test_a_filter_library_can_be_made_by_hand(card):
    """As old code does."""
    library = FilterLibrary("cards/a.jpg", default_storage, None, (0.5, 0.5), False)

    assert library.invert.name == "cards/__filtered__/a__invert__.jpg"


def test_what_is_made_shows_the_picture(card):
    """The right way up, cut around the focal point, and inverted."""
    card.image.create_on_demand = True
    card.image.ppoi = (0, 0)
    red = opened(default_storage, card.image.crop["20x20"].name)
    cyan = opened(default_storage, card.image.filters.invert.crop["20x20"].name)

    assert close_to(red.getpixel((3, 3)), (255, 0, 0))
    assert close_to(cyan.getpixel((3, 3)), (0, 255, 255))


def test_pictures_reads_time_in_utc():
    """Records of another machine are compared with this one's clock."""
    assert Later.now(UTC).tzinfo is UTC
