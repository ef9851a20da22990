"""The scans of a JPEG, by ITU-T T.81: where they end, and whether a part of them is missing."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
END_OF_IMAGE, START_OF_SCAN, _RESTART_INTERVAL = 0xD9, 0xDA, 0xDD
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_BLOCK = 8  # px
_COEFFICIENTS = _BLOCK * _BLOCK
_MAX_MARKERS = 100_000  # more than any encoder writes

# A scan ends at such a marker. In the scan, 0xFF is followed by 0, a restart marker or 0xFF.
MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")


def end_of_image_offset(data: bytes) -> int | None:
    """Return where the first picture in `data` ends. More pictures may follow."""
    return next((at for marker, at in _markers(data) if marker == END_OF_IMAGE), None)


def lacks_restart_markers(data: bytes, end: int) -> bool:
    """Whether restart markers before `end` are missing or not in order."""
    return any(not scan.has_all_restarts for scan in _scans(data, end))


def lacks_only_its_end(data: bytes, end: int) -> bool:
    """Whether each row before the end of the last scan is complete.

    A progressive JPEG has a scan that gives the last bit of each coefficient of each component. If
    there is no such scan, no row is complete.
    """
    scans, whole = list(_scans(data, end)), defaultdict[int, set[int]](set)
    if not scans:
        return False
    for scan in scans:
        for component in scan.components if scan.is_final else b"":
            whole[component].update(scan.coefficients)
    is_whole = all(len(whole[component]) == _COEFFICIENTS for component in scans[0].frame)
    in_order = all(scan.has_all_restarts for scan in scans[:-1]) and scans[-1].has_first_restarts
    return is_whole and in_order


@dataclass(frozen=True, slots=True)
class _Scan:
    frame: bytes  # the components of the picture
    components: bytes  # in this scan
    coefficients: range
    is_final: bool  # with their last bit
    restarts: list[bytes]  # the markers that were found
    wanted: list[bytes]  # those that there should be

    @property
    def has_all_restarts(self) -> bool:
        return self.restarts[: len(self.wanted)] == self.wanted

    @property
    def has_first_restarts(self) -> bool:
        found = self.restarts[: len(self.wanted)]
        return found == self.wanted[: len(found)]


def _scans(data: bytes, end: int) -> Iterator[_Scan]:
    """Yield the scans before `end`."""
    frame, marker_of_frame, interval = b"", 0, 0
    for marker, at in takewhile(lambda found: found[1] < end, _markers(data)):
        segment = data[at + 4 : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")]
        if marker in START_OF_FRAME:
            frame, marker_of_frame = segment, marker
        elif marker == _RESTART_INTERVAL:
            interval = int.from_bytes(segment[:2], "big")
        elif marker == START_OF_SCAN and len(segment) >= 4:
            found, wanted = [], 0
            if interval:
                begin = at + 4 + len(segment)
                following = MARKER.search(data, begin, end)
                found = _RESTART.findall(data, begin, following.start() if following else end)
                wanted = max(_mcus(frame, segment) - 1, 0) // interval
            first, last, bits = segment[-3:]
            is_progressive = marker_of_frame in _PROGRESSIVE
            yield _Scan(
                frame=frame[6::3],
                components=segment[1:-3:2],
                coefficients=range(first, last + 1) if is_progressive else range(_COEFFICIENTS),
                is_final=not is_progressive or bits & 15 == 0,
                restarts=found,
                wanted=[bytes([0xD0 + number % 8]) for number in range(wanted)],
            )


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
