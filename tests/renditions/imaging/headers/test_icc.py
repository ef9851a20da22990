"""Which profiles LittleCMS may read."""

import struct
from io import BytesIO

import pytest
from PIL import Image, ImageCms

from renditions.imaging import colour
from renditions.imaging.colour import to_srgb
from renditions.imaging.geometry import Size
from renditions.imaging.headers.icc import MAX_BYTES, read_profile
from renditions.imaging.recipes import Recipe
from renditions.imaging.sizers import Thumbnail
from tests.renditions.imaging.pictures import (
    CORNERS,
    as_file,
    corners_of,
    four_corners,
    near,
    read,
    render,
)
from tests.renditions.imaging.profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    cmyk_profile,
    display_profile,
    grey_profile,
    rgb_profile,
    table_of_16_bits,
    table_of_version_4,
)

ORDINARY = {
    "Display P3": (rgb_profile(*DISPLAY_P3), "RGB"),
    "Adobe RGB": (rgb_profile(*ADOBE_RGB), "RGB"),
    "grey gamma": (grey_profile(1.0), "L"),
    "a press": (cmyk_profile(), "CMYK"),
    "a display by table": (display_profile(table_of_16_bits()), "RGB"),
    "a large table": (display_profile(table_of_16_bits(grid=85)), "RGB"),
    "version 4 by table": (display_profile(table_of_version_4(), 4), "RGB"),
    "LittleCMS's sRGB": (
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        "RGB",
    ),
    "LittleCMS's Lab": (ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(), "LAB"),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_profile_gives_the_same_colours_as_before(name):
    """LittleCMS needs none of the tags that are removed."""
    data, mode = ORDINARY[name]
    picture = Image.effect_noise((64, 64), 90).convert("RGB").convert(mode)
    picture = picture if mode != "RGB" else four_corners(64, 64)
    wanted = _transformed(picture, data)

    profile = read_profile(data)

    assert profile is not None
    assert (profile.mode, profile.data) == (mode, data)
    assert _transformed(picture, profile.for_littlecms()) == wanted


def _transformed(picture: Image.Image, profile: bytes) -> bytes:
    opened = ImageCms.ImageCmsProfile(BytesIO(profile))
    srgb = ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(picture, opened, srgb, outputMode="RGB").tobytes()


def test_the_table_of_a_display_profile_is_used():
    """In this table the first channel is lightness."""
    for table, version in ((table_of_16_bits(), 2), (table_of_version_4(), 4)):
        file = as_file(four_corners(40, 40), "PNG", icc_profile=display_profile(table, version))

        corners = corners_of(read(render(file, Recipe(Thumbnail(), Size(20, 20)))))

        assert all(max(corner) - min(corner) <= 3 for corner in corners)
        assert corners[0][0] > corners[1][0] + 100


UNSAFE = {
    "a table that is not there": display_profile(table_of_16_bits(points=255)),
    "a table of another space": display_profile(cmyk_profile()[-2000:]),
    "too long": rgb_profile(*DISPLAY_P3) + bytes(MAX_BYTES),
    "a million tags": rgb_profile(*DISPLAY_P3)[:128] + struct.pack(">I", 1_000_000) + bytes(900),
    "a space of no letters": rgb_profile(*DISPLAY_P3)[:16] + b"\xffGB " + bytes(900),
    "no table of tags": rgb_profile(*DISPLAY_P3)[:130],
}


@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_profile_counts_as_none(name):
    """It is neither applied nor embedded."""
    assert read_profile(UNSAFE[name]) is None

    file = as_file(four_corners(40, 40), "WEBP", icc_profile=UNSAFE[name], lossless=True)
    assert near(corners_of(read(render(file, Recipe(format="png")))), CORNERS, by=1)


def test_a_colour_space_that_is_not_ascii_is_no_error():
    profile = bytearray(rgb_profile(*DISPLAY_P3))
    profile[16] = 0xFF
    file = as_file(four_corners(40, 40), "JPEG", icc_profile=bytes(profile))

    image = read(render(file, Recipe(Thumbnail(), Size(1200, 1200))))

    assert near(corners_of(image), CORNERS, by=14)


def test_profiles_do_not_stay_in_memory():
    """Only a few transforms stay, by the digest of their profile."""
    picture = Image.new("RGB", (2, 2), (90, 90, 90))
    for i in range(40):
        red, green, blue, gamma = ADOBE_RGB
        to_srgb(picture, read_profile(rgb_profile(red, green, blue, gamma + i / 256)))

    kept = list(colour._TRANSFORMS)
    assert len(kept) <= 16
    assert all(len(digest) <= 64 for digest, mode in kept)
