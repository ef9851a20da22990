"""What is found out of an original for pages: size, colour, ThumbHash, frames and transparency."""

from base64 import b64decode
from io import BytesIO

import pytest
from PIL import Image

from renditions.imaging import thumbhash
from renditions.imaging.facts import SAMPLE
from renditions.imaging.geometry import Size
from renditions.imaging.orientation import ORIENTATION_TAG
from renditions.imaging.rendering import open_picture
from renditions.imaging.sources import Limits
from tests.conftest import four_corners

EVERY_FORMAT = Limits(formats=("JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP"))


def facts_of(image: Image.Image, file_format: str = "PNG", **options):
    buffer = BytesIO()
    image.save(buffer, file_format, **options)
    return facts_in(buffer.getvalue())


def facts_in(data: bytes):
    with open_picture(BytesIO(data), [SAMPLE], EVERY_FORMAT) as picture:
        return picture.facts()


def test_the_hash_is_that_of_another_encoder():
    """Computed with the package `thumbhash` 0.1.2, for the same 32x20 pixels."""
    pixels = bytes(
        part
        for y in range(20)
        for x in range(32)
        for part in ((x * x * 7 + y * 13) % 256, (x * 5 + y * y * 3) % 256, (x * y * 11) % 256, 255)
    )

    assert thumbhash.encode(pixels, Size(32, 20)).hex() == "5e08060c84616586406675537663fc39fc68bb"


@pytest.mark.parametrize(
    "size", [Size(32, 20), Size(20, 32), Size(32, 32), Size(8, 32), Size(8, 8)]
)
@pytest.mark.parametrize("alpha", [255, 128])
def test_a_hash_gives_back_the_colours(size, alpha):
    """Each cell of a picture of one colour has that colour, up to the steps of the hash."""
    pixels = bytes([200, 100, 40, alpha]) * (size.width * size.height)

    grid = thumbhash.colours(thumbhash.encode(pixels, size), 4, 3)

    assert (len(grid), len(grid[0])) == (3, 4)
    for row in grid:
        for colour in row:
            assert all(abs(a - b) < 8 for a, b in zip(colour, (200, 100, 40), strict=True))


@pytest.mark.parametrize("data", [b"", b"abcd", b"abcde", bytes(12)])
def test_a_hash_that_is_too_short_is_refused(data):
    with pytest.raises(ValueError, match="too short"):
        thumbhash.colours(data, 4, 3)


def test_the_corners_of_a_picture_are_those_of_its_hash():
    """Red and lime at the top, blue and yellow below; a quarter turn turns them, too."""
    upright = Image.open(BytesIO(four_corners(320, 200, "PNG")))
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 6
    turned = facts_of(upright, "JPEG", exif=exif.tobytes(), quality=95)

    assert corners(facts_of(upright)) == ["red", "lime", "blue", "yellow"]
    assert corners(turned) == ["blue", "red", "yellow", "lime"]
    assert (turned.size, facts_of(upright).size) == (Size(200, 320), Size(320, 200))


def corners(facts) -> list[str]:
    grid = thumbhash.colours(b64decode(facts.thumbhash), 4, 4)
    names = {"red": (1, 0, 0), "lime": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0)}
    found = [grid[0][0], grid[0][3], grid[3][0], grid[3][3]]
    by_shape = {shape: name for name, shape in names.items()}
    return [by_shape[tuple(int(part > 140) for part in colour)] for colour in found]


def test_the_dominant_colour_is_that_of_most_pixels():
    """Not the mean, which would be in no part of the picture."""
    image = Image.new("RGB", (100, 100), (200, 30, 40))
    image.paste((10, 10, 220), (0, 0, 100, 30))

    red, green, blue = (int(facts_of(image).color[at : at + 2], 16) for at in (1, 3, 5))

    assert abs(red - 200) < 12
    assert abs(green - 30) < 12
    assert abs(blue - 40) < 12


def test_transparent_pixels_have_no_colour():
    """Black hides behind most transparent pixels."""
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    image.paste((240, 200, 20, 255), (40, 40, 60, 60))

    facts = facts_of(image)

    assert facts.has_alpha
    assert facts.color[1:3] > "d0"


@pytest.mark.parametrize(
    ("mode", "alpha"),
    [("RGB", False), ("L", False), ("P", False), ("1", False), ("RGBA", False), ("LA", False)],
)
def test_an_alpha_channel_without_transparent_pixels_is_none(mode, alpha):
    """Many programs write one."""
    image = Image.open(BytesIO(four_corners(64, 40, "PNG"))).convert("RGBA").convert(mode)

    assert facts_of(image).has_alpha is alpha


def test_one_transparent_pixel_counts():
    image = Image.open(BytesIO(four_corners(64, 40, "PNG"))).convert("RGBA")
    image.putpixel((3, 3), (0, 0, 0, 0))

    assert facts_of(image).has_alpha


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "AVIF", "PNG"])
def test_an_animation_is_told_from_a_still_picture(file_format):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "lime", "blue")]
    options = {"save_all": True, "append_images": frames[1:], "duration": 90}

    assert facts_of(frames[0], file_format, **options).is_animated
    assert not facts_of(frames[0], file_format).is_animated


def test_the_pictures_of_a_multi_picture_file_are_no_animation():
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "lime")]

    facts = facts_of(frames[0], "MPO", save_all=True, append_images=frames[1:])

    assert not facts.is_animated


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 2)])
def test_every_shape_has_facts(size):
    facts = facts_of(Image.new("RGB", size, (9, 90, 200)))

    assert facts.size == Size(*size)
    for row in thumbhash.colours(b64decode(facts.thumbhash), 3, 3):
        for colour in row:
            assert all(abs(a - b) < 12 for a, b in zip(colour, (9, 90, 200), strict=True))
