"""The size of the pictures in HEVC data, by section 7.3 of ITU-T H.265.

The decoder allocates memory for this size and these planes, not for those in the boxes around the
data. It decodes every picture in the data of an item, and returns the last one.
"""

from typing import BinaryIO

from renditions.imaging.geometry import Size

from .bits import Bits
from .header import Planes

_SEQUENCE_PARAMETERS = 33
_SLICES = range(32)
_LENGTH_BYTES = 4  # libheif ignores the number in the configuration
_MAX_PARAMETER_BYTES = 512  # size and planes come first
_CHROMA = {0: 0, 1: 0.5, 2: 1, 3: 2}


class HevcPictures:
    """Reads the units of one stream: those of its configuration, then those of its data."""

    def __init__(self) -> None:
        self.size = Size(0, 0)  # the largest width, and the largest height
        self.planes = Planes(chroma=0)
        self.count = 0

    def add_configuration(self, configuration: bytes) -> int:
        """Read an HEVCDecoderConfigurationRecord; return the number of its units."""
        units, at = 0, 23
        for _ in range(configuration[22] if len(configuration) > 22 else 0):
            count = int.from_bytes(configuration[at + 1 : at + 3], "big")
            at += 3
            for _ in range(count):
                length = int.from_bytes(configuration[at : at + 2], "big")
                if at + 2 >= len(configuration):
                    return units
                units += 1
                self._add_unit(configuration[at + 2 : at + 2 + length])
                at += 2 + length
        return units

    def add(self, file: BinaryIO, start: int, end: int, max_units: int) -> int:
        """Read the data from `start` to `end`; return the number of its units.

        Reading ends after `max_units`.
        """
        units = 0
        while start + _LENGTH_BYTES < end and units <= max_units:
            units += 1
            file.seek(start)
            length = int.from_bytes(file.read(_LENGTH_BYTES), "big")
            start += _LENGTH_BYTES
            self._add_unit(file.read(min(length, _MAX_PARAMETER_BYTES, end - start)))
            start += length
        return units

    def _add_unit(self, unit: bytes) -> None:
        if len(unit) < 3:
            return
        kind, layer = unit[0] >> 1 & 63, (unit[0] & 1) << 5 | unit[1] >> 3
        if layer:  # the decoder skips it
            return
        if kind == _SEQUENCE_PARAMETERS:
            self._add_sequence(Bits(_without_escapes(unit[2:_MAX_PARAMETER_BYTES])))
        elif kind in _SLICES:
            self.count += unit[2] >> 7  # the first slice of a picture

    def _add_sequence(self, bits: Bits) -> None:
        bits.skip(4)  # its set of video parameters
        layers = bits.number(3)
        bits.skip(1)
        _skip_profile(bits, layers)
        bits.exponential()  # its number
        chroma = bits.exponential()
        if chroma == 3:
            bits.skip(1)  # planes that are coded one by one
        size = Size(bits.exponential(), bits.exponential())
        if bits.flag():  # the edges that are cut off after decoding
            for _ in range(4):
                bits.exponential()
        depth = 8 + max(bits.exponential(), bits.exponential())
        self.size = Size(max(self.size.width, size.width), max(self.size.height, size.height))
        self.planes = self.planes.joined(Planes(min(depth, 16), _CHROMA.get(chroma, 2)))


def _skip_profile(bits: Bits, layers: int) -> None:
    """Skip `profile_tier_level` for `layers` temporal layers besides the first."""
    bits.skip(88 + 8)
    present = [(bits.flag(), bits.flag()) for _ in range(layers)]
    if layers:
        bits.skip(2 * (8 - layers))
    for profile, level in present:
        bits.skip(88 * profile + 8 * level)


def _without_escapes(unit: bytes) -> bytes:
    """Return the payload of `unit` without the bytes that keep it free of start codes."""
    return unit.replace(b"\0\0\3", b"\0\0")
