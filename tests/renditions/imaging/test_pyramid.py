"""From which level a rendition is cut: arithmetic only."""

from hypothesis import given
from hypothesis import strategies as st

from renditions.imaging.geometry import Box, Size
from renditions.imaging.pyramid import GAP, Level, StoredCut, nearest_level, plan_levels

STORED = Size(6000, 4000)
BASE = Level(STORED, 1, 1)


def whole(width: int) -> StoredCut:
    return StoredCut(Box.of(STORED), Size(width, width * 2 // 3))


def square(side: int) -> StoredCut:
    return StoredCut(Box(1000, 0, 5000, 4000), Size(side, side))


def widths(*cuts: StoredCut) -> list[int]:
    return [level.size.width for level in plan_levels(BASE, STORED, cuts)]


def test_one_rendition_needs_no_level():
    assert widths(whole(100)) == [6000]
    assert widths(square(100)) == [6000]


def test_large_renditions_serve_small_ones():
    """A thumbnail shows the whole picture, so it is a level for smaller renditions."""
    assert widths(whole(2000), whole(1200), whole(200), square(50)) == [6000, 2000, 1200, 200]


def test_a_level_is_added_for_several_small_cuts():
    """Crops do not show the whole picture, so a level is added for them."""
    assert widths(square(400), square(100), square(50)) == [6000, 900, 225]


@given(st.lists(st.builds(square, st.integers(1, 4000)) | st.builds(whole, st.integers(2, 6000))))
def test_no_level_is_too_small_for_its_cuts(cuts):
    """A level has the gap, or it is the original. Planning ends."""
    levels = plan_levels(BASE, STORED, cuts)

    assert levels[0] == BASE
    assert levels == sorted(levels, key=lambda level: -level.scale)
    for cut in cuts:
        level = nearest_level(levels, cut.scale)
        assert level == BASE or level.scale >= GAP * cut.scale * 0.9999
