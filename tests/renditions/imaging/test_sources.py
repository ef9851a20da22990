"""May this file be opened? Limits, allowlist, and files that are not whole."""

import pickle
import re
import struct
import zlib
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
    """A size costs no decode."""
    file = as_file(four_corners(60, 40), format_name)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("decoded"))

    info = probe(file, Limits())

    assert (info.format, info.size) == (format_name, Size(60, 40))


def test_probe_gives_the_upright_size():
    """The size is that of what is seen."""
    info = probe(with_orientation(four_corners(60, 40), 6), Limits())

    assert (info.size, info.stored_size) == (Size(40, 60), Size(60, 40))


# What is allowed by a limit of 1 more is refused with the limit and the value in the message.
LIMITS = [
    (Limits(max_pixels=4799), errors.TooManyPixels, "4,800", "4,799"),
    (Limits(max_side=79), errors.SideTooLong, "80", "79"),
    (Limits(max_file_bytes=100), errors.FileTooLarge, None, "100"),
    (Limits(max_metadata_bytes=900), errors.MetadataTooLarge, None, "900"),
    (Limits(max_jpeg_scans=9), errors.TooManyScans, "10", "9"),
    (Limits(max_decode_bytes=50_000), errors.DecodeTooLarge, None, "50,000"),
]


@pytest.mark.parametrize(("limits", "error", "value", "limit"), LIMITS)
def test_each_limit_has_its_own_error(limits, error, value, limit):
    """A refusal names the limit and the value, and survives a queue."""
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
    """50 megapixels means 50 megapixels."""
    file = as_file(Image.new("L", (80, 60)), "PNG")

    assert probe(file, Limits(max_pixels=4800, max_side=80)).size == Size(80, 60)


def test_a_progressive_jpeg_is_decoded_smaller_rather_than_refused():
    """Its coefficients are kept in memory whole; what is left of the budget sets the size."""
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
def test_a_later_frame_counts_with_what_it_is_laid_on(limits, error):
    """A GIF's second frame may lie outside of the first, and makes the picture larger for both."""
    frame = b"," + struct.pack("<4H", 2000, 500, 10, 20) + b"\0\x02\x02\x4c\x01\0;"
    file = BytesIO(as_file(Image.new("L", (8, 8)), "GIF").getvalue().removesuffix(b";") + frame)

    check_frames(open_source(file, limits), Limits())
    with pytest.raises(error):
        check_frames(open_source(file, limits), limits)


@pytest.mark.parametrize("format_name", ["TIFF", "BMP"])
def test_formats_are_an_allowlist(format_name):
    """TIFF and BMP are for those who ask for them."""
    file = as_file(four_corners(20, 20), format_name)

    with pytest.raises(errors.FormatRefused, match=f"{format_name}.*JPEG, PNG"):
        probe(file, Limits())
    assert probe(file, Limits(formats=("TIFF", "BMP"))).format == format_name


