"""What is counted before a decoder runs, for each format."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

from renditions.errors import SourceUnreadable
from renditions.imaging.geometry import Size
from renditions.imaging.headers import read_header
from renditions.imaging.recipes import Recipe
from renditions.imaging.sources import Limits, probe
from tests.corpus.metadata_bombs import box, png
from tests.renditions.imaging.pictures import CORNERS, as_file, four_corners, render
from tests.renditions.imaging.test_modes import WITH_TIFF

WITH_EXIF = ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"]


def _metadata_bytes(file: BytesIO) -> int:
    return read_header(file, max_metadata_bytes=10**9, max_scans=100).metadata_bytes


def _exif(kind: int, count: int, data: bytes) -> bytes:
    """Return big-endian EXIF with one unknown tag, followed by its data."""
    entry = struct.pack(">2H2I", 60_000, kind, count, 26)
    return (
        b"Exif\0\0" + struct.pack(">2sH2I", b"MM", 42, 8, 0)[:8] + b"\0\1" + entry + bytes(4) + data
    )


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize(
    ("kind", "value", "cost"), [(7, b"\1", 1), (4, b"\0\0\0\1", 32), (5, b"\0\0\0\1" * 2, 512)]
)
def test_exif_costs_what_it_becomes(format_name, kind, value, cost):
    """Text stays text, a number becomes an object, a fraction becomes several."""
    none = _metadata_bytes(as_file(four_corners(30, 20), format_name))
    file = as_file(four_corners(30, 20), format_name, exif=_exif(kind, 5000, value * 5000))

    found = _metadata_bytes(file) - none - 5000 * len(value)

    assert 5000 * cost <= found < 5000 * cost + 10_000


@pytest.mark.parametrize("format_name", ["WEBP", "AVIF", "TIFF"])
def test_xmp_is_counted(format_name):
    options = (
        {"tiffinfo": {700: bytes(50_000)}} if format_name == "TIFF" else {"xmp": bytes(50_000)}
    )

    assert 50_000 < _metadata_bytes(as_file(four_corners(30, 20), format_name, **options)) < 62_000


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_a_broken_directory_costs_nothing(format_name):
    """An impossible number of values is ignored; the picture itself is good."""
    exif = _exif(5, 2**31, b"")
    file = as_file(four_corners(30, 20), format_name, exif=exif)

    assert _metadata_bytes(file) < 20_000
    assert render(file, Recipe()).size == Size(30, 20)


def test_entries_with_more_data_than_the_file_cost_nothing():
    """Pillow stops reading such a directory; the picture itself is good."""
    entries = b"".join(struct.pack(">2H2I", 60_000 + i, 7, 30_000, 8) for i in range(2000))
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", 2000) + entries + bytes(34_000)
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    file = BytesIO(b"\xff\xd8" + segment + as_file(four_corners(30, 20), "JPEG").getvalue()[2:])

    assert _metadata_bytes(file) < 1_500_000
    assert render(file, Recipe()).size == Size(30, 20)


@pytest.mark.parametrize("format_name", WITH_EXIF)
def test_an_ordinary_photograph_is_far_from_the_limit(format_name):
    """It has orientation, camera, location, comment and a profile."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x011A] = 6, "camera", 72.0
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    exif.get_ifd(0x8769)[0x927C] = bytes(30_000)
    file = as_file(four_corners(30, 20), format_name, exif=exif, icc_profile=bytes(3000))

    assert _metadata_bytes(file) < 60_000
    assert probe(file, WITH_TIFF).size == Size(20, 30)


def test_an_ordinary_animation_is_far_from_the_limit():
    """It has a hundred frames with alpha."""
    frames = [four_corners(30, 20, [(*colour, 9 + i) for colour in CORNERS]) for i in range(100)]
    options = {"save_all": True, "append_images": frames[1:], "duration": 40, "speed": 10}

    assert _metadata_bytes(as_file(frames[0], "AVIF", **options)) < 160_000


def test_an_offset_too_large_to_seek_is_ignored():
    """The tables of an AVIF allow offsets of 15 bytes."""
    item = box(b"infe", struct.pack(">I2H4sB", 2 << 24, 1, 0, b"Exif", 0))
    place = b"\xff\0" + struct.pack(">4H", 1, 1, 0, 1) + b"\xff" * 30
    boxes = box(b"iinf", struct.pack(">IH", 0, 1) + item) + box(b"iloc", bytes(4) + place)
    data = box(b"ftyp", b"avif" * 3) + box(b"meta", bytes(4) + boxes)

    assert _metadata_bytes(BytesIO(data)) < 4000
    with pytest.raises(SourceUnreadable):
        render(BytesIO(data), Recipe())


def test_exif_is_read_only_inside_its_segment():
    """A segment that is too short has no EXIF, even if EXIF follows it."""
    exif = _exif(5, 5000, bytes(40_000))
    start, rest = b"\xff\xd8\xff\xe1\0\2", as_file(four_corners(30, 20), "JPEG").getvalue()[2:]

    costs = [_metadata_bytes(BytesIO(start + junk + rest)) for junk in (exif, bytes(len(exif)))]

    assert costs[0] == costs[1]


