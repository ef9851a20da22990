"""Is a picture complete? Decoders fill in what is missing, without an error."""

import re
import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

from renditions import errors
from renditions.imaging.geometry import Size
from renditions.imaging.recipes import Recipe
from renditions.imaging.sizers import Crop
from renditions.imaging.sources import Limits, check_integrity, difference

from .pictures import as_file, four_corners, photograph, render

WEB_FORMATS = ["JPEG", "PNG", "GIF", "WEBP", "AVIF"]


def _bytes_of(format_name: str, **options) -> bytes:
    return as_file(photograph(300, 200), format_name, **options).getvalue()


@pytest.mark.parametrize("format_name", WEB_FORMATS)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9, 0.97])
def test_a_file_that_ends_early_is_refused(format_name, share):
    data = _bytes_of(format_name)
    file = BytesIO(data[: int(len(data) * share)])

    with pytest.raises((errors.SourceUnreadable, errors.FormatRefused)):
        check_integrity(file, Limits())
    with pytest.raises((errors.SourceUnreadable, errors.FormatRefused)):
        render(file, Recipe(Crop(), Size(10, 10)))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("side", [10, 300])
def test_a_repaired_jpeg_that_ends_early_is_refused(progressive, share, side):
    """An end marker follows half of the data. libjpeg fills the rest with grey, without error."""
    data = _bytes_of("JPEG", progressive=progressive)
    cut = int(len(data) * share)
    if progressive:  # in its first scan; later scans only add detail
        first = data.index(b"\xff\xda")
        cut = first + int((data.index(b"\xff\xc4", first) - first) * share)
    file = BytesIO(data[:cut] + b"\xff\xd9")

    with pytest.raises(errors.SourceUnreadable, match="missing"):
        render(file, Recipe(Crop(), Size(side, side)))


@pytest.mark.parametrize("kind", ["another end", "another picture", "the rest"])
def test_bytes_after_the_end_do_not_hide_missing_data(kind):
    """Cameras append pictures and films. A picture ends at its first end marker."""
    data = _bytes_of("JPEG")
    half = len(data) // 2
    appended = {
        "another end": b"\xff\xd9",
        "another picture": b"MotionPhoto" + data,
        "the rest": data[half:],
    }

    with pytest.raises(errors.SourceUnreadable, match="missing"):
        check_integrity(BytesIO(data[:half] + b"\xff\xd9" + appended[kind]), Limits())


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_with_missing_restart_markers_is_refused(mode, options):
    """libjpeg continues at the next marker; the end of the picture is grey."""
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
def test_a_grey_picture_is_complete(mode, progressive, rows):
    """Its colour may be the grey that libjpeg fills with."""
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


# Bit depth and colour type of a PNG, and the bytes of a row of 37 px.
PNG_KINDS = [
    *[(1, 0, 5), (2, 0, 10), (4, 0, 19), (8, 0, 37), (16, 0, 74)],
    *[(8, 2, 111), (16, 2, 222), (1, 3, 5), (4, 3, 19), (8, 3, 37)],
    *[(8, 4, 74), (16, 4, 148), (8, 6, 148), (16, 6, 296)],
]


@pytest.mark.parametrize(("depth", "colour", "row"), PNG_KINDS)
@pytest.mark.parametrize("value", [0, 0x55, 0xFF])
def test_a_png_that_ends_early_is_refused(depth, colour, row, value):
    """Missing rows would be black. A picture may end in any colour."""
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
    """The rest would be black. The directory states how many there are."""
    picture = photograph(90, 64).convert(mode)
    data = as_file(picture, "TIFF", tiffinfo={278: rows}).getvalue()
    height = struct.pack("<2H2I", 257, 4, 1, 64)
    limits = Limits(formats=("TIFF",))
    assert height in data

    assert check_integrity(BytesIO(data), limits).size == Size(90, 64)
    taller = data.replace(height, struct.pack("<2H2I", 257, 4, 1, 640))
    with pytest.raises(errors.SourceUnreadable, match="missing"):
        check_integrity(BytesIO(taller), limits)


ADAM7 = ["0/8 0/8", "4/8 0/8", "0/4 4/8", "2/4 0/4", "0/2 2/4", "1/2 0/2", "0/1 1/2"]


@pytest.mark.parametrize("size", [(37, 29), (36, 28), (3, 2), (2, 3), (1, 1), (1, 5), (8, 9)])
@pytest.mark.parametrize(("depth", "colour"), [(1, 0), (8, 0), (16, 0), (8, 2), (2, 3), (16, 6)])
@pytest.mark.parametrize("value", [0, 0x55])
def test_an_interlaced_png_that_ends_early_is_refused(size, depth, colour, value):
    """Its rows are stored in seven passes; the last pass has the odd rows."""
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


def test_the_difference_of_two_files_is_small_for_one_picture():
    """Whatever the formats and the sizes are."""
    picture, other = photograph(300, 200), four_corners(300, 200)
    jpeg = as_file(picture, "JPEG").getvalue()
    png = as_file(picture.resize((90, 60)), "PNG").getvalue()

    assert difference(jpeg, jpeg, Limits()) == 0
    assert difference(jpeg, png, Limits()) < 6
    assert difference(jpeg, as_file(other, "PNG").getvalue(), Limits()) > 20
