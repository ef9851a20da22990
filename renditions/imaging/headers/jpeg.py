"""The segments and scans of a JPEG, by ITU-T T.81."""

from typing import BinaryIO

from .header import Header, add_exif, size_of
from .ifd import BLOCK_OVERHEAD_BYTES
from .jpeg_scans import END_OF_IMAGE, MARKER, START_OF_FRAME, START_OF_SCAN

_BASELINE = {0xC0, 0xC1}
_STANDALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
_METADATA = {*range(0xE0, 0xF0), 0xFE}
_EXIF_SEGMENT, _EXIF_NAME = 0xE1, b"Exif\0\0"


def read_jpeg(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Fill `header` up to the first scan, and count the scans."""
    exif = _read_jpeg(file, header, max_metadata_bytes, max_scans)
    add_exif(header, exif, max_metadata_bytes)


def _read_jpeg(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> bytes:
    """Fill `header` and return EXIF. Pillow joins all segments with EXIF."""
    file.seek(2)
    frame, baseline, exif = b"", False, bytearray()
    while header.metadata_bytes <= max_metadata_bytes:
        max_blocks = (max_metadata_bytes - header.metadata_bytes) // BLOCK_OVERHEAD_BYTES + 1
        marker, length, skipped = _jpeg_segment(file, max_blocks)
        header.metadata_bytes += skipped * BLOCK_OVERHEAD_BYTES
        if marker is None:
            break
        if marker == START_OF_SCAN:
            # After a baseline scan with all components, the decoder reads no other.
            scan = file.read(length)
            if not (baseline and scan[:1] == frame[5:6]):
                _count_scans(file, header, max_metadata_bytes, max_scans)
                header.coefficient_bytes = _coefficient_bytes(frame)
            break
        if marker in START_OF_FRAME:
            frame, baseline = file.read(length), marker in _BASELINE
            header.size = size_of(frame[3:5], frame[1:3], "big")
            length = 0
        if marker in _METADATA:
            header.metadata_bytes += length
        if marker == _EXIF_SEGMENT:
            exif += _exif_of_segment(file, length)
            length = 0
        file.seek(length, 1)
    return bytes(exif)


def _exif_of_segment(file: BinaryIO, length: int) -> bytes:
    """Return EXIF, or nothing if the segment holds something else; go to its end."""
    end = file.tell() + length
    name = file.read(len(_EXIF_NAME))
    exif = file.read(max(length - len(name), 0)) if name == _EXIF_NAME else b""
    file.seek(end)
    return exif


def _jpeg_segment(file: BinaryIO, max_skipped: int) -> tuple[int | None, int, int]:
    """Return the next marker, the length of its data, and the number of bytes skipped before it.

    The marker is None at the end, and after `max_skipped` skipped bytes.
    """
    byte, skipped = file.read(1), 0
    while byte and byte != b"\xff" and skipped < max_skipped:
        byte, skipped = file.read(1), skipped + 1
    while byte == b"\xff" and skipped <= max_skipped:
        byte, skipped = file.read(1), skipped + 1
    if not byte or byte[0] == END_OF_IMAGE or skipped > max_skipped:
        return None, 0, skipped
    if byte[0] in _STANDALONE or byte[0] == 0:
        return byte[0], 0, skipped
    length = int.from_bytes(file.read(2), "big")
    return (byte[0], length - 2, skipped) if length >= 2 else (None, 0, skipped)


def _count_scans(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Count the scans after the one whose header was just read."""
    data, position = file.read(), 0
    while header.scans <= max_scans and header.metadata_bytes <= max_metadata_bytes:
        found = MARKER.search(data, position)
        if found is None or found[0][1] == END_OF_IMAGE:
            break
        header.scans += found[0][1] == START_OF_SCAN
        header.metadata_bytes += BLOCK_OVERHEAD_BYTES
        length = int.from_bytes(data[found.end() : found.end() + 2], "big")
        position = found.end() + max(length, 2)


def _coefficient_bytes(frame: bytes) -> int:
    """Return the memory for the coefficients of all components, two bytes each."""
    factors = [(sampling >> 4, sampling & 15) for sampling in frame[7::3]]
    max_x, max_y = (max((factor[i] for factor in factors), default=1) or 1 for i in (0, 1))
    samples = sum(horizontal * vertical for horizontal, vertical in factors)
    return 2 * size_of(frame[3:5], frame[1:3], "big").pixels * samples // (max_x * max_y)
