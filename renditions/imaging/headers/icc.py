"""Which colour profiles may be used? LittleCMS does whatever a profile asks of it.

A profile is a table of tags (ICC.1:2022, chapter 7). Those of multi-processing have any number of
elements, which may all be the same bytes: 637 bytes in a PNG took 96 seconds and 772 MB. So a
profile is examined before LittleCMS sees it, and of its tags only those are shown that lead from
its numbers to colours, with tables that are really there. What else they can be is short, or as
long as it is in the file.
"""

import hashlib
import math
import struct
from dataclasses import dataclass, field

MAX_BYTES = 5_000_000  # those of printers have up to 4 MB
_MAX_TAGS = 100  # as for LittleCMS
_MAX_SIMPLE_BYTES = 70_000  # a curve of as many points as LittleCMS takes

_SPACES = {b"RGB ": ("RGB", 3), b"GRAY": ("L", 1), b"CMYK": ("CMYK", 4), b"Lab ": ("LAB", 3)}
_TABLES = (b"A2B0", b"A2B1", b"A2B2")
_SIMPLE = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"wtpt", b"chad")
_HEADER_BYTES, _ENTRY = 128, struct.Struct(">4s2I")

_Tags = dict[bytes, tuple[int, int]]  # where each is, and how long


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile that asks for nothing unreasonable."""

    data: bytes = field(repr=False, compare=False)  # as it was embedded
    digest: bytes
    mode: str  # of the pictures that it is for
    tags: _Tags = field(repr=False, compare=False)  # that LittleCMS may read

    def for_littlecms(self) -> bytes:
        """Return the profile with no tag but those."""
        old = int.from_bytes(self.data[_HEADER_BYTES : _HEADER_BYTES + 4], "big")
        table = b"".join(_ENTRY.pack(name, *place) for name, place in self.tags.items())
        table = struct.pack(">I", len(self.tags)) + table.ljust(_ENTRY.size * old, b"\0")
        return self.data[:_HEADER_BYTES] + table + self.data[_HEADER_BYTES + len(table) :]


def read_profile(data: bytes | None) -> Profile | None:
    """Return the ICC profile `data`, or None if it is broken or asks for too much."""
    if not data or len(data) > MAX_BYTES or data[36:40] != b"acsp":
        return None
    mode, channels = _SPACES.get(data[16:20], ("", 0))
    tags = _tags_that_count(data)
    if not mode or not tags:
        return None
    for name, (offset, size) in tags.items():
        element = data[offset : offset + size]
        if name in _SIMPLE and size > _MAX_SIMPLE_BYTES:
            return None
        if name in _TABLES and not _holds_its_table(element, channels):
            return None
    return Profile(data, hashlib.blake2b(data).digest(), mode, tags)


def _tags_that_count(data: bytes) -> _Tags | None:
    """Return the tags that lead to colours; those outside the file are as good as missing."""
    count = int.from_bytes(data[_HEADER_BYTES : _HEADER_BYTES + 4], "big")
    table = data[_HEADER_BYTES + 4 : _HEADER_BYTES + 4 + _ENTRY.size * min(count, _MAX_TAGS)]
    if count > _MAX_TAGS or len(table) < _ENTRY.size * count:
        return None
    return {
        name: (offset, size)
        for name, offset, size in _ENTRY.iter_unpack(table)
        if name in (*_TABLES, *_SIMPLE) and offset + size <= len(data)
    }


def _holds_its_table(element: bytes, channels: int) -> bool:
    """Whether `element` leads from `channels` to 3, and no further than its own bytes."""
    if len(element) < 52 or tuple(element[8:10]) != (channels, 3):
        return False
    points: tuple[int, ...]
    if element[:4] in (b"mft1", b"mft2"):
        points = (element[10],) * channels
        start, value_bytes, ends = (48, 1, (256, 256))
        if element[:4] == b"mft2":
            start, value_bytes, ends = (52, 2, struct.unpack(">2H", element[48:52]))
        curves = ends[0] * channels + ends[1] * 3
    elif element[:4] == b"mAB ":
        start, curves = int.from_bytes(element[24:28], "big"), 0
        if not start:  # curves and a matrix alone
            return True
        points = tuple(element[start : start + channels])
        value_bytes, start = (*element[start + 16 : start + 17], 0)[0], start + 20
    else:
        return False
    return start + (math.prod(points) * 3 + curves) * value_bytes <= len(element)