def test_content_decides_and_not_the_name(tmp_path):
    """A PNG called photo.jpg is a PNG."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(as_file(four_corners(20, 20), "PNG").getvalue())
    with path.open("rb") as file:
        assert probe(file, Limits()).format == "PNG"


def test_postscript_starts_no_process(monkeypatch):
    """An EPS under any name never gets near Ghostscript."""
    monkeypatch.setattr("subprocess.Popen", lambda *a, **k: pytest.fail("a process was started"))
    for limits in (Limits(), Limits(formats=("JPEG", "TIFF"))):
        with pytest.raises(errors.FormatRefused, match="not a picture in an accepted"):
            probe(BytesIO(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), limits)


def _bytes_of(format_name: str, **options) -> bytes:
    return as_file(photograph(300, 200), format_name, **options).getvalue()


@pytest.mark.parametrize("format_name", WEB_FORMATS)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9, 0.97])
def test_a_file_that_breaks_off_is_refused(format_name, share):
    """Half an upload never becomes half a picture."""
    data = _bytes_of(format_name)
    file = BytesIO(data[: int(len(data) * share)])

    with pytest.raises((errors.SourceUnreadable, errors.FormatRefused)):
        check_integrity(file, Limits())
    with pytest.raises((errors.SourceUnreadable, errors.FormatRefused)):
        render(file, Recipe(Crop(), Size(10, 10)))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("side", [10, 300])
def test_a_jpeg_that_was_closed_after_it_broke_off_is_refused(progressive, share, side):
    """An end marker behind half of the data fools libjpeg, which paints the rest grey."""
    data = _bytes_of("JPEG", progressive=progressive)
    cut = int(len(data) * share)
    if progressive:  # in its first scan; later ones only add detail
        first = data.index(b"\xff\xda")
        cut = first + int((data.index(b"\xff\xc4", first) - first) * share)
    file = BytesIO(data[:cut] + b"\xff\xd9")

    with pytest.raises(errors.SourceUnreadable, match="missing"):
        render(file, Recipe(Crop(), Size(side, side)))


@pytest.mark.parametrize("behind", ["another end", "another picture", "the rest"])
def test_what_lies_behind_the_end_does_not_hide_what_is_missing(behind):
    """Cameras append pictures and films, and the end of a picture is its first end marker."""
    data = _bytes_of("JPEG")
    half = len(data) // 2
    appended = {
        "another end": b"\xff\xd9",
        "another picture": b"MotionPhoto" + data,
        "the rest": data[half:],
    }

    with pytest.raises(errors.SourceUnreadable, match="missing"):
        check_integrity(BytesIO(data[:half] + b"\xff\xd9" + appended[behind]), Limits())


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_that_lost_its_middle_between_restart_markers_is_refused(mode, options):
    """Libjpeg goes on at the next marker, and what it lacks is grey at the end."""
    picture = photograph(300, 200).convert(mode)
    data = as_file(picture, "JPEG", restart_marker_rows=1, **options).getvalue()
    marks = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", data)]
    broken = data[: marks[1]] + data[marks[9] :]

    assert check_integrity(BytesIO(data), Limits()).size == Size(300, 200)
    with pytest.raises(errors.SourceUnreadable, match="missing"):
        check_integrity(BytesIO(broken), Limits())


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_grey_picture_is_not_taken_for_a_broken_one(mode, progressive, rows):
    """A grey that happens to be libjpeg's is a colour like any other."""
    picture = Image.new(mode, (90, 70), (128,) * len(mode))
    options = {"progressive": progressive, "restart_marker_rows": rows}
    file = as_file(picture, "JPEG", quality=95, **options)

    assert check_integrity(file, Limits()).size == Size(90, 70)
    assert check_integrity(BytesIO(file.getvalue() * 2), Limits()).size == Size(90, 70)


