"""The header of a BMP. Pillow decodes run-length encoded pixels in Python, which is slow."""

from typing import BinaryIO

from renditions.imaging.geometry import Size

from .header import Header, size_of

_FILE_HEADER_BYTES, _MIN_HEADER_BYTES = 14, 40  # shorter headers have no compression
_RUN_LENGTH_ENCODINGS = {1, 2}  # of 8 and of 4 bits a pixel
# The cost is limited as metadata, in bytes: each pixel, and each two bytes, are a pass of a loop.
_PIXEL_COST, _BYTE_COST = 4, 8


def read_bmp(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Add the cost of run-length encoding. The decoder reads the size."""
    end = file.seek(0, 2)
    file.seek(_FILE_HEADER_BYTES)
    start = file.read(_MIN_HEADER_BYTES)
    header_bytes = int.from_bytes(start[:4], "little")
    compression = int.from_bytes(start[16:20], "little")
    if header_bytes < _MIN_HEADER_BYTES or compression not in _RUN_LENGTH_ENCODINGS:
        return
    size = size_of(start[4:8], start[8:12], "little")
    if start[11:12] == b"\xff":  # negative: the first row is at the top
        size = Size(size.width, (1 << 32) - size.height)
    header.metadata_bytes = size.pixels * _PIXEL_COST + end * _BYTE_COST
