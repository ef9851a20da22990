"""Sizers and filters written for the old package, on a picture and made by hand."""

from io import BytesIO

import pytest
from django.core.files.storage import default_storage
from django.forms import modelform_factory
from django.template import Context, Template

from renditions.accessors import MalformedSizedImageKey
from renditions.compat.datastructures import FilteredImage, FilterLibrary, SizedImage
from renditions.compat.versatileimagefield import CroppedImage, InvertImage, ThumbnailImage
from tests.app.models import Person
from tests.renditions.conftest import opened

pytestmark = pytest.mark.django_db


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
    """It has the path, the storage and the focal point of the picture."""
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


def test_code_can_make_an_old_sizer(card, registry):
    registry.register_sizer("framed", Framed)

    framed = Framed("cards/a.jpg", default_storage, True, (0.5, 0.5))

    assert opened(default_storage, framed["30x20"].name).size == (30, 20)


@pytest.mark.usefixtures("card")
def test_code_can_make_the_old_built_in_classes():
    """The registry holds the new classes instead."""
    crop = CroppedImage("cards/a.jpg", default_storage, True, ppoi=(0.25, 0.75))["12x12"]
    thumbnail = ThumbnailImage("cards/a.jpg", default_storage, True)["12x12"]
    inverted = InvertImage("cards/a.jpg", default_storage, True, "invert")

    assert crop.url == "/media/__sized__/cards/a-crop-c0-25__0-75-12x12-70.jpg"
    assert opened(default_storage, crop.name).size == (12, 12)
    assert opened(default_storage, thumbnail.name).size == (12, 8)
    assert inverted.url == "/media/cards/__filtered__/a__invert__.jpg"


def test_code_can_make_an_old_filter(card):
    made = FilteredImage("cards/a.jpg", default_storage, False, filename_key="foo")

    assert made.name == "cards/__filtered__/a__foo__.jpg"
    assert made.url == f"/media/{made.name}"


def test_code_can_make_a_filter_library(card):
    library = FilterLibrary("cards/a.jpg", default_storage, None, (0.5, 0.5), False)

    assert library.invert.name == "cards/__filtered__/a__invert__.jpg"


def test_a_template_shows_what_the_old_package_showed(card, registry):
    """There these were empty dicts."""
    registry.register_sizer("framed", Framed)

    for path in ("crop", "filters", "framed", "filters.invert.crop", "filters.invert.framed"):
        shown = Template(f"{{{{ image.{path} }}}}").render(Context({"image": card.image}))
        assert shown == "{}", path


def test_an_empty_picture_that_a_form_leaves_alone_has_an_empty_name():
    person = Person(headshot=None)
    form = modelform_factory(Person, fields=["name", "headshot"])(
        {"name": "a"}, {}, instance=person
    )

    assert form.is_valid()
    assert form.instance.headshot.name == ""
    assert form.save().headshot.name == ""
