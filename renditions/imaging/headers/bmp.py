"""A BMP whose pixels are runs of a colour, which Pillow decodes in Python: by its header."""

from typing import BinaryIO

from renditions.imaging.geometry import Size

from .header import Header, size_of

_FILE_HEADER_BYTES, _LEAST_HEADER_BYTES = 14, 40  # those with less have no compression
_RUNS = {1, 2}  # of eight bits a pixel, and of four
# In bytes, as metadata is limited: two bytes of runs are a turn of a loop, and so is a pixel.
_PIXEL_COST, _BYTE_COST = 4, 8


def read_bmp(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Count what runs cost; the size is for the decoder to tell."""
    end = file.seek(0, 2)
    file.seek(_FILE_HEADER_BYTES)
    start = file.read(_LEAST_HEADER_BYTES)
    own_bytes = int.from_bytes(start[:4], "little")
    if own_bytes < _LEAST_HEADER_BYTES or int.from_bytes(start[16:20], "little") not in _RUNS:
        return
    size = size_of(start[4:8], start[8:12], "little")
    if start[11:12] == b"\xff":  # the first row is at the top
        size = Size(size.width, (1 << 32) - size.height)
    header.metadata_bytes = size.pixels * _PIXEL_COST + end * _BYTE_COST
