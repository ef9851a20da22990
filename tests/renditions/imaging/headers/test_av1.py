"""The size that an AVIF is decoded to; the size in its boxes may be wrong."""

import struct
from io import BytesIO

import pytest

from renditions.errors import SourceUnreadable
from renditions.imaging.geometry import Size
from renditions.imaging.headers import read_header
from renditions.imaging.headers.av1 import FrameSizes
from renditions.imaging.headers.sample_table import sample_locations
from renditions.imaging.recipes import Recipe
from tests.corpus.metadata_bombs import box
from tests.renditions.imaging.pictures import as_file, photograph, render


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("sides", [(1, 1), (7, 300), (64, 64), (641, 427)])
@pytest.mark.parametrize("moving", [False, True])
def test_the_header_has_the_decoded_size(mode, sides, moving):
    """With and without alpha, still and animated."""
    frames = [photograph(640, 430).resize(sides).convert(mode).rotate(turn) for turn in (0, 90)]
    options = {"save_all": True, "append_images": frames[1:]} if moving else {}

    header = read_header(
        as_file(frames[0], "AVIF", speed=10, **options), max_metadata_bytes=10**6, max_scans=1
    )

    assert (header.size, header.fault) == (Size(*sides), None)


def test_a_picture_larger_than_in_its_box_is_refused():
    """The boxes of a file of 3.5 KB stated 16 x 16 px. The decoder made 266 megapixels of it."""
    data = as_file(photograph(300, 200), "AVIF", speed=10).getvalue()
    small = data.replace(struct.pack(">2I", 300, 200), struct.pack(">2I", 16, 16))
    assert len(small) == len(data)

    with pytest.raises(SourceUnreadable, match="300x200 is declared as 16x16"):
        render(BytesIO(small), Recipe())


def _unit(kind: int, bits: str) -> bytes:
    data = int(bits.ljust(len(bits) + -len(bits) % 8, "0"), 2).to_bytes((len(bits) + 7) // 8, "big")
    return bytes([kind << 3 | 2, len(data)]) + data


# 64 x 48 px, 16 bits for each side, not a still picture, no optional parts.
_ANIMATED = "00000" + "00" + f"{0:022b}" + f"{15:04b}{15:04b}{63:016b}{47:016b}" + "0" * 40
_KEY_FRAME_OF_ITS_OWN_SIZE = "0" + "00" + "1" + "0" + "1"


@pytest.mark.parametrize(
    ("units", "size"),
    [
        ([(1, _ANIMATED)], Size(64, 48)),
        ([(1, _ANIMATED), (6, "00010000000000")], Size(64, 48)),
        (
            [(1, _ANIMATED), (6, _KEY_FRAME_OF_ITS_OWN_SIZE + f"{59_999:016b}{29_999:016b}")],
            Size(60_000, 30_000),
        ),
        ([(1, _ANIMATED), (3, "0" + "01" + "1" + "1" + "0" + "1")], Size(65_536, 65_536)),
        (
            [(1, _ANIMATED), (1, "00011" + "0" * 5 + f"{15:04b}{3:04b}{9999:016b}{9:04b}")],
            Size(10_000, 48),
        ),
    ],
    ids=["sequence", "frame", "frame of another size", "frame of any size", "another sequence"],
)
def test_the_largest_size_counts(units, size):
    data = b"".join(_unit(*unit) for unit in units)
    frames = FrameSizes()

    assert frames.add(BytesIO(data), 0, len(data), 99) == len(units)
    assert frames.size == size


def test_the_number_of_units_is_limited():
    """Ten million units of two bytes would take a minute."""
    data = b"\x7a\0" * 1000

    assert FrameSizes().add(BytesIO(data), 0, len(data), 99) == 100


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"\n\xff", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff", b"\x0e\1"]
)
def test_incomplete_units_have_no_size(data):
    frames = FrameSizes()
    frames.add(BytesIO(data), 0, len(data), 99)

    assert frames.size == Size(0, 0)


@pytest.mark.parametrize("name", [b"stco", b"co64"])
def test_the_locations_of_samples(name):
    """Two chunks of two samples, and one chunk of one."""
    width = ">I" if name == b"stco" else ">Q"
    bodies = {
        b"stsz": struct.pack(">8I", 0, 0, 5, 10, 20, 30, 40, 50),
        b"stsc": struct.pack(">8I", 0, 2, 1, 2, 1, 3, 1, 1),
        name: struct.pack(">2I", 0, 3) + b"".join(struct.pack(width, i) for i in (100, 200, 300)),
    }
    data, tables = b"", {}
    for kind, body in bodies.items():
        tables[kind] = len(data) + 8
        data += box(kind, body)

    locations = list(sample_locations(BytesIO(data), tables))

    assert locations == [(100, 10), (110, 20), (200, 30), (230, 40), (300, 50)]
