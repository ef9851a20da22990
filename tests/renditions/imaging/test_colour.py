"""What the numbers mean, against LittleCMS over the whole picture."""

import struct
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat

from renditions.imaging.formats import Encoding
from renditions.imaging.geometry import Size
from renditions.imaging.rendering import Recipe
from renditions.imaging.sizers import Thumbnail
from renditions.imaging.sources import Limits

from .pictures import CORNERS, as_file, corners_of, four_corners, gradient, near, read, render

TIFF = Limits(formats=("TIFF", "JPEG", "PNG"))

# Primaries as XYZ under D50, and gamma.
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841), 2.2)
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446), 2.2)


def _xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in (x, y, z)))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Return an ICC 2.1 monitor profile with these tags, as ICC.1:2001-04 lays it out."""
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = {b"desc": text, b"cprt": b"text\0\0\0\0none\0", b"wtpt": _xyz(0.9642, 1, 0.8249), **tags}
    offset, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += name + struct.pack(">2I", offset + len(body), len(value))
        body += value
    header = struct.pack(
        ">I4sI4s4s4s12s4s",
        0,
        b"lcms",
        0x02100000,
        b"mntr",
        space,
        b"XYZ ",
        struct.pack(">6H", 2024, 1, 1, 0, 0, 0),
        b"acsp",
    )
    header += bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    whole = header + struct.pack(">I", len(tags)) + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def rgb_profile(red, green, blue, gamma) -> bytes:
    tags = {
        name: _xyz(*xyz)
        for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), (red, green, blue), strict=True)
    }
    return _profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma)))


def grey_profile(gamma: float) -> bytes:
    return _profile(b"GRAY", {b"kTRC": _curve(gamma)})


def _reference(picture: Image.Image, profile: bytes, size: tuple[int, int]) -> Image.Image:
    """Return what LittleCMS makes of the full size, shrunk afterwards."""
    converted = ImageCms.profileToProfile(
        picture,
        ImageCms.ImageCmsProfile(BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
    )
    return converted.resize(size, Image.Resampling.LANCZOS)


def _error(one: Image.Image, other: Image.Image) -> float:
    return max(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other)).mean)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("primaries", [DISPLAY_P3, ADOBE_RGB], ids=["Display P3", "Adobe RGB"])
def test_a_profile_is_applied_and_dropped(primaries, format_name):
    """The picture looks the same where nobody reads profiles."""
    profile = rgb_profile(*primaries)
    file = as_file(gradient(300, 200), format_name, icc_profile=profile, quality=95)
    stored = Image.open(file).convert("RGB")
    limits = Limits(formats=("TIFF", "JPEG", "PNG", "WEBP", "AVIF"))

    image = read(render(file, Recipe(Thumbnail(), Size(90, 90), format="png"), limits))

    reference = _reference(stored, profile, image.size)
    assert _error(image, reference) < 1.5
    assert _error(stored.resize(image.size), reference) > 3, "the profile does change the picture"
    assert "icc_profile" not in image.info


def test_a_grey_gamma_is_applied():
    """Grey has profiles too, and stays grey."""
    profile = grey_profile(1.0)
    picture = Image.linear_gradient("L")
    file = as_file(picture, "PNG", icc_profile=profile)

    image = read(render(file, Recipe(Thumbnail(), Size(64, 64))))

    assert image.mode == "L"
    assert _error(image, _reference(picture, profile, image.size)) < 1.5
    assert ImageStat.Stat(image).mean[0] > 150, "linear light is brighter in sRGB"


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_a_profile_leaves_alpha_alone(mode):
    """Transparency has no colour."""
    profile = grey_profile(1.0) if mode == "LA" else rgb_profile(*DISPLAY_P3)
    picture = four_corners(40, 40, [(*colour, 90) for colour in CORNERS]).convert(mode)
    opaque = picture.convert(mode[:-1])

    image = read(
        render(as_file(picture, "PNG", icc_profile=profile), Recipe(Thumbnail(), Size(20, 20)))
    )

    assert [colour[-1] for colour in corners_of(image)] == [90] * 4
    wanted = corners_of(_reference(opaque, profile, (20, 20)))
    assert near([c[:3] for c in corners_of(image.convert("RGBA"))], wanted, by=6)


def test_a_colour_profile_in_a_grey_picture_does_no_harm():
    """Cameras embed sRGB in black and white photographs."""
    file = as_file(Image.linear_gradient("L"), "JPEG", icc_profile=rgb_profile(*ADOBE_RGB))

    image = read(render(file, Recipe(Thumbnail(), Size(64, 64))))

    assert image.mode == "L"
    assert abs(ImageStat.Stat(image).mean[0] - 127.5) < 6


@pytest.mark.parametrize("profile", [b"no profile", rgb_profile(*DISPLAY_P3)[:200], b"\0" * 500])
def test_a_broken_profile_counts_as_none(profile):
    """A picture is worth more than its metadata."""
    file = as_file(four_corners(40, 40), "JPEG", icc_profile=profile)

    assert near(corners_of(read(render(file, Recipe()))), CORNERS, by=14)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_profile_can_be_kept(format_name):
    """`keep` changes no number and says what the numbers mean."""
    profile = rgb_profile(*DISPLAY_P3)
    file = as_file(four_corners(80, 80), "PNG", icc_profile=profile)
    recipe = Recipe(
        Thumbnail(),
        Size(40, 40),
        format=format_name,
        encoding=Encoding(color="keep", jpeg_quality=95),
    )

    image = read(render(file, recipe))

    assert image.info["icc_profile"] == profile
    assert near(corners_of(image), CORNERS, by=14)


def test_a_profile_is_not_kept_where_it_would_lie():
    """What had to be converted is in sRGB whatever was asked for."""
    file = as_file(four_corners(80, 80), "PNG", icc_profile=rgb_profile(*DISPLAY_P3))
    recipe = Recipe(format="gif", encoding=Encoding(color="keep"))

    assert "icc_profile" not in read(render(file, recipe)).info


def _cmyk(colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    return (*(255 - channel for channel in colour), 0)


@pytest.mark.parametrize("stored_as", ["Adobe", "plain"])
def test_cmyk_is_never_inverted(stored_as):
    """Printers' pictures look like themselves, whoever wrote the file."""
    picture = Image.new("CMYK", (80, 80))
    for i, colour in enumerate(CORNERS):
        picture.paste(_cmyk(colour), (i % 2 * 40, i // 2 * 40, i % 2 * 40 + 40, i // 2 * 40 + 40))
    if stored_as == "plain":  # without Adobe's marker inks are stored as they are
        data = as_file(ImageChops.invert(picture), "JPEG", quality=95).getvalue()
        start = data.index(b"\xff\xee")
        file = BytesIO(
            data[:start] + data[start + 2 + int.from_bytes(data[start + 2 : start + 4]) :]
        )
    else:
        file = as_file(picture, "JPEG", quality=95)

    image = read(render(file, Recipe(Thumbnail(), Size(40, 40))))

    assert image.mode == "RGB"
    assert near(corners_of(image), CORNERS, by=14)


def test_lab_becomes_srgb():
    """L, a and b are not red, green and blue."""
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    picture = ImageCms.profileToProfile(four_corners(60, 60), srgb, lab, outputMode="LAB")

    image = read(render(as_file(picture, "TIFF"), Recipe(format="png"), TIFF))

    assert near(corners_of(image), CORNERS, by=6)
