"""Which picture in hand a rendition is cut from, by arithmetic alone."""

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
    """A level that nobody shares would only cost time."""
    assert widths(whole(100)) == [6000]
    assert widths(square(100)) == [6000]


def test_large_renditions_serve_small_ones():
    """A thumbnail of the whole picture is a level for what is smaller."""
    assert widths(whole(2000), whole(1200), whole(200), square(50)) == [6000, 2000, 1200, 200]


def test_a_level_is_made_where_several_go_a_long_way():
    """Crops alone leave no whole picture behind, so one is made for them."""
    assert widths(square(400), square(100), square(50)) == [6000, 900, 225]


@given(st.lists(st.builds(square, st.integers(1, 4000)) | st.builds(whole, st.integers(2, 6000))))
def test_no_rendition_is_cut_from_too_small_a_level(cuts):
    """The gap is kept, or the level is the original itself; planning ends."""
    levels = plan_levels(BASE, STORED, cuts)

    assert levels[0] == BASE
    assert levels == sorted(levels, key=lambda level: -level.scale)
    for cut in cuts:
        level = nearest_level(levels, cut.scale)
        assert level == BASE or level.scale >= GAP * cut.scale * 0.9999
