"""May this file be opened? Limits, accepted formats and damaged files."""

import pickle
import struct
from contextlib import suppress
from io import BytesIO

import pytest
from PIL import Image, ImageFile

from renditions import errors
from renditions.imaging.geometry import Size
from renditions.imaging.recipes import Recipe
from renditions.imaging.rendering import open_picture
from renditions.imaging.sizers import Crop
from renditions.imaging.sources import Limits, check_frames, check_integrity, open_source, probe
from tests.corpus import metadata_bombs

from .pictures import as_file, four_corners, photograph, render, with_orientation

WEB_FORMATS = ["JPEG", "PNG", "GIF", "WEBP", "AVIF"]


@pytest.mark.parametrize("format_name", WEB_FORMATS)
def test_probe_reads_the_header_only(format_name, monkeypatch):
    file = as_file(four_corners(60, 40), format_name)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("decoded"))

    info = probe(file, Limits())

    assert (info.format, info.size) == (format_name, Size(60, 40))


def test_probe_gives_the_upright_size():
    info = probe(with_orientation(four_corners(60, 40), 6), Limits())

    assert (info.size, info.stored_size) == (Size(40, 60), Size(60, 40))


# Each limit is exceeded by 1. The message has the limit and the value.
LIMITS = [
    (Limits(max_pixels=4799), errors.TooManyPixels, "4,800", "4,799"),
    (Limits(max_side=79), errors.SideTooLong, "80", "79"),
    (Limits(max_file_bytes=100), errors.FileTooLarge, None, "100"),
    (Limits(max_metadata_bytes=900), errors.MetadataTooLarge, None, "900"),
    (Limits(max_jpeg_scans=9), errors.TooManyScans, "10", "9"),
    (Limits(max_decode_bytes=10_000), errors.DecodeTooLarge, None, "10,000"),
]


@pytest.mark.parametrize(("limits", "error", "value", "limit"), LIMITS)
def test_each_limit_has_its_own_error(limits, error, value, limit):
    picture = Image.effect_noise((80, 60), 90)
    exif = b"Exif\0\0" + bytes(1000)
    file = as_file(picture, "JPEG", progressive=True, exif=exif)
    if error is errors.TooManyScans:
        file = as_file(picture.convert("RGB"), "JPEG", progressive=True)
    if error is errors.DecodeTooLarge:
        file = as_file(picture, "AVIF")
    assert render(file, Recipe()).size == Size(80, 60)

    with pytest.raises(error) as caught:
        probe(file, limits)

    assert limit in str(caught.value)
    assert value is None or value in str(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.value, again.limit, str(again)) == (
        caught.value.value,
        caught.value.limit,
        str(caught.value),
    )
    assert isinstance(caught.value, errors.PermanentError)


def test_a_limit_itself_is_allowed():
    file = as_file(Image.new("L", (80, 60)), "PNG")

    assert probe(file, Limits(max_pixels=4800, max_side=80)).size == Size(80, 60)


def test_a_progressive_jpeg_is_decoded_smaller_rather_than_refused():
    """Its coefficients need memory at full size; the rest of the limit sets the decoded size."""
    file = as_file(photograph(800, 600), "JPEG", progressive=True, subsampling=0)
    coefficients = 800 * 600 * 3 * 2
    limits = Limits(max_decode_bytes=coefficients + 400 * 300 * 4)
    with open_picture(file, [Recipe(Crop(), Size(700, 500))], limits) as picture:
        assert picture.decoded_size == Size(400, 300)
    with pytest.raises(errors.DecodeTooLarge):
        render(file, Recipe(Crop(), Size(700, 500)), Limits(max_decode_bytes=coefficients))


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        (Limits(max_side=2009), errors.SideTooLong),
        (Limits(max_pixels=1_040_000), errors.TooManyPixels),
        (Limits(max_frame_pixels=2_000_000), errors.TooManyFramePixels),
    ],
    ids=["side", "pixels", "pixels of all frames"],
)
def test_a_later_frame_counts_with_its_canvas(limits, error):
    """The second frame of a GIF may be outside of the first, and enlarges the canvas of both."""
    frame = b"," + struct.pack("<4H", 2000, 500, 10, 20) + b"\0\x02\x02\x4c\x01\0;"
    file = BytesIO(as_file(Image.new("L", (8, 8)), "GIF").getvalue().removesuffix(b";") + frame)

    check_frames(open_source(file, limits), Limits())
    with pytest.raises(error):
        check_frames(open_source(file, limits), limits)


