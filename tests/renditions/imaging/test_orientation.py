"""Which way is up."""

import pytest
from PIL import Image, ImageOps

from renditions.imaging.geometry import FocalPoint, Size
from renditions.imaging.recipes import Recipe
from renditions.imaging.sizers import Crop, Thumbnail
from renditions.imaging.sources import Limits, probe

from .pictures import (
    BLUE,
    CORNERS,
    GREEN,
    RED,
    YELLOW,
    as_file,
    corners_of,
    four_corners,
    near,
    read,
    render,
    with_orientation,
)
from .test_modes import WITH_TIFF

# Orientation: the corners of the upright picture, if CORNERS are stored.
UPRIGHT_CORNERS = {
    1: (RED, GREEN, BLUE, YELLOW),
    2: (GREEN, RED, YELLOW, BLUE),
    3: (YELLOW, BLUE, GREEN, RED),
    4: (BLUE, YELLOW, RED, GREEN),
    5: (RED, BLUE, GREEN, YELLOW),
    6: (BLUE, RED, YELLOW, GREEN),
    7: (YELLOW, GREEN, BLUE, RED),
    8: (GREEN, YELLOW, RED, BLUE),
}


@pytest.mark.parametrize(("orientation", "corners"), UPRIGHT_CORNERS.items())
def test_every_orientation_comes_out_upright(orientation, corners):
    file = with_orientation(four_corners(320, 200), orientation)

    image = read(render(file, Recipe(Thumbnail(), Size(80, 80))))

    assert image.size == ((80, 50) if orientation < 5 else (50, 80))
    assert near(corners_of(image), corners, by=12)
    assert not image.getexif()


@pytest.mark.parametrize("orientation", UPRIGHT_CORNERS)
@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "AVIF"])
def test_other_formats_have_an_orientation_too(format_name, orientation):
    file = with_orientation(four_corners(64, 40), orientation, format_name)
    reference = ImageOps.exif_transpose(Image.open(file))

    image = read(render(file, Recipe(Thumbnail(), Size(500, 500), format="png")))

    assert image.size == reference.size
    assert near(corners_of(image), UPRIGHT_CORNERS[orientation], by=16)


@pytest.mark.parametrize("where", ["tag", "xmp"])
@pytest.mark.parametrize("orientation", UPRIGHT_CORNERS)
def test_a_tiff_is_turned_once(orientation, where):
    """Pillow turns a TIFF while it decodes, and may swap its sides before."""
    xmp = f'<rdf:Description tiff:Orientation="{orientation}"/>'.encode()
    tags = {274: orientation} if where == "tag" else {700: xmp}
    file = as_file(four_corners(64, 40), "TIFF", tiffinfo=tags)
    size = (64, 40) if orientation < 5 else (40, 64)

    assert probe(file, WITH_TIFF).size == Size(*size)
    for recipe in (Recipe(format="png"), Recipe(Thumbnail(), Size(500, 500), format="png")):
        image = read(render(file, recipe, WITH_TIFF))
        assert image.size == size
        assert near(corners_of(image), UPRIGHT_CORNERS[orientation], by=0)
    crop = read(render(file, Recipe(Crop(), Size(9, 9), FocalPoint(0, 0), format="png"), WITH_TIFF))
    assert near([crop.getpixel((1, 1))], UPRIGHT_CORNERS[orientation][:1], by=0)


@pytest.mark.parametrize("orientation", UPRIGHT_CORNERS)
def test_the_focal_point_is_in_the_upright_picture(orientation):
    """The crop shows the point that an editor has clicked."""
    file = with_orientation(four_corners(400, 300), orientation)
    places = [FocalPoint(x, y) for y in (0.0, 1.0) for x in (0.0, 1.0)]
    for place, colour in zip(places, UPRIGHT_CORNERS[orientation], strict=True):
        recipe = Recipe(Crop(), Size(20, 100), ppoi=place)

        image = read(render(file, recipe))

        row = 10 if place.y == 0 else 89
        assert near([image.getpixel((10, row))], [colour], by=12)


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0not tiff at all",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0\0\0\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x01ab\0\0\0\0\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12",
    ],
    ids=["no tiff", "bad offset", "orientation 99", "orientation is text", "cut short"],
)
def test_broken_exif_means_upright(exif):
    image = read(render(as_file(four_corners(100, 80), "JPEG", exif=exif), Recipe()))

    assert near(corners_of(image), CORNERS, by=12)


def test_exif_after_the_pixels_of_a_png_counts():
    """It is found without a decode."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = as_file(four_corners(60, 40), "PNG", exif=exif).getvalue()
    start = data.index(b"eXIf") - 4
    chunk = data[start : start + 12 + int.from_bytes(data[start : start + 4], "big")]
    end = data.index(b"IEND") - 4
    data = data[:start] + data[start + len(chunk) : end] + chunk + data[end:]
    file = as_file(four_corners(1, 1), "PNG")
    file.seek(0)
    file.write(data)

    assert probe(file, Limits()).size == Size(40, 60)
    assert near(corners_of(read(render(file, Recipe()))), UPRIGHT_CORNERS[6], by=0)
