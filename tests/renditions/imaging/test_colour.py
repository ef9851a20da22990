"""Colours, compared with LittleCMS on the full-size picture."""

from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat

from renditions.imaging.filters import Invert
from renditions.imaging.formats import Encoding
from renditions.imaging.geometry import Size
from renditions.imaging.recipes import Recipe
from renditions.imaging.sizers import Thumbnail
from renditions.imaging.sources import Limits

from .pictures import (
    CORNERS,
    as_file,
    corners_of,
    four_corners,
    gradient,
    near,
    photograph,
    read,
    render,
)
from .profiles import ADOBE_RGB, DISPLAY_P3, cmyk_profile, grey_profile, rgb_profile

TIFF = Limits(formats=("TIFF", "JPEG", "PNG"))


def _reference(picture: Image.Image, profile: bytes, size: tuple[int, int]) -> Image.Image:
    """Return the picture, converted by LittleCMS at full size and then resized."""
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
    """The picture looks the same in programs that ignore profiles."""
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
    """A greyscale picture stays greyscale."""
    profile = grey_profile(1.0)
    picture = Image.linear_gradient("L")
    file = as_file(picture, "PNG", icc_profile=profile)

    image = read(render(file, Recipe(Thumbnail(), Size(64, 64))))

    assert image.mode == "L"
    assert _error(image, _reference(picture, profile, image.size)) < 1.5
    assert ImageStat.Stat(image).mean[0] > 150, "linear light is brighter in sRGB"


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_a_profile_leaves_alpha_alone(mode):
    profile = grey_profile(1.0) if mode == "LA" else rgb_profile(*DISPLAY_P3)
    picture = four_corners(40, 40, [(*colour, 90) for colour in CORNERS]).convert(mode)
    opaque = picture.convert(mode[:-1])

    image = read(
        render(as_file(picture, "PNG", icc_profile=profile), Recipe(Thumbnail(), Size(20, 20)))
    )

    assert [colour[-1] for colour in corners_of(image)] == [90] * 4
    wanted = corners_of(_reference(opaque, profile, (20, 20)))
    assert near([c[:3] for c in corners_of(image.convert("RGBA"))], wanted, by=6)


def test_a_colour_profile_in_a_greyscale_picture_does_no_harm():
    file = as_file(Image.linear_gradient("L"), "JPEG", icc_profile=rgb_profile(*ADOBE_RGB))

    image = read(render(file, Recipe(Thumbnail(), Size(64, 64))))

    assert image.mode == "L"
    assert abs(ImageStat.Stat(image).mean[0] - 127.5) < 6


@pytest.mark.parametrize("profile", [b"no profile", rgb_profile(*DISPLAY_P3)[:200], b"\0" * 500])
def test_a_broken_profile_counts_as_none(profile):
    file = as_file(four_corners(40, 40), "JPEG", icc_profile=profile)

    assert near(corners_of(read(render(file, Recipe()))), CORNERS, by=14)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_profile_can_be_kept(format_name):
    """`keep` changes no value and embeds the profile."""
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


