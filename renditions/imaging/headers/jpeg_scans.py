"""The scans of a JPEG, by ITU-T T.81: where they end, and whether a part of them is missing."""

import re
from collections.abc import Iterator
from itertools import takewhile

START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
END_OF_IMAGE, START_OF_SCAN, _RESTART_INTERVAL = 0xD9, 0xDA, 0xDD
_BLOCK = 8  # px
_MAX_MARKERS = 100_000  # more than any encoder writes

# A scan ends at such a marker. In the scan, 0xFF is followed by 0, a restart marker or 0xFF.
MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")


def end_of_image_offset(data: bytes) -> int | None:
    """Return where the first picture in `data` ends. More pictures may follow."""
    return next((at for marker, at in _markers(data) if marker == END_OF_IMAGE), None)


def lacks_restart_markers(data: bytes, end: int) -> bool:
    """Whether restart markers before `end` are missing or not in order."""
    frame, interval = b"", 0
    for marker, at in takewhile(lambda found: found[1] < end, _markers(data)):
        segment = data[at + 4 : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")]
        if marker in START_OF_FRAME:
            frame = segment
        elif marker == _RESTART_INTERVAL:
            interval = int.from_bytes(segment[:2], "big")
        elif marker == START_OF_SCAN and interval:
            begin = at + 4 + len(segment)
            following = MARKER.search(data, begin, end)
            found = _RESTART.findall(data, begin, following.start() if following else end)
            wanted = max(_mcus(frame, segment) - 1, 0) // interval
            if found[:wanted] != [bytes([0xD0 + number % 8]) for number in range(wanted)]:
                return True
    return False


def _markers(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield each marker that has a segment, and its offset; last, the end of the picture."""
    position = 2
    for _ in range(_MAX_MARKERS):
        found = MARKER.search(data, position)
        if found is None:
            return
        marker, start = found[0][1], found.start()
        yield marker, start
        if marker == END_OF_IMAGE:
            return
        length = int.from_bytes(data[start + 2 : start + 4], "big")
        position = start + 2 + max(length, 2)


def _mcus(frame: bytes, scan: bytes) -> int:
    """Return the number of MCUs (minimum coded units) in a scan."""
    height, width = (int.from_bytes(frame[i : i + 2], "big") for i in (1, 3))
    factors = {
        frame[i]: (frame[i + 1] >> 4, frame[i + 1] & 15) for i in range(6, len(frame) - 2, 3)
    }
    max_x, max_y = (max((factor[i] for factor in factors.values()), default=1) or 1 for i in (0, 1))
    if scan[:1] != b"\1":
        return -(-width // (_BLOCK * max_x)) * -(-height // (_BLOCK * max_y))
    own_x, own_y = factors.get(scan[1], (max_x, max_y))
    return -(-width * own_x // (_BLOCK * max_x)) * -(-height * own_y // (_BLOCK * max_y))