def _png_of(size: tuple[int, int], kind: tuple[int, int], raster: bytes, passes: int) -> BytesIO:
    start = (b"IHDR", struct.pack(">2I5B", *size, *kind, 0, 0, passes > 1))
    chunks = [start, (b"PLTE", bytes(range(240))), (b"IDAT", zlib.compress(raster)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in chunks:
        data += struct.pack(">I", len(body)) + name + body
        data += struct.pack(">I", zlib.crc32(name + body))
    return BytesIO(data)


# Bits and kind of colour as a PNG counts them, and the bytes of a row of 37 px.
PNG_KINDS = [
    *[(1, 0, 5), (2, 0, 10), (4, 0, 19), (8, 0, 37), (16, 0, 74)],
    *[(8, 2, 111), (16, 2, 222), (1, 3, 5), (4, 3, 19), (8, 3, 37)],
    *[(8, 4, 74), (16, 4, 148), (8, 6, 148), (16, 6, 296)],
]


@pytest.mark.parametrize(("depth", "colour", "row"), PNG_KINDS)
@pytest.mark.parametrize("value", [0, 0x55, 0xFF])
def test_a_png_that_ends_early_is_refused(depth, colour, row, value):
    """It would be black from there on; one that ends in any colour is whole."""
    raster = (b"\0" + bytes([value]) * row) * 29
    files = [
        _png_of((37, 29), (depth, colour), raster[: len(raster) - missing], 1)
        for missing in (0, 1, row + 1, 15 * (row + 1), 29 * (row + 1))
    ]

    assert check_integrity(files[0], Limits()).size == Size(37, 29)
    for file in files[1:]:
        with pytest.raises(errors.SourceUnreadable, match=r"missing|truncated"):
            check_integrity(file, Limits())


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("rows", [1, 16, 64, 100])
def test_a_tiff_without_all_of_its_strips_is_refused(mode, rows):
    """The rest would be black; how many there have to be is in the directory."""
    picture = photograph(90, 64).convert(mode)
    data = as_file(picture, "TIFF", tiffinfo={278: rows}).getvalue()
    height = struct.pack("<2H2I", 257, 4, 1, 64)
    limits = Limits(formats=("TIFF",))
    assert height in data

    assert check_integrity(BytesIO(data), limits).size == Size(90, 64)
    taller = data.replace(height, struct.pack("<2H2I", 257, 4, 1, 640))
    with pytest.raises(errors.SourceUnreadable, match="missing"):
        check_integrity(BytesIO(taller), limits)


def test_a_tile_may_be_larger_than_its_picture_but_not_than_the_limits():
    """3 KB of a picture of 100 x 100 px were a tile of a gigapixel."""
    data = metadata_bombs.tiff((322, 4, 1, 600), (323, 4, 1, 500))

    assert probe(BytesIO(data), Limits(formats=("TIFF",))).size == Size(8, 8)
    with pytest.raises(errors.TooManyPixels, match="300,000"):
        probe(BytesIO(data), Limits(formats=("TIFF",), max_pixels=299_999))


ADAM7 = ["0/8 0/8", "4/8 0/8", "0/4 4/8", "2/4 0/4", "0/2 2/4", "1/2 0/2", "0/1 1/2"]


@pytest.mark.parametrize("size", [(37, 29), (36, 28), (3, 2), (2, 3), (1, 1), (1, 5), (8, 9)])
@pytest.mark.parametrize(("depth", "colour"), [(1, 0), (8, 0), (16, 0), (8, 2), (2, 3), (16, 6)])
@pytest.mark.parametrize("value", [0, 0x55])
def test_an_interlaced_png_that_ends_early_is_refused(size, depth, colour, value):
    """Its rows come in seven passes, of which the last has those with odd numbers."""
    raster = b""
    bits = depth * {0: 1, 2: 3, 3: 1, 6: 4}[colour]
    for one in ADAM7:
        columns, rows = (
            len(range(side)[int(step.split("/")[0]) :: int(step.split("/")[1])])
            for side, step in zip(size, one.split(), strict=True)
        )
        raster += (b"\0" + bytes([value]) * ((columns * bits + 7) // 8)) * rows * (columns > 0)

    whole = check_integrity(_png_of(size, (depth, colour), raster, 7), Limits())

    assert whole.size == Size(*size)
    for end in (len(raster) - 1, len(raster) // 2, 0):
        with pytest.raises(errors.SourceUnreadable, match=r"missing|truncated"):
            check_integrity(_png_of(size, (depth, colour), raster[:end], 7), Limits())


@pytest.mark.parametrize("format_name", WEB_FORMATS)
def test_noise_in_a_file_gives_a_picture_or_our_error(format_name):
    """Whatever a decoder does with broken bytes, what comes out is one of our errors."""
    data = _bytes_of(format_name)
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
def test_what_pillow_raises_becomes_permanent(raised, monkeypatch):
    """The list of what a hostile file makes Pillow raise, one by one."""

    def load(image):
        raise raised

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)

    with pytest.raises(errors.PermanentError, match="x"):
        check_integrity(as_file(four_corners(9, 9), "PNG"), Limits())


def test_pillows_own_limit_has_our_error(monkeypatch):
    """Where only Pillow knows the size beforehand, its refusal looks like ours."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)

    with pytest.raises(errors.TooManyPixels, match=r"400 pixels; the limit is 200"):
        probe(as_file(four_corners(20, 20), "BMP"), Limits(formats=("BMP",)))


def test_too_little_memory_is_worth_another_attempt(monkeypatch):
    """A fresh process may have what this one lacked."""

    def load(image):
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)

    with pytest.raises(errors.OutOfMemory):
        check_integrity(as_file(four_corners(9, 9), "PNG"), Limits())


class _Failing(BytesIO):
    """A file on a storage that goes away after `good` reads."""

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
def test_a_failing_storage_is_not_a_broken_picture(format_name, good):
    """A lost connection is tried again; a broken picture is not."""
    data = as_file(Image.effect_noise((900, 900), 99), format_name, quality=95).getvalue()
    with pytest.raises(errors.StorageFailed, match="storage went away"):
        check_integrity(_Failing(data, good), Limits())
