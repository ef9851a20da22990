import itertools
from datetime import datetime, timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.template import Context, Template

from renditions.accessors import InvalidFilter, MalformedSizedImageKey
from renditions.engine import status
from renditions.imaging.sizers import Crop
from renditions.planning.keys import InvalidSizeKey, RenditionKey
from renditions.records import RecordState, project_recorder
from tests.app.models import Card
from tests.conftest import four_corners

from .conftest import CountingStorage, close_to, opened

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
    """Its text is its URL."""
    rendition = access(card.image)

    assert rendition.name == path
    assert rendition.url == f"/media/{path}"
    assert str(rendition) == rendition.url


def test_a_template_reaches_every_rendition(card):
    """Templates use dots only."""
    template = Template(
        "{{ o.image.crop.400x400 }} {{ o.image.filters.invert.thumbnail.9x9.url }}"
        "{{ o.note.crop.400x400 }}{{ o.note.filters.invert.crop.400x400 }}"
    )

    assert template.render(Context({"o": card})) == (
        "/media/__sized__/cards/a-crop-c0-5__0-5-400x400-70.jpg "
        "/media/__sized__/cards/__filtered__/a__invert__-thumbnail-9x9-70.jpg"
    )


def test_a_template_reaches_other_formats(card):
    """A size may end in a format, as in a rendition key."""
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
    assert card.image.thumbnail[size].name == card.image.thumbnail["40x30"].name


@pytest.mark.parametrize(
    "size",
    ["", "fooxbar", "400", "0x10", "-1x10", "4.5x4", "400x", None, 3, "400x300__", "__webp"],
)
def test_a_malformed_size_is_refused(card, size):
    """The message shows a valid size."""
    with pytest.raises(MalformedSizedImageKey, match="400x300"):
        card.image.crop[size]


def test_an_unknown_filter_or_sizer_is_an_error(card):
    with pytest.raises(InvalidFilter):
        card.image.filters.nope  # noqa: B018
    with pytest.raises(AttributeError):
        card.image.nope  # noqa: B018
    with pytest.raises(AttributeError):
        card.image.filters.invert.nope  # noqa: B018
    assert not hasattr(card.image, "_nope")


def test_renditions_cannot_be_assigned(card):
    with pytest.raises(NotImplementedError):
        card.image.crop["1x1"] = None


def test_a_new_sizer_works_on_loaded_pictures(card, registry):
    image = card.image

    class Square(Crop):
        filename_key = "square"

        def key_in_filename(self, ppoi):
            return "square"

    registry.register_sizer("square", Square)

    assert image.square["9x9"].name == "__sized__/cards/a-square-9x9-70.jpg"


def test_the_focal_point_is_part_of_the_name(card):
    card.image.ppoi = "0.25x1"

    assert card.image.crop["9x9"].name == "__sized__/cards/a-crop-c0-25__1-0-9x9-70.jpg"


# ---------------------------------------------------------------- on demand


def test_create_on_demand_must_be_a_bool(card):
    assert card.image.create_on_demand is False
    card.image.create_on_demand = True
    assert card.image.create_on_demand is True
    with pytest.raises(ValueError, match="pickle"):
        card.image.create_on_demand = "pickle"


def test_the_setting_is_read_when_it_is_used(card, configure):
    configure(ON_DEMAND=True)

    assert card.image.create_on_demand is True


def test_without_creation_on_demand_a_page_costs_no_call(
    card, field_storage, settings, tmp_path, django_assert_num_queries
):
    """There is no call to the storage, the cache or the database."""
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
def test_an_access_to_the_name_makes_the_rendition(card):
    rendition = card.image.crop["60x30"]

    assert opened(default_storage, rendition.name).size == (60, 30)


@pytest.mark.usefixtures("on_demand")
def test_a_filtered_size_needs_no_filtered_original(card):
    """That file can be a hundred times as large."""
    small = card.image.filters.invert.crop["60x30"]
    path = card.image.plan(RenditionKey.parse("filters__invert__url")).path

    assert default_storage.exists(small.name)
    assert not default_storage.exists(path)
    card.image.filters.invert.delete()
    assert not default_storage.exists(path)
    assert str(card.image.filters.invert) == f"/media/{path}"
    assert default_storage.exists(path)


@pytest.mark.usefixtures("on_demand")
def test_a_second_access_needs_only_the_cache(card, field_storage, tmp_path):
    storage = field_storage("image", CountingStorage(tmp_path / "media", base_url="/media/"))
    card = fresh(card)
    str(card.image.crop["60x30"])
    storage.calls.clear()

    str(card.image.crop["60x30"])

    assert not storage.calls


@pytest.mark.usefixtures("on_demand")
def test_a_made_rendition_is_not_checked_again_later(card, field_storage, tmp_path, monkeypatch):
    storage = field_storage("image", CountingStorage(tmp_path / "media", base_url="/media/"))
    card = fresh(card)
    str(card.image.crop["60x30"])
    storage.calls.clear()
    monkeypatch.setattr(status, "datetime", Later)

    str(card.image.crop["60x30"])

    assert not storage.calls


