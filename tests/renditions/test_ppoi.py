import math
from decimal import Decimal
from fractions import Fraction

import pytest
from django.core.exceptions import ValidationError

from renditions.ppoi import CENTRE_TEXT, is_ppoi, parse_ppoi, ppoi_text

WRONG = [
    (1.5, 2), (0, 1.5, 6), (0.5,), (), [0.5, 0.5], "picklexcucumber", "", "0.5", "0.5x", "x",
    "0.5x0.5x0.5", "-0.1x0.5", "1.1x0.5", "nanx0.5", "infx0.5", (math.nan, 0.5), ("a", "b"), None,
    0.5, (None, 0.5), ("0.5", "0.5"), (0.5j, 0), (10**400, 0), (Decimal("NaN"), 0),
    (Decimal("sNaN"), 0), (Decimal("1.01"), 0), (Fraction(-1, 9), 0),
]  # fmt: skip


@pytest.mark.parametrize("value", WRONG)
def test_every_other_value_is_refused_with_one_error(value):
    """The message shows the value and what a focal point looks like."""
    with pytest.raises(ValidationError) as caught:
        parse_ppoi(value)

    assert caught.value.code == "invalid_ppoi"
    assert repr(value) in caught.value.messages[0]
    assert "0.5x0.5" in caught.value.messages[0]


@pytest.mark.parametrize(
    ("value", "point"),
    [
        ((0, 1), (0.0, 1.0)),
        ((0.25, 0.75), (0.25, 0.75)),
        ("0.25x0.75", (0.25, 0.75)),
        (" 0.25 x 1 ", (0.25, 1.0)),
        ("-0x0", (0.0, 0.0)),
        ((-0.0, 1), (0.0, 1.0)),
        ((Decimal("0.5"), Fraction(1, 4)), (0.5, 0.25)),
    ],
)
def test_a_focal_point_is_two_floats(value, point):
    """Whole numbers become floats too, because file names hold the text of a point."""
    found = parse_ppoi(value)

    assert found == point
    assert [str(part) for part in found] == [str(part) for part in point]


@pytest.mark.parametrize("value", [(0, 1.5, 6), (1.5, 0), [0.5, 0.5], "ab", (0.5,), (math.nan, 0)])
def test_is_ppoi_raises_nothing(value):
    assert is_ppoi(value) is False
    assert is_ppoi((0, 1)) is True


def test_a_point_has_one_text():
    """The text does not depend on how the point was written."""
    assert ppoi_text((0, 1)) == ppoi_text((0.0, 1.0)) == "0.0x1.0"
    assert CENTRE_TEXT == "0.5x0.5"