@pytest.mark.parametrize("format_name", ["TIFF", "BMP"])
def test_formats_are_an_allowlist(format_name):
    """TIFF and BMP are accepted only where the settings name them."""
    file = as_file(four_corners(20, 20), format_name)

    with pytest.raises(errors.FormatRefused, match=f"{format_name}.*JPEG, PNG"):
        probe(file, Limits())
    assert probe(file, Limits(formats=("TIFF", "BMP"))).format == format_name


def test_content_decides_and_not_the_name(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(as_file(four_corners(20, 20), "PNG").getvalue())
    with path.open("rb") as file:
        assert probe(file, Limits()).format == "PNG"


def test_postscript_starts_no_process(monkeypatch):
    monkeypatch.setattr("subprocess.Popen", lambda *a, **k: pytest.fail("a process was started"))
    for limits in (Limits(), Limits(formats=("JPEG", "TIFF"))):
        with pytest.raises(errors.FormatRefused, match="not a picture in an accepted"):
            probe(BytesIO(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), limits)


def test_a_tile_may_be_larger_than_its_picture_but_not_than_the_limits():
    """A file of 3 KB with a picture of 100 x 100 px had a tile of a gigapixel."""
    data = metadata_bombs.tiff((322, 4, 1, 600), (323, 4, 1, 500))

    assert probe(BytesIO(data), Limits(formats=("TIFF",))).size == Size(8, 8)
    with pytest.raises(errors.TooManyPixels, match="300,000"):
        probe(BytesIO(data), Limits(formats=("TIFF",), max_pixels=299_999))


@pytest.mark.parametrize("format_name", WEB_FORMATS)
def test_damage_gives_a_picture_or_our_error(format_name):
    data = as_file(photograph(300, 200), format_name).getvalue()
    for i in range(60):
        broken = bytearray(data)
        for j in range(1 + i % 5):
            broken[(i * 7919 + j * 104_729) % len(data)] ^= 1 << (i + j) % 8
        with suppress(errors.PermanentError):
            render(BytesIO(broken), Recipe(Crop(), Size(20, 20)))


@pytest.mark.parametrize(
    "raised",
    [
        OSError("x"),
        ValueError("x"),
        SyntaxError("x"),
        RuntimeError("x"),
        NotImplementedError("x"),
        KeyError("x"),
        EOFError("x"),
        AttributeError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_pillow_raises_is_permanent(raised, monkeypatch):
    def load(image):
        raise raised

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)

    with pytest.raises(errors.PermanentError, match="x"):
        check_integrity(as_file(four_corners(9, 9), "PNG"), Limits())


def test_pillows_own_limit_has_our_error(monkeypatch):
    """Where only Pillow can read the size, its error is translated."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)

    with pytest.raises(errors.TooManyPixels, match=r"400 pixels; the limit is 200"):
        probe(as_file(four_corners(20, 20), "BMP"), Limits(formats=("BMP",)))


def test_too_little_memory_is_transient(monkeypatch):
    """A fresh process may have enough."""

    def load(image):
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)

    with pytest.raises(errors.OutOfMemory):
        check_integrity(as_file(four_corners(9, 9), "PNG"), Limits())


class _Failing(BytesIO):
    """A file on a storage that fails after `good` reads."""

    def __init__(self, data: bytes, good: int) -> None:
        super().__init__(data)
        self.good = good

    def read(self, size: int | None = -1) -> bytes:
        self.good -= 1
        if self.good < 0:
            raise ConnectionResetError("storage went away")
        return super().read(size)


@pytest.mark.parametrize("good", [0, 1, 2])
@pytest.mark.parametrize("format_name", WEB_FORMATS)
def test_a_failing_storage_is_not_a_damaged_picture(format_name, good):
    data = as_file(Image.effect_noise((900, 900), 99), format_name, quality=95).getvalue()
    with pytest.raises(errors.StorageFailed, match="storage went away"):
        check_integrity(_Failing(data, good), Limits())
