"""Originals in HEIF, as iPhones and other cameras write them."""

import sys
from io import BytesIO

import pillow_heif
import pytest
from PIL import Image

from renditions.errors import FormatRefused, PermanentError, SourceIncomplete
from renditions.imaging.formats import Encoding
from renditions.imaging.geometry import FocalPoint, Size
from renditions.imaging.headers import read_header
from renditions.imaging.recipes import Recipe
from renditions.imaging.sizers import Crop, Thumbnail
from renditions.imaging.sources import Limits, probe
from tests.heif import as_heif

from .pictures import (
    BLUE,
    CORNERS,
    GREEN,
    RED,
    YELLOW,
    corners_of,
    four_corners,
    gradient,
    near,
    photograph,
    read,
    render,
)
from .profiles import DISPLAY_P3, rgb_profile
from .test_colour import _error, _reference
from .test_orientation import UPRIGHT_CORNERS

SMALL = Recipe(Thumbnail(), Size(80, 80))


def _rendered(heif: bytes, recipe: Recipe = SMALL, limits: Limits | None = None) -> Image.Image:
    return read(render(BytesIO(heif), recipe, limits))


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
@pytest.mark.parametrize("options", [{}, {"chroma": 444}, {"tile_size": 64}], ids=str)
def test_its_renditions_are_jpegs_with_the_right_pixels(mode, options):
    """One picture, or a grid of tiles as in an iPhone."""
    picture = four_corners(320, 200).convert(mode)

    image = _rendered(as_heif(picture, **options))

    assert (image.format, image.size) == ("JPEG", (80, 50))
    assert near(corners_of(image), corners_of(picture.convert(image.mode)), by=12)


def test_a_key_may_ask_for_another_format():
    image = _rendered(as_heif(four_corners(320, 200)), Recipe(Crop(), Size(60, 60), format="webp"))

    assert (image.format, image.size) == ("WEBP", (60, 60))
    assert near(corners_of(image.convert("RGB")), CORNERS, by=16)


@pytest.mark.parametrize("sides", [(1, 1), (7, 5), (129, 65)])
def test_every_pixel_is_where_it_was(sides):
    """The decoder may put bytes between the rows."""
    picture = gradient(*sides)

    image = _rendered(as_heif(picture, quality=-1, chroma=444), Recipe(format="png"))

    assert image.size == sides
    assert _error(image, picture) < 2


def test_samples_of_ten_bits_become_eight():
    wide = gradient(320, 200).tobytes()
    samples = b"".join(bytes((value, value)) for value in wide)
    heif = BytesIO()
    pillow_heif.encode("RGB;16", (320, 200), samples, heif, quality=95)

    header = read_header(heif, max_metadata_bytes=10**6, max_scans=1)
    image = _rendered(heif.getvalue(), Recipe(format="png"))

    assert header.planes is not None
    assert header.planes.bits == 10
    assert _error(image, gradient(320, 200)) < 2


@pytest.mark.parametrize(("orientation", "corners"), UPRIGHT_CORNERS.items())
def test_it_is_turned_upright_once(orientation, corners):
    """A camera states the turn twice: as a property of the picture, and in EXIF."""
    heif = as_heif(four_corners(320, 200), orientation=orientation)

    image = _rendered(heif)

    assert probe(BytesIO(heif), Limits()).size == Size(*((320, 200), (200, 320))[orientation > 4])
    assert image.size == ((80, 50) if orientation < 5 else (50, 80))
    assert near(corners_of(image), corners, by=12)


def test_the_focal_point_is_on_the_upright_picture():
    heif = as_heif(four_corners(320, 200), orientation=6)

    image = _rendered(heif, Recipe(Crop(), Size(50, 50), FocalPoint(0.9, 0.9)))

    # The crop is the lower part, as wide as the picture.
    assert near(corners_of(image), [BLUE, RED, YELLOW, GREEN], by=12)
    assert near([image.getpixel((5, 20))], [YELLOW], by=12)


def test_its_profile_is_applied():
    """An iPhone photographs in Display P3."""
    profile = rgb_profile(*DISPLAY_P3)
    picture = gradient(300, 200)
    heif = as_heif(picture, icc_profile=profile, chroma=444, quality=98)

    image = _rendered(heif, Recipe(Thumbnail(), Size(90, 90), format="png"))

    assert _error(image, _reference(picture, profile, image.size)) < 1.5
    kept = Recipe(SMALL.sizer, SMALL.size, encoding=Encoding(color="keep"))
    assert _rendered(heif, kept).info["icc_profile"] == profile


