"""Which pixels are these really?"""

from io import BytesIO

import pytest
from PIL import Image, ImageStat

from renditions.imaging.formats import Encoding
from renditions.imaging.geometry import Size
from renditions.imaging.rendering import Recipe
from renditions.imaging.sizers import Crop, Thumbnail
from renditions.imaging.sources import Limits

from .pictures import CORNERS, as_file, corners_of, four_corners, near, read, render

WITH_TIFF = Limits(formats=("JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP"))
GREYS = (20, 90, 160, 250)


@pytest.mark.parametrize(
    ("mode", "format_name", "factor"),
    [
        ("I;16", "PNG", 257),
        ("I;16", "TIFF", 257),
        ("I;16B", "TIFF", 257),
        ("I", "TIFF", 257),
        ("I", "TIFF", 1),
        ("I", "TIFF", 2**23),
        ("F", "TIFF", 1 / 255),
        ("F", "TIFF", 1),
        ("F", "TIFF", 257),
    ],
)
def test_deep_grey_keeps_its_brightness(mode, format_name, factor):
    """16 and 32 bits become the 8 that they stand for, not white."""
    white_and_corners = [*GREYS[:3], 255]
    picture = Image.new("F", (40, 40))
    for i, grey in enumerate(white_and_corners):
        picture.paste(grey * factor, (i % 2 * 20, i // 2 * 20, i % 2 * 20 + 20, i // 2 * 20 + 20))
    picture = picture if mode == "F" else picture.convert("I")
    picture = picture if mode in ("F", "I") else _sixteen_bits(picture, mode)
    file = as_file(picture, format_name)

    image = read(render(file, Recipe(Thumbnail(), Size(20, 20), format="png"), WITH_TIFF))

    assert image.mode == "L"
    assert near(corners_of(image), [(grey,) for grey in white_and_corners], by=2)


def _sixteen_bits(picture: Image.Image, mode: str) -> Image.Image:
    order = "big" if mode.endswith("B") else "little"
    data = b"".join(int(value).to_bytes(2, order) for value in picture.get_flattened_data())
    return Image.frombytes(mode, picture.size, data)


@pytest.mark.parametrize("format_name", ["PNG", "GIF", "BMP"])
def test_a_palette_is_left_before_anything_is_averaged(format_name):
    """Between two palette entries lies their mixture, not whatever number lies between."""
    palette = Image.new("P", (64, 64))
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    for x in range(0, 64, 2):
        palette.paste(2, (x, 0, x + 1, 64))

    recipe = Recipe(Thumbnail(), Size(8, 8), format="png")
    image = read(render(as_file(palette, format_name), recipe, WITH_TIFF)).convert("RGB")

    assert near([image.getpixel((4, 4))], [(127, 0, 127)], by=6)


def test_bits_become_grey():
    """A scan in black and white is smooth when it is small."""
    picture = Image.new("1", (64, 64))
    for x in range(0, 64, 2):
        picture.paste(1, (x, 0, x + 1, 64))

    image = read(render(as_file(picture, "PNG"), Recipe(Thumbnail(), Size(8, 8))))

    assert image.mode == "L"
    assert near([[image.getpixel((4, 4))]], [[127]], by=6)


def _half_transparent(mode: str) -> tuple[BytesIO, str]:
    """Return a file, white on its left half and on its right half red that nobody can see."""
    picture = Image.new("RGBA", (80, 80), (255, 255, 255, 255))
    picture.paste((255, 0, 0, 0), (40, 0, 80, 80))
    if mode == "RGBA":
        return as_file(picture, "PNG"), mode
    if mode == "LA":
        return as_file(picture.convert("LA"), "PNG"), mode
    grey = Image.new("P" if mode.startswith("P") else "L", (80, 80), 1)
    if grey.mode == "P":
        grey.putpalette([255, 0, 0, 255, 255, 255])
    grey.paste(0, (40, 0, 80, 80))
    if mode == "RGB transparent":
        plain = Image.new("RGB", (80, 80), (255, 255, 255))
        plain.paste((255, 0, 0), (40, 0, 80, 80))
        return as_file(plain, "PNG", transparency=(255, 0, 0)), mode
    if mode == "L transparent":
        grey = grey.point(lambda value: 255 if value else 9)
        return as_file(grey, "PNG", transparency=9), mode
    return as_file(grey, "GIF" if "GIF" in mode else "PNG", transparency=0), mode


@pytest.mark.parametrize(
    "mode", ["RGBA", "LA", "P transparent", "P GIF", "L transparent", "RGB transparent"]
)
def test_transparency_stays_and_hidden_colours_stay_hidden(mode):
    """The edge of a cut-out has no fringe of what was cut away."""
    file, _ = _half_transparent(mode)

    image = read(render(file, Recipe(Crop(), Size(33, 33), format="png"))).convert("RGBA")

    assert image.getpixel((3, 16))[3] == 255
    assert image.getpixel((29, 16))[3] == 0
    assert any(0 < image.getpixel((x, 16))[3] < 255 for x in range(33)), "an edge is soft"
    for x in range(33):
        red, green, blue, alpha = image.getpixel((x, 16))
        assert alpha < 8 or min(red, green, blue) > 240, (x, image.getpixel((x, 16)))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P transparent", "P GIF"])
@pytest.mark.parametrize("background", [(255, 255, 255), (0, 128, 255)])
def test_what_a_jpeg_cannot_hold_lies_on_the_background(mode, background):
    """Transparent becomes paper, not black."""
    file, _ = _half_transparent(mode)
    encoding = Encoding(background=background, jpeg_quality=95)

    image = read(render(file, Recipe(Crop(), Size(40, 40), format="jpeg", encoding=encoding)))

    assert near([image.convert("RGB").getpixel((35, 20))], [background], by=4)


def test_pa_keeps_its_transparency():
    """Palette with alpha, as a TIFF may hold it, is no special case for the reader."""
    from renditions.imaging.modes import plain, straight

    picture = four_corners(40, 40, [(*colour, 60) for colour in CORNERS])
    image = straight(plain(picture.convert("PA")), grey=False)

    assert image.mode == "RGBA"
    assert [colour[3] for colour in corners_of(image)] == [60] * 4


def test_an_opaque_picture_needs_no_alpha():
    """An alpha that hides nothing costs nothing."""
    picture = four_corners(40, 40, [(*colour, 255) for colour in CORNERS])

    assert read(render(as_file(picture, "PNG"), Recipe(Crop(), Size(20, 20)))).mode == "RGB"


@pytest.mark.parametrize("alpha", [1, 60, 128, 254])
def test_colours_survive_their_alpha(alpha):
    """Premultiplied and back again: a colour is what it was, as far as its alpha lets it."""
    picture = four_corners(60, 60, [(*colour, alpha) for colour in CORNERS])

    image = read(render(as_file(picture, "PNG"), Recipe(Crop(), Size(30, 30))))

    assert [colour[3] for colour in corners_of(image)] == [alpha] * 4
    assert alpha == 1 or near(corners_of(image), [(*c, alpha) for c in CORNERS], by=255 / alpha + 1)


def test_grey_stays_grey():
    """Grey in, one channel out."""
    picture = Image.linear_gradient("L")
    for format_name in ("JPEG", "PNG", "GIF"):
        image = read(render(as_file(picture, format_name), Recipe(Crop(), Size(64, 64))))
        assert image.mode in ("L", "P")
        assert abs(ImageStat.Stat(image.convert("L")).mean[0] - 127.5) < 2
