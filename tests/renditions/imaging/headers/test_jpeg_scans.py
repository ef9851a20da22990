"""Where a JPEG ends, and whether restart markers are missing."""

import re

import pytest

from renditions.imaging.headers import end_of_image_offset, lacks_restart_markers
from tests.renditions.imaging.pictures import as_file, photograph


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("blocks", [0, 1, 2, 7, 5000])
def test_restart_markers_are_counted_scan_by_scan(progressive, subsampling, mode, blocks):
    """In a scan with one component, they are counted by blocks; its sampling does not matter."""
    picture = photograph(109, 83).convert(mode)
    options = {"progressive": progressive, "subsampling": subsampling}
    data = as_file(picture, "JPEG", restart_marker_blocks=blocks, **options).getvalue()
    end = end_of_image_offset(data + b"appended" + data)

    assert end == len(data) - 2
    assert not lacks_restart_markers(data, end)
    for found in list(re.finditer(rb"\xff[\xd0-\xd7]", data))[::40]:
        shorter = data[: found.start()] + data[found.end() :]
        assert lacks_restart_markers(shorter, end - 2)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xda\0\x08\1"])
def test_data_without_an_end_marker(data):
    assert end_of_image_offset(data) is None
    assert not lacks_restart_markers(data, len(data))