def _four_inks(*inks: tuple[int, int, int, int]) -> Image.Image:
    """Return a CMYK picture with four colours."""
    picture = Image.new("CMYK", (80, 80))
    for i, ink in enumerate(inks):
        picture.paste(ink, (i % 2 * 40, i // 2 * 40, i % 2 * 40 + 40, i // 2 * 40 + 40))
    return picture


def _separated(picture: Image.Image) -> Image.Image:
    """Return `picture` as CMYK; half of the common part of the inks becomes black."""
    cyan, magenta, yellow = ImageChops.invert(picture).split()
    common = ImageChops.darker(ImageChops.darker(cyan, magenta), yellow)
    black = common.point(lambda ink: ink // 2)
    inks = [ImageChops.subtract(ink, black) for ink in (cyan, magenta, yellow)]
    return Image.merge("CMYK", [*inks, black])


def _adobe_cmyk(picture: Image.Image, profile: bytes | None) -> BytesIO:
    return as_file(picture, "JPEG", quality=95, icc_profile=profile)


def _plain_cmyk(picture: Image.Image, profile: bytes | None) -> BytesIO:
    """Return a file without the marker of Adobe: its inks are not inverted."""
    data = _adobe_cmyk(ImageChops.invert(picture), profile).getvalue()
    start, end = _adobe_marker(data)
    return BytesIO(data[:start] + data[end:])


def _ycck(picture: Image.Image, profile: bytes | None) -> BytesIO:
    """Return a file as Photoshop writes it: YCCK, with transform 2 in the marker of Adobe."""
    cyan, magenta, yellow, black = picture.split()
    planes = Image.merge("RGB", [cyan, magenta, yellow]).convert("YCbCr").split()
    planes = [*(ImageChops.invert(plane) for plane in planes), black]
    data = bytearray(_adobe_cmyk(Image.merge("CMYK", planes), profile).getvalue())
    _, end = _adobe_marker(data)
    assert data[end - 1] == 0
    data[end - 1] = 2
    return BytesIO(data)


def _cmyk_tiff(picture: Image.Image, profile: bytes | None) -> BytesIO:
    return as_file(picture, "TIFF", icc_profile=profile or b"")


def _adobe_marker(data: bytes | bytearray) -> tuple[int, int]:
    start = data.index(b"\xff\xee")
    return start, start + 2 + int.from_bytes(data[start + 2 : start + 4])


PRINTED = [_adobe_cmyk, _plain_cmyk, _ycck, _cmyk_tiff]


@pytest.mark.parametrize("store", PRINTED)
def test_cmyk_is_never_inverted(store):
    inks = [(*(255 - channel for channel in colour), 0) for colour in CORNERS]
    file = store(_four_inks(*inks), None)

    image = read(render(file, Recipe(Thumbnail(), Size(40, 40), format="png"), TIFF))

    assert image.mode == "RGB"
    assert near(corners_of(image), CORNERS, by=14)


@pytest.mark.parametrize("store", PRINTED)
def test_cmyk_colours_are_those_of_the_press(store):
    """Printed cyan is not the cyan of a screen; black ink is a dark grey."""
    picture = _four_inks((255, 0, 0, 0), (0, 0, 0, 0), (0, 255, 255, 0), (0, 0, 0, 255))
    file = store(picture, cmyk_profile())

    image = read(render(file, Recipe(Thumbnail(), Size(40, 40), format="png"), TIFF))

    # L, a and b of `profiles.cmyk_profile`, by the formulas of CIELAB and IEC 61966-2-1.
    wanted = [(0, 156, 220), (255, 255, 255), (214, 24, 34), (28, 28, 28)]
    assert near(corners_of(image), wanted, by=6)
    assert "icc_profile" not in image.info


@pytest.mark.parametrize("store", PRINTED)
def test_a_cmyk_profile_is_applied(store):
    """Converting after the resize gives the same colours as before it."""
    inks = _separated(photograph(900, 600))
    recipe = Recipe(Thumbnail(), Size(240, 240), format="png")

    image = read(render(store(inks, cmyk_profile()), recipe, TIFF))

    assert image.mode == "RGB"
    assert _error(image, _reference(inks, cmyk_profile(), image.size)) < 3
    unmanaged = inks.convert("RGB").resize(image.size)
    assert _error(image, unmanaged) > 10, "the profile does change the picture"


@pytest.mark.parametrize("store", PRINTED)
def test_a_cmyk_picture_can_be_kept(store):
    picture = _four_inks((255, 0, 0, 0), (0, 0, 0, 0), (10, 200, 255, 0), (0, 0, 30, 255))
    encoding = Encoding(color="keep", jpeg_quality=95)
    recipe = Recipe(Thumbnail(), Size(40, 40), format="jpeg", encoding=encoding)

    image = read(render(store(picture, cmyk_profile()), recipe, TIFF))

    assert image.mode == "CMYK"
    assert image.info["icc_profile"] == cmyk_profile()
    assert near(corners_of(image), corners_of(picture), by=10)


PICTURES = {
    "RGB": (four_corners(90, 60), rgb_profile(*DISPLAY_P3)),
    "L": (Image.linear_gradient("L"), grey_profile(1.0)),
    "CMYK": (_separated(four_corners(90, 60)), cmyk_profile()),
}
LOST = [("RGB", "gif"), ("RGB", "bmp"), ("L", "gif"), ("L", "webp"), ("CMYK", "png")]


@pytest.mark.parametrize(("source", "target"), LOST)
def test_a_profile_is_not_kept_where_it_does_not_match(source, target):
    """If the file cannot embed the profile, the colours become sRGB."""
    picture, profile = PICTURES[source]
    file = as_file(picture, "TIFF", icc_profile=profile)
    encoding = Encoding(color="keep", webp_quality=95)

    image = read(render(file, Recipe(format=target, encoding=encoding), TIFF))

    assert "icc_profile" not in image.info
    assert _error(image, _reference(picture, profile, image.size)) < 3


@pytest.mark.parametrize("source", PICTURES)
def test_a_filter_sees_srgb_whatever_is_kept(source):
    picture, profile = PICTURES[source]
    file = as_file(picture, "TIFF", icc_profile=profile)
    recipe = Recipe(filter=Invert(), format="tiff", encoding=Encoding(color="keep"))

    image = read(render(file, recipe, TIFF))

    assert "icc_profile" not in image.info
    assert _error(ImageChops.invert(image), _reference(picture, profile, image.size)) < 1.5


def _lab_tiff(picture: Image.Image, *, with_profile: bool) -> BytesIO:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    converted = ImageCms.profileToProfile(picture, srgb, lab, outputMode="LAB")
    profile = converted.info.pop("icc_profile")  # ImageCms sets it
    return as_file(converted, "TIFF", icc_profile=profile if with_profile else b"")


@pytest.mark.parametrize("with_profile", [True, False])
def test_lab_becomes_srgb(with_profile):
    file = _lab_tiff(four_corners(60, 60), with_profile=with_profile)

    image = read(render(file, Recipe(format="png"), TIFF))

    assert near(corners_of(image), CORNERS, by=6)


@pytest.mark.parametrize("with_profile", [True, False])
def test_lab_is_averaged_as_colours_are(with_profile):
    file = _lab_tiff(photograph(450, 300), with_profile=with_profile)
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    whole = ImageCms.profileToProfile(Image.open(file), lab, srgb, outputMode="RGB")

    image = read(render(file, Recipe(Thumbnail(), Size(200, 200), format="png"), TIFF))

    assert _error(image, whole.resize(image.size, Image.Resampling.LANCZOS)) < 3
