"""Which ICC profiles are safe to use? LittleCMS does whatever a profile asks for.

A profile is a table of tags (ICC.1:2022, chapter 7). A multi-processing tag may have any number of
elements, and all of them may be the same bytes: 637 bytes in a PNG took 96 seconds and 772 MB. So a
profile is checked before LittleCMS reads it. LittleCMS sees only the tags that lead from values to
colours, with tables whose bytes are in the file; other elements of these tags are short, or as long
as their bytes.
"""

import hashlib
import math
import struct
from dataclasses import dataclass, field

MAX_BYTES = 5_000_000  # profiles of printers have up to 4 MB
_MAX_TAGS = 100  # as in LittleCMS
_MAX_SIMPLE_BYTES = 70_000  # the longest curve that LittleCMS accepts

_SPACES = {b"RGB ": ("RGB", 3), b"GRAY": ("L", 1), b"CMYK": ("CMYK", 4), b"Lab ": ("LAB", 3)}
_TABLES = (b"A2B0", b"A2B1", b"A2B2")
_SIMPLE = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"wtpt", b"chad")
_HEADER_BYTES, _ENTRY = 128, struct.Struct(">4s2I")

_Tags = dict[bytes, tuple[int, int]]  # name: offset and length of the element


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile that was checked."""

    data: bytes = field(repr=False, compare=False)  # as embedded in the original
    digest: bytes
    mode: str  # of the pictures that it is for: L, RGB, CMYK or LAB
    tags: _Tags = field(repr=False, compare=False)  # those that LittleCMS may read

    def for_littlecms(self) -> bytes:
        """Return the profile with only the tags that LittleCMS may read."""
        old = int.from_bytes(self.data[_HEADER_BYTES : _HEADER_BYTES + 4], "big")
        table = b"".join(_ENTRY.pack(name, *place) for name, place in self.tags.items())
        table = struct.pack(">I", len(self.tags)) + table.ljust(_ENTRY.size * old, b"\0")
        return self.data[:_HEADER_BYTES] + table + self.data[_HEADER_BYTES + len(table) :]


def read_profile(data: bytes | None) -> Profile | None:
    """Return the ICC profile `data`, or None if it is broken or unsafe."""
    if not data or len(data) > MAX_BYTES or data[36:40] != b"acsp":
        return None
    mode, channels = _SPACES.get(data[16:20], ("", 0))
    tags = _used_tags(data)
    if not mode or not tags:
        return None
    for name, (offset, size) in tags.items():
        element = data[offset : offset + size]
        if name in _SIMPLE and size > _MAX_SIMPLE_BYTES:
            return None
        if name in _TABLES and not _holds_its_table(element, channels):
            return None
    return Profile(data, hashlib.blake2b(data).digest(), mode, tags)


def _used_tags(data: bytes) -> _Tags | None:
    """Return the tags that lead to colours; a tag outside the file counts as missing."""
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
    """Whether `element` maps `channels` to 3, and all of its table is in its bytes."""
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
        if not start:  # only curves and a matrix
            return True
        points = tuple(element[start : start + channels])
        value_bytes, start = (*element[start + 16 : start + 17], 0)[0], start + 20
    else:
        return False
    return start + (math.prod(points) * 3 + curves) * value_bytes <= len(element)
