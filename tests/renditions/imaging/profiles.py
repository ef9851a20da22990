"""Colour profiles with known effects, made from bytes by ICC.1:2001-04."""

import struct
from collections.abc import Iterator
from itertools import product

Triple = tuple[float, float, float]

# Primaries as XYZ under D50, and gamma.
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841), 2.2)
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446), 2.2)

# Cyan, magenta and yellow on paper, alone and over each other, as L, a and b. The values are close
# to those of an offset press, relative to its paper, which is white.
_PRINTED: dict[tuple[int, int, int], Triple] = {
    (0, 0, 0): (100, 0, 0),
    (1, 0, 0): (57, -38, -48),
    (0, 1, 0): (49, 74, -4),
    (0, 0, 1): (92, -6, 92),
    (1, 1, 0): (24, 20, -47),
    (1, 0, 1): (50, -68, 26),
    (0, 1, 1): (47, 68, 47),
    (1, 1, 1): (22, 0, 0),
}
_UNDER_BLACK = 0.12  # share of a colour that is left


def rgb_profile(red: Triple, green: Triple, blue: Triple, gamma: float) -> bytes:
    colours = zip((b"rXYZ", b"gXYZ", b"bXYZ"), (red, green, blue), strict=True)
    tags = {name: _xyz(*xyz) for name, xyz in colours}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma))
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def grey_profile(gamma: float) -> bytes:
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _curve(gamma)})


def cmyk_profile() -> bytes:
    """Return the profile of a press. Between the inks of `_PRINTED` it is interpolated."""
    table = bytes(value for inks in product((0, 1), repeat=4) for value in _eight_bit_lab(*inks))
    identity_curve = bytes(range(256))
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    lut = (
        b"mft1"
        + bytes(4)
        + bytes((4, 3, 2, 0))
        + identity
        + identity_curve * 4
        + table
        + identity_curve * 3
    )
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": lut})


def display_profile(table: bytes, version: int = 2) -> bytes:
    """Return the profile of a display whose colours are in `table`."""
    profile = _profile(b"mntr", b"RGB ", b"Lab ", {b"A2B0": table})
    return profile[:8] + bytes((version, 0x10)) + profile[10:]


def table_of_16_bits(grid: int = 9, points: int | None = None) -> bytes:
    """Return a table of `grid` points a side, which states that it has `points`.

    The first channel is lightness; all results are grey.
    """
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    ends = struct.pack(">2H", 0, 0xFFFF)
    start = b"mft2" + bytes(4) + bytes((3, 3, points or grid, 0)) + identity
    return start + struct.pack(">2H", 2, 2) + ends * 3 + _lightness(grid, 0xFF00, 0x8000) + ends * 3


def table_of_version_4(grid: int = 9) -> bytes:
    """Return the same table in version 4. All of its curves are the same bytes."""
    identity_curve = b"curv" + bytes(8)
    start = b"mAB " + bytes(4) + bytes((3, 3, 0, 0)) + struct.pack(">5I", 32, 0, 0, 68, 32)
    table = bytes([grid] * 3 + [0] * 13) + b"\2\0\0\0" + _lightness(grid, 0xFFFF, 0x8080)
    return start + identity_curve * 3 + table


def _lightness(grid: int, white: int, neutral: int) -> bytes:
    for_each = (first * white // (grid - 1) for first in range(grid) for _ in range(grid**2))
    return b"".join(struct.pack(">3H", light, neutral, neutral) for light in for_each)


def _eight_bit_lab(cyan: int, magenta: int, yellow: int, black: int) -> Iterator[int]:
    left = _UNDER_BLACK if black else 1
    light, a, b = (value * left for value in _PRINTED[cyan, magenta, yellow])
    yield from (round(light * 2.55), round(a) + 128, round(b) + 128)


def _xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in (x, y, z)))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
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
        kind,
        space,
        connection,
        struct.pack(">6H", 2024, 1, 1, 0, 0, 0),
        b"acsp",
    )
    header += bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    whole = header + struct.pack(">I", len(tags)) + table + body
    return struct.pack(">I", len(whole)) + whole[4:]
