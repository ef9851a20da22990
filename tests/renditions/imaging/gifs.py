"""Small GIFs written block by block, and what a browser shows of each.

A pixel is a letter: red, green, blue or yellow; `.` is transparent.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

COLOURS = {"r": (255, 0, 0), "g": (0, 255, 0), "b": (0, 0, 255), "y": (255, 255, 0)}
PALETTE = b"".join(bytes(colour) for colour in COLOURS.values())
CLEAR, RESTORE, UNKNOWN = 2, 3, 4


@dataclass(frozen=True, slots=True)
class Drawn:
    """One frame as it is written."""

    left: int
    top: int
    width: int
    height: int
    pixels: str
    disposal: int = 0
    transparent: str | None = None  # a letter
    has_control: bool = True  # the block that has the two above and the duration, 100 ms
    palette: bytes = b""


@dataclass(frozen=True, slots=True)
class Gif:
    data: bytes
    shown: list[str]  # each frame, row by row
    durations_ms: list[int]


def gif(screen: tuple[int, int], *frames: Drawn, palette: bytes = PALETTE) -> bytes:
    start = b"GIF89a" + struct.pack("<2H3B", *screen, 0x81 if palette else 0, 0, 0) + palette
    return start + b"".join(map(_blocks, frames)) + b";"


def shown(frame: Image.Image) -> str:
    """Return the letters of a composed frame."""
    letters = {colour: letter for letter, colour in COLOURS.items()}
    data = frame.convert("RGBA").tobytes()
    pixels = [tuple(data[i : i + 4]) for i in range(0, len(data), 4)]
    found = ("." if not pixel[3] else letters[pixel[:3]] for pixel in pixels)
    return "".join(found)


def _blocks(frame: Drawn) -> bytes:
    indexes = dict(zip(COLOURS, range(4), strict=True))
    transparent = frame.transparent is not None
    flags = frame.disposal << 2 | transparent
    colour = indexes[frame.transparent] if frame.transparent else 0
    control = b"!\xf9\4" + struct.pack("<BHB", flags, 10, colour) + b"\0"
    place = struct.pack("<4H", frame.left, frame.top, frame.width, frame.height)
    start = b"," + place + bytes([0x81 if frame.palette else 0]) + frame.palette
    pixels = _lzw([indexes[letter] for letter in frame.pixels])
    return (control if frame.has_control else b"") + start + pixels


def _lzw(indexes: Sequence[int]) -> bytes:
    """Return `indexes`, uncompressed: the table of codes is cleared before each."""
    bits, clear = 0, 4
    codes = [code for index in indexes for code in (clear, index)] + [clear + 1]
    for number, code in enumerate(codes):
        bits |= code << 3 * number
    data = bits.to_bytes(-(-3 * len(codes) // 8), "little")
    blocks = (data[i : i + 255] for i in range(0, len(data), 255))
    return b"\2" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def _case(screen: tuple[int, int], frames: Sequence[Drawn], *seen: str) -> Gif:
    durations = [100 * frame.has_control for frame in frames]
    return Gif(gif(screen, *frames), list(seen), durations)


_RED = Drawn(0, 0, 3, 1, "rrr")
_CLEARED_RED = Drawn(0, 0, 3, 1, "rrr", CLEAR)
_GREEN, _BLUE = Drawn(1, 0, 1, 1, "g"), Drawn(2, 0, 1, 1, "b")

GIFS = {
    "not covered": _case((4, 2), [Drawn(1, 0, 2, 1, "gb"), _BLUE], ".gb.....", ".gb....."),
    "not covered, with a transparent colour": _case(
        (4, 1), [Drawn(0, 0, 3, 1, "grg", transparent="r"), _BLUE], "g.g.", "g.b."
    ),
    "cleared": _case((3, 1), [_RED, Drawn(1, 0, 1, 1, "g", CLEAR), _BLUE], "rrr", "rgr", "r.b"),
    "the first is cleared": _case((3, 1), [_CLEARED_RED, _GREEN], "rrr", ".g."),
    "the first is cleared, the second is kept": _case(
        (3, 1), [_CLEARED_RED, _GREEN, _BLUE], "rrr", ".g.", ".gb"
    ),
    "restored": _case((3, 1), [_RED, Drawn(1, 0, 1, 1, "g", RESTORE), _BLUE], "rrr", "rgr", "rrb"),
    "the first is restored": _case(
        (3, 1), [Drawn(0, 0, 3, 1, "rrr", RESTORE), _GREEN], "rrr", ".g."
    ),
    "restored to what was cleared": _case(
        (3, 1),
        [
            _RED,
            Drawn(1, 0, 1, 1, "g", CLEAR),
            Drawn(2, 0, 1, 1, "b", RESTORE),
            Drawn(0, 0, 1, 1, "y"),
        ],
        "rrr",
        "rgr",
        "r.b",
        "y.r",
    ),
    "an unknown disposal": _case(
        (3, 1), [_RED, Drawn(1, 0, 1, 1, "g", UNKNOWN), _BLUE], "rrr", "rgr", "rrb"
    ),
    "a disposal that means nothing": _case(
        (3, 1), [_RED, Drawn(1, 0, 1, 1, "g", 5), _BLUE], "rrr", "rgr", "rgb"
    ),
    "the first is larger than the screen": _case(
        (2, 1), [Drawn(1, 0, 3, 1, "rrr"), _GREEN], ".rrr", ".grr"
    ),
    "a later one is larger than the screen": _case(
        (2, 1), [Drawn(0, 0, 2, 1, "rr"), Drawn(1, 0, 3, 2, "gggggg")], "rr", "rg"
    ),
    "a palette of its own": _case(
        (3, 1), [_RED, Drawn(1, 0, 1, 1, "r", palette=PALETTE[3:] + PALETTE[:3])], "rrr", "rgr"
    ),
    "a transparent colour over another": _case(
        (3, 1), [_RED, Drawn(0, 0, 3, 1, "gbg", transparent="b")], "rrr", "grg"
    ),
    "without a control block": _case(
        (3, 1),
        [Drawn(0, 0, 3, 1, "rrr", CLEAR, "g"), Drawn(1, 0, 2, 1, "gb", has_control=False)],
        "rrr",
        ".gb",
    ),
}