@pytest.mark.usefixtures("on_demand")
def test_a_changed_setting_renders_again(card, configure):
    """The path stays the same."""
    name = card.image.crop["60x30"].name
    configure(PROGRESSIVE_JPEG=True)

    assert card.image.crop["60x30"].name == name
    assert opened(default_storage, name).info.get("progressive")


@pytest.mark.usefixtures("on_demand")
def test_a_signed_url_needs_no_call(card, field_storage, tmp_path):
    """Records are found by the path, because a signed URL differs each time."""

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
def test_an_existing_file_is_adopted(card):
    """The old package may have made it."""
    path = "__sized__/cards/a-crop-c0-5__0-5-60x30-70.jpg"
    default_storage.save(path, ContentFile(four_corners(60, 30)))

    assert card.image.crop["60x30"].name == path

    with default_storage.open(path) as file:
        assert file.read() == four_corners(60, 30)


@pytest.mark.usefixtures("on_demand")
@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_a_bad_picture_breaks_no_page(card, content):
    """The page gets a URL, and the record the reason."""
    default_storage.delete("cards/a.jpg")
    if content is not None:
        default_storage.save("cards/a.jpg", ContentFile(content))

    assert card.image.crop["60x30"].url
    assert card.image.filters.invert.crop["60x30"].url

    plan = card.image.plan(RenditionKey.parse("crop__60x30"))
    assert project_recorder().recall([plan])[plan.path].state is RecordState.FAILED


@pytest.mark.usefixtures("on_demand")
@pytest.mark.parametrize("look", ["crop", "filters"])
def test_an_accessor_alone_makes_nothing(card, look):
    """A template that shows no URL costs no rendition."""
    rendition = card.image.crop["60x30"] if look == "crop" else card.image.filters.invert
    key = "crop__60x30" if look == "crop" else "filters__invert__url"
    path = card.image.plan(RenditionKey.parse(key)).path

    assert not default_storage.exists(path)
    assert rendition.name == path
    assert default_storage.exists(path)


@pytest.mark.usefixtures("on_demand")
def test_a_bad_picture_is_not_tried_for_each_visitor(card, field_storage, tmp_path, monkeypatch):
    """It is tried again only after RETRY_AFTER_S."""
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
    """Its file and its record are deleted."""
    card.image.create_on_demand = True
    rendition = card.image.thumbnail["9x9"]
    assert default_storage.exists(rendition.name)
    plan = card.image.plan(RenditionKey.parse("thumbnail__9x9"))
    assert project_recorder().recall([plan])

    rendition.delete()

    assert not default_storage.exists(rendition.name)
    assert not project_recorder().recall([plan])


def test_clear_cache_deletes_only_the_record(card):
    card.image.create_on_demand = True
    rendition = card.image.thumbnail["9x9"]
    assert default_storage.exists(rendition.name)

    rendition.clear_cache()

    assert default_storage.exists(rendition.name)
    plan = card.image.plan(RenditionKey.parse("thumbnail__9x9"))
    assert not project_recorder().recall([plan])


@pytest.mark.parametrize(("lifetime_s", "known"), [(None, True), (0, False)])
@pytest.mark.usefixtures("on_demand")
def test_the_lifetime_of_a_record_may_be_unlimited_or_zero(card, configure, lifetime_s, known):
    """These are the meanings of None and 0 in the old package."""
    configure(RECORD_LIFETIME_S=lifetime_s)
    plan = card.image.plan(RenditionKey.parse("crop__9x9"))

    assert card.image.crop["9x9"].name
    assert default_storage.exists(plan.path)
    assert (plan.path in project_recorder().recall([plan])) is known


def test_a_rendition_shows_the_right_part_of_the_picture(card):
    card.image.create_on_demand = True
    card.image.ppoi = (0, 0)
    red = opened(default_storage, card.image.crop["20x20"].name)
    cyan = opened(default_storage, card.image.filters.invert.crop["20x20"].name)

    assert close_to(red.getpixel((3, 3)), (255, 0, 0))
    assert close_to(cyan.getpixel((3, 3)), (0, 255, 255))


# ---------------------------------------------------------------- empty pictures


def test_an_empty_picture_has_empty_renditions(card):
    """The name and the URL are empty, and deletion does nothing."""
    for rendition in (card.note.crop["9x9"], card.note.filters.invert):
        assert (rendition.name, rendition.url, str(rendition)) == ("", "", "")
        rendition.delete()
        rendition.clear_cache()
    card.note.delete_all_created_images()


def test_placehold_it_serves_an_empty_picture(card, configure):
    """The URL has the requested size."""
    configure(PLACEHOLDIT=True)

    assert card.note.crop["400x300"].url == "http://placehold.it/400x300"
    assert card.note.filters.invert.crop["400x400"].url == "http://placehold.it/400x400"
    assert card.note.filters.invert.url == ""
    assert card.image.crop["400x300"].url.startswith("/media/")
    assert card.back.crop["400x300"].url.startswith("/media/__sized__/__placeholder__")
