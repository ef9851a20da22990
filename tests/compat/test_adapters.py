"""Sizers and filters written for the old package beside new ones."""

from io import BytesIO

import pytest
from PIL import Image, ImageOps

from renditions.compat.adapters import LegacyFilter, LegacySizer
from renditions.compat.datastructures import FilteredImage, SizedImage
from renditions.imaging.filters import Invert
from renditions.imaging.formats import Encoding
from renditions.imaging.geometry import FocalPoint, Size
from renditions.imaging.recipes import Recipe
from renditions.imaging.rendering import open_picture
from renditions.imaging.sizers import Crop, Thumbnail
from renditions.imaging.sources import Limits
from tests.renditions.imaging.pictures import (
    BLUE,
    CORNERS,
    GREEN,
    RED,
    YELLOW,
    as_file,
    corners_of,
    four_corners,
    near,
    photograph,
    read,
    render,
    with_orientation,
)


class Padded(SizedImage):
    """Written as the old package's manual shows it."""

    filename_key = "padded"
    seen: list = []

    def process_image(self, image, image_format, save_kwargs, width, height):
        self.seen.append((image.size, image.mode, image.format, image_format, self.ppoi))
        imagefile = BytesIO()
        image.thumbnail((width, height))
        padded = Image.new(image.mode, (width, height))
        padded.paste(image)
        padded.save(imagefile, **save_kwargs)
        return imagefile


class Mirrored(FilteredImage):
    calls = 0

    def process_image(self, image, image_format, save_kwargs):
        type(self).calls += 1
        imagefile = BytesIO()
        ImageOps.mirror(image).save(imagefile, **save_kwargs)
        return imagefile


class GreyJpeg(FilteredImage):
    def preprocess_JPEG(self, image):  # noqa: N802
        return image.convert("L"), {"quality": 90}

    def process_image(self, image, image_format, save_kwargs):
        imagefile = BytesIO()
        image.save(imagefile, **save_kwargs)
        return imagefile


class InAFile:
    """A file object that is not a BytesIO, like Django's ContentFile."""

    def __init__(self, file):
        self.seek, self.read = file.seek, file.read


class Own(FilteredImage):
    """An old filter with its own names for arguments and its own options."""

    options: dict = {}

    def process_image(self, picture, name, options):
        buffer = BytesIO()
        picture.save(buffer, **self.options, **options)
        return InAFile(buffer)


class Fine(Own):
    def preprocess_JPEG(self, image):  # noqa: N802
        return image, {}


def sizer(cls=Padded):
    return LegacySizer(cls, "sizer")


def a_filter(cls, **options):
    return LegacyFilter(type("Chosen", (cls,), {"options": options}) if options else cls, "filter")


def test_an_old_sizer_gets_the_whole_upright_picture():
    """It gets the picture at full size, with its focal point and format."""
    Padded.seen.clear()
    file = with_orientation(four_corners(320, 200), 6)

    rendered = render(file, Recipe(sizer(), Size(50, 100), FocalPoint(0.25, 0.75)))

    assert Padded.seen == [((200, 320), "RGB", "JPEG", "JPEG", (0.25, 0.75))]
    assert (rendered.size, rendered.mime) == (Size(50, 100), "image/jpeg")
    assert near(corners_of(read(rendered))[:2], [BLUE, RED], by=20)


def test_old_and_new_share_a_picture():
    """An old sizer that changes its picture does not change the others."""
    recipes = [
        Recipe(sizer(), Size(40, 40)),
        Recipe(Crop(), Size(40, 40)),
        Recipe(sizer(), Size(80, 80)),
        Recipe(Thumbnail(), Size(100, 100)),
    ]
    with open_picture(as_file(four_corners(100, 100), "PNG"), recipes, Limits()) as picture:
        images = [read(picture.render(recipe)) for recipe in recipes]

    assert [image.size for image in images] == [(40, 40), (40, 40), (80, 80), (100, 100)]
    assert all(near(corners_of(image), CORNERS, by=3) for image in images)


def test_the_format_hook_is_called():
    """`preprocess_JPEG` may change the picture and the options."""
    image = read(render(as_file(four_corners(60, 60), "JPEG"), Recipe(filter=a_filter(GreyJpeg))))

    assert (image.mode, image.size) == ("L", (60, 60))
    assert (
        read(render(as_file(four_corners(9, 9), "PNG"), Recipe(filter=a_filter(GreyJpeg)))).mode
        == "RGB"
    )