@pytest.mark.parametrize("format_name", [*WITH_EXIF, "GIF", "BMP"])
def test_damage_in_a_header_raises_nothing(format_name):
    """The decoder decides whether it is a picture."""
    data = as_file(four_corners(30, 20), format_name, exif=_exif(5, 9, bytes(72))).getvalue()
    for i in range(400):
        broken = bytearray(data)
        for j in range(1 + i % 3):
            place = (i * 7919 + j * 104_729) % min(len(data), 900)
            broken[place : place + 1 + i % 4] = (b"\xff", b"\0", b"\x7f", b"\1")[j] * (1 + i % 4)
        _metadata_bytes(BytesIO(broken))


def _png_with(*chunks: tuple[bytes, bytes]) -> BytesIO:
    return BytesIO(png(*chunks, (b"IDAT", zlib.compress(bytes(25 * 8)))))


@pytest.mark.parametrize(
    ("chunk", "becomes"),
    [
        ((b"tEXt", b"key\0" + b"a" * 100_000), 100_000),
        ((b"zTXt", b"key\0\0" + zlib.compress(b"a" * 100_000)), 100_000),
        ((b"iTXt", b"key\0\0\0\0\0" + b"a" * 100_000), 100_000),
        ((b"iTXt", b"key\0\1\0\0\0" + zlib.compress(b"a" * 100_000)), 100_000),
        ((b"iTXt", b"key\0\0\0\0\0" + ("é" * 100_000).encode()), 200_000),
        ((b"iTXt", b"key\0\0\0\0\0" + ("字" + "a" * 99_999).encode()), 200_000),
        ((b"iTXt", b"key\0\0\0\0\0" + ("😀" + "a" * 99_999).encode()), 400_000),
        ((b"iTXt", b"key\0\1\0\0\0" + zlib.compress(("😀" + "a" * 99_999).encode())), 400_000),
        ((b"iTXt", b"key\0\1\0\0\0not deflated"), 20),
        ((b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"00" * 5000)), 330_000),
    ],
)
def test_texts_cost_what_they_become(chunk, becomes):
    """Deflated texts grow a thousandfold. One wide character makes all others as wide."""
    none = _metadata_bytes(_png_with())

    assert becomes <= _metadata_bytes(_png_with(chunk)) - none < becomes + 2000


def test_large_xmp_is_within_the_limit():
    """Image editors write ten megabytes of history into a picture."""
    xmp = (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"<li/>" * 2_000_000)

    assert probe(_png_with(xmp), Limits()).size == Size(8, 8)


@pytest.mark.parametrize("name", [b"eXIf", b"iTXt", b"IDAT", b"prIv"])
def test_a_chunk_longer_than_the_file_is_refused(name):
    """45 bytes that stated 4 GB caused a MemoryError, which is retried."""
    data = png().replace(b"\0\0\0\0IEND", b"\xff\xff\xff\xf0" + name)

    with pytest.raises(SourceUnreadable, match=r"4,294,967,280 bytes is longer"):
        probe(BytesIO(data), Limits())


def test_a_missing_palette_is_refused():
    data = as_file(Image.new("P", (8, 8)), "PNG").getvalue().replace(b"PLTE", b"puTE")

    with pytest.raises(SourceUnreadable, match="palette is missing"):
        probe(BytesIO(data), Limits())


@pytest.mark.parametrize("height", [1500, -1500])
@pytest.mark.parametrize(("compression", "cost"), [(0, 0), (1, 12_000_000), (2, 12_000_000)])
def test_run_length_encoding_costs_pixels_and_bytes(height, compression, cost):
    """Pillow decodes it in Python: 16 MB took five seconds."""
    header = struct.pack("<I2i2H6I", 40, 2000, height, 1, 8, compression, 0, 0, 0, 0, 0)
    data = b"BM" + bytes(12) + header + bytes(46)

    assert _metadata_bytes(BytesIO(data)) == (cost + 800 if cost else 0)


def test_bytes_after_a_webp_are_ignored():
    """Cameras and messengers append data."""
    data = as_file(four_corners(30, 20), "WEBP").getvalue()
    behind = b"EXIF\xf0\xff\xff\xff" + bytes(20_000)

    assert _metadata_bytes(BytesIO(data + behind)) == _metadata_bytes(BytesIO(data))
    assert render(BytesIO(data + behind), Recipe()).size == Size(30, 20)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_the_size_of_a_tiff(order, big):
    """In both byte orders, and in BigTIFF."""
    options = {"big_tiff": True} if big else {}
    picture = Image.new("I;16B" if order == ">" else "L", (300, 200))

    header = read_header(as_file(picture, "TIFF", **options), max_metadata_bytes=10**6, max_scans=1)

    assert header.size == Size(300, 200)
