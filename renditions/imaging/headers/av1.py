"""The size of the frames in AV1 data, by sections 5.3 to 5.9 of the AV1 specification.

The decoder allocates memory for this size and these planes, not for those in the boxes around the
data.
"""

from dataclasses import dataclass
from typing import BinaryIO

from renditions.imaging.geometry import Size

from .bits import Bits
from .header import Planes

_SEQUENCE, _FRAME_HEADER, _FRAME = 1, 3, 6
_KEY_FRAME, _SWITCH_FRAME = 0, 3
_PER_FRAME = 2  # instead of a flag: each frame has its own
_MAX_HEADER_BYTES = 512  # the longest part is 32 operating points of eleven bytes each
_SRGB, _SRGB_CURVE, _IDENTITY = 1, 13, 0  # by ITU-T H.273; together they mean RGB in 4:4:4


@dataclass(frozen=True, slots=True)
class _Sequence:
    """What all frames have in common, and what is needed to read the size of a frame."""

    size: Size
    side_bits: tuple[int, int]
    planes: Planes
    still: bool = True  # the reduced header of a still picture; its one frame has this size
    delay_bits: int = 0  # of the presentation time of a shown frame
    timed: bool = False
    id_bits: int = 0
    screen_content: int = _PER_FRAME
    integer_motion: int = _PER_FRAME
    order_bits: int = 0


class FrameSizes:
    """Reads the units of one stream. Its pieces are added in order."""

    def __init__(self) -> None:
        self.size = Size(0, 0)  # the largest width, and the largest height
        self.planes = Planes(chroma=0)
        self._sequence: _Sequence | None = None

    def add(self, file: BinaryIO, start: int, end: int, max_units: int) -> int:
        """Read the data from `start` to `end`; return the number of its units.

        Reading ends after `max_units`.
        """
        units = 0
        while start < end and units <= max_units:
            units += 1
            file.seek(start)
            kind, body, length = _unit(file.read(10))
            if body == 0:
                break
            start += body
            if kind in (_SEQUENCE, _FRAME_HEADER, _FRAME):
                file.seek(start)
                self._add_unit(kind, Bits(file.read(min(length, _MAX_HEADER_BYTES, end - start))))
            start += length
        return units

    def _add_unit(self, kind: int, bits: Bits) -> None:
        if kind == _SEQUENCE:
            self._sequence = _read_sequence(bits)
            self._grow(self._sequence.size)
            self.planes = self.planes.joined(self._sequence.planes)
        elif self._sequence and not self._sequence.still:
            self._grow(_frame_size(bits, self._sequence))

    def _grow(self, size: Size) -> None:
        self.size = Size(max(self.size.width, size.width), max(self.size.height, size.height))


def _unit(start: bytes) -> tuple[int, int, int]:
    """Return the type of a unit, the offset of its body (0: no unit) and the body's length."""
    if not start:
        return 0, 0, 0
    kind, body = start[0] >> 3 & 15, 1 + (start[0] >> 2 & 1)
    if not start[0] & 2:  # no length: it extends to the end
        return kind, body, 1 << 62
    length = 0
    for i, byte in enumerate(start[body : body + 8]):
        length |= (byte & 127) << 7 * i
        if byte < 128:
            return kind, body + i + 1, length
    return kind, 0, 0


def _read_sequence(bits: Bits) -> _Sequence:
    profile = bits.number(3)
    bits.skip(1)  # flag for a still picture
    still = bits.flag()
    delay_bits, timed = (0, False) if still else _read_operating_points(bits)
    if still:
        bits.skip(5)
    side_bits = bits.number(4) + 1, bits.number(4) + 1
    size = Size(bits.number(side_bits[0]) + 1, bits.number(side_bits[1]) + 1)
    if still:
        bits.skip(3 + 3)  # large blocks and filters, tools that follow the prediction
        return _Sequence(size, side_bits, _read_planes(bits, profile))
    id_bits = 0
    if bits.flag():
        id_bits = bits.number(4) + 2
        id_bits += bits.number(3) + 1
    bits.skip(3 + 4)  # large blocks, filters, prediction tools
    has_order = bits.flag()
    bits.skip(2 * has_order)
    screen_content = _PER_FRAME if bits.flag() else bits.number(1)
    integer_motion = _PER_FRAME
    if screen_content:
        integer_motion = _PER_FRAME if bits.flag() else bits.number(1)
    order_bits = bits.number(3) + 1 if has_order else 0
    bits.skip(3)
    return _Sequence(
        size,
        side_bits,
        _read_planes(bits, profile),
        still=False,
        delay_bits=delay_bits,
        timed=timed,
        id_bits=id_bits,
        screen_content=screen_content,
        integer_motion=integer_motion,
        order_bits=order_bits,
    )


def _read_planes(bits: Bits, profile: int) -> Planes:
    """Return the planes by `color_config`, section 5.5.2."""
    depth = 8 + 2 * bits.flag()
    if profile == 2 and depth > 8:
        depth += 2 * bits.flag()
    grey = profile != 1 and bits.flag()
    colours = tuple(bits.number(8) for _ in range(3)) if bits.flag() else ()
    if grey:
        return Planes(depth, 0)
    if profile == 1 or colours == (_SRGB, _SRGB_CURVE, _IDENTITY):
        return Planes(depth, 2)
    if profile == 0:
        return Planes(depth, 0.5)
    bits.skip(1)  # range of the values
    if depth < 12:
        return Planes(depth, 1)
    return Planes(depth, (0.5 if bits.flag() else 1) if bits.flag() else 2)


def _read_operating_points(bits: Bits) -> tuple[int, bool]:
    """Skip the operating points; return the bits of a presentation time, and if there are times."""
    model_bits, delay_bits, equal = 0, 0, False
    if bits.flag():
        bits.skip(64)
        equal = bits.flag()
        if equal:
            bits.exponential()
        if bits.flag():
            model_bits = bits.number(5) + 1
            bits.skip(32 + 5)
            delay_bits = bits.number(5) + 1
    with_delays = bits.flag()
    for _ in range(bits.number(5) + 1):
        bits.skip(12)
        if bits.number(5) > 7:
            bits.skip(1)
        if model_bits and bits.flag():
            bits.skip(2 * model_bits + 1)
        if with_delays and bits.flag():
            bits.skip(4)
    return 0 if equal else delay_bits, bool(model_bits)


def _frame_size(bits: Bits, sequence: _Sequence) -> Size:
    """Return the size of a frame, or the largest possible size where parsing would be complex."""
    if bits.flag():  # an earlier frame is shown again
        return Size(0, 0)
    kind, shown = bits.number(2), bits.flag()
    if shown:
        bits.skip(sequence.delay_bits)
    else:
        bits.skip(1)
    key = kind == _KEY_FRAME and shown
    if not key and kind != _SWITCH_FRAME:
        bits.skip(1)
    bits.skip(1)
    screen_content = sequence.screen_content
    if screen_content == _PER_FRAME:
        screen_content = bits.flag()
    if screen_content and sequence.integer_motion == _PER_FRAME:
        bits.skip(1)
    bits.skip(sequence.id_bits)
    if kind != _SWITCH_FRAME and not bits.flag():
        return sequence.size
    if not key or sequence.timed:
        return Size(*(1 << width for width in sequence.side_bits))
    bits.skip(sequence.order_bits)
    return Size(*(bits.number(width) + 1 for width in sequence.side_bits))