def test_old_filters_before_new_and_old_sizers():
    """A filter runs once at full size, before all sizers."""
    Mirrored.calls = 0
    old = a_filter(Mirrored)
    recipes = [
        Recipe(Crop(), Size(20, 20), filter=old),
        Recipe(sizer(), Size(30, 30), filter=old),
        Recipe(filter=old),
    ]
    with open_picture(as_file(four_corners(100, 100), "PNG"), recipes, Limits()) as picture:
        images = [read(picture.render(recipe)) for recipe in recipes]

    assert [image.size for image in images] == [(20, 20), (30, 30), (100, 100)]
    assert all(near(corners_of(image), [GREEN, RED, YELLOW, BLUE], by=3) for image in images)
    assert Mirrored.calls == 1


def test_a_new_filter_before_an_old_sizer():
    recipe = Recipe(sizer(), Size(30, 30), filter=Invert())

    image = read(render(as_file(four_corners(100, 100), "PNG"), recipe))

    wanted = [tuple(255 - channel for channel in colour) for colour in CORNERS]
    assert near(corners_of(image), wanted, by=3)


def test_an_old_sizer_saves_with_the_options_of_the_format():
    """The quality comes from the settings."""
    file = as_file(Image.effect_noise((90, 90), 90), "JPEG")
    sizes = [
        len(render(file, Recipe(sizer(), Size(90, 90), encoding=Encoding(jpeg_quality=q))).data)
        for q in (20, 90)
    ]

    assert sizes[0] * 2 < sizes[1]


def test_an_old_filter_is_called_by_position_and_may_return_any_file():
    """An old filter chooses the names of its arguments, and its file need not be a BytesIO."""
    image = read(render(as_file(four_corners(60, 40), "JPEG"), Recipe(filter=a_filter(Own))))

    assert near(corners_of(image), CORNERS, by=20)


@pytest.mark.parametrize(
    ("name", "old"),
    [
        ("PNG", a_filter(Own, compress_level=9)),
        ("WEBP", a_filter(Own, method=6)),
        ("JPEG", a_filter(Fine, quality=95, progressive=True)),
    ],
)
def test_old_code_may_add_options_of_its_own(name, old):
    """Only options that the format hook returned are passed in, so none is passed twice."""
    assert read(render(as_file(four_corners(60, 40), name), Recipe(filter=old))).format == name


def test_an_old_sizer_gets_a_palette_unchanged():
    """Old code restores the palette of a GIF after it resized the picture."""
    Padded.seen.clear()
    picture = four_corners(40, 40).quantize(4)

    render(as_file(picture, "GIF"), Recipe(sizer(), Size(20, 20)))

    assert Padded.seen[0][1] == "P"


def test_an_old_sizer_writes_no_metadata():
    file = as_file(four_corners(40, 40), "JPEG", comment=b"SECRET", xmp=b"SECRET")

    assert b"SECRET" not in render(file, Recipe(sizer(), Size(20, 20))).data


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("format_name", ["JPEG", "PNG"])
def test_a_large_picture_is_decoded_twice(format_name, orientation, monkeypatch):
    """A picture that is too large to keep in memory gives the same renditions."""
    recipes = [
        Recipe(sizer(), Size(60, 60)),
        Recipe(Crop(), Size(40, 40)),
        Recipe(sizer(), Size(80, 80), filter=Invert()),
        Recipe(Thumbnail(), Size(100, 100), filter=a_filter(Mirrored)),
    ]
    file = with_orientation(photograph(300, 200), orientation, format_name)

    def made(recipes: list[Recipe]) -> list[bytes]:
        with open_picture(file, recipes, Limits()) as picture:
            return [picture.render(recipe).data for recipe in recipes]

    kept, kept_old = made(recipes), made(recipes[:1])
    monkeypatch.setattr("renditions.imaging.rendering._MAX_KEPT_PIXELS", 1000)
    anew = made(recipes)

    assert [anew[i] for i in (0, 2, 3)] == [kept[i] for i in (0, 2, 3)]
    assert made(recipes[:1]) == kept_old
    # New code gets what it gets where no old code is beside it.
    assert anew[1] == made(recipes[1:2])[0]