def test_transparent_pixels_get_the_background():
    """They stay transparent in a format that can hold them."""
    clear = Image.new("RGBA", (100, 100), (200, 0, 0, 0))
    clear.paste((0, 0, 200, 255), (50, 0, 100, 100))
    heif = as_heif(clear)

    jpeg, png = _rendered(heif), _rendered(heif, Recipe(Crop(), Size(40, 40), format="png"))

    assert near([jpeg.getpixel((10, 40)), jpeg.getpixel((70, 40))], [(255,) * 3, (0, 0, 200)], 12)
    assert near([png.getpixel((5, 20))[3:], png.getpixel((35, 20))], [(0,), (0, 0, 200, 255)], 12)


def test_no_metadata_gets_into_a_rendition():
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    heif = as_heif(four_corners(320, 200), exif=exif, xmp=b"<x:secret/>")
    assert b"secret" in heif

    for target in ("jpeg", "png", "webp", "avif"):
        data = render(BytesIO(heif), Recipe(Thumbnail(), Size(80, 80), format=target)).data
        assert b"secret" not in data
        assert not read(data).getexif()


def test_of_several_pictures_the_primary_one_is_rendered():
    """The rest of a burst, a preview or a depth map is not."""
    heif = as_heif(four_corners(320, 200), Image.new("RGB", (640, 480)), thumbnails=[64])
    keep = Recipe(SMALL.sizer, SMALL.size, encoding=Encoding(animation="keep"))

    for recipe in (SMALL, keep):
        image = _rendered(heif, recipe)
        assert (image.format, getattr(image, "n_frames", 1)) == ("JPEG", 1)
        assert near(corners_of(image), CORNERS, by=12)


def test_the_same_picture_gives_the_same_bytes():
    heif = as_heif(photograph(300, 200), tile_size=64)

    first, second = (render(BytesIO(heif), SMALL).data for _ in range(2))

    assert first == second


@pytest.mark.parametrize("options", [{}, {"tile_size": 64}], ids=["one picture", "tiles"])
def test_an_upload_that_ends_early_is_incomplete(options):
    """libheif leaves out the tiles that are missing."""
    heif = as_heif(photograph(300, 200), **options)

    for length in (len(heif) - 1, len(heif) * 3 // 4):
        with pytest.raises(SourceIncomplete):
            _rendered(heif[:length])


def test_damage_is_an_error_of_the_picture():
    """Whatever is damaged, and whatever libheif says about it."""
    heif = as_heif(photograph(300, 200), tile_size=64)
    for i in range(300):
        broken = bytearray(heif)
        place = i * 7919 % 3000
        broken[place : place + 1 + i % 4] = b"\xff\0\x7f\1"[: 1 + i % 4]
        try:
            _rendered(bytes(broken))
        except PermanentError:
            continue


def test_a_file_that_only_looks_like_one_is_refused():
    """For example, a video: it has the same boxes."""
    video = as_heif(four_corners(32, 20)).replace(b"heic", b"isom").replace(b"mif1", b"mp41")

    with pytest.raises(FormatRefused, match=r"Accepted formats: JPEG.*HEIF"):
        _rendered(video)


def test_pillow_and_the_settings_of_the_decoder_stay_as_they_are():
    """Other code of the project may open pictures, too."""
    before = pillow_heif.options.DECODE_THREADS

    _rendered(as_heif(four_corners(320, 200)))

    assert before == pillow_heif.options.DECODE_THREADS
    assert "HEIF" not in Image.OPEN
    assert ".heic" not in Image.registered_extensions()


def test_without_its_package_it_is_refused(monkeypatch):
    """An operator learns what to install; the person who uploads what to choose."""
    heif = BytesIO(as_heif(four_corners(32, 20)))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)

    for limits in (Limits(), Limits(formats=("JPEG", "HEIF"))):
        assert "HEIF" not in Limits().formats
        with pytest.raises(FormatRefused) as caught:
            probe(heif, limits)
        assert "The file is HEIF. Accepted formats: JPEG" in caught.value.detail
        assert caught.value.detail.endswith("pip install 'django-renditions[heif]'.")
        told = caught.value.detail_format.format(**caught.value.detail_values)
        assert not told.endswith("HEIF.")
        assert "pip" not in told
