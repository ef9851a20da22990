import math
from decimal import Decimal
from fractions import Fraction

import pytest
from django.core.exceptions import ValidationError

from renditions.validators import parse_ppoi, ppoi_text, validate_ppoi, validate_ppoi_tuple

WRONG = [
    (1.5, 2), (0, 1.5, 6), (0.5,), (), [0.5, 0.5], "picklexcucumber", "", "0.5", "0.5x", "x",
    "0.5x0.5x0.5", "-0.1x0.5", "1.1x0.5", "nanx0.5", "infx0.5", (math.nan, 0.5), ("a", "b"), None,
    0.5, (None, 0.5), ("0.5", "0.5"), (0.5j, 0), (10**400, 0), (Decimal("NaN"), 0),
    (Decimal("sNaN"), 0), (Decimal("1.01"), 0), (Fraction(-1, 9), 0),
]  # fmt: skip


@pytest.mark.parametrize("value", WRONG)
def test_what_is_no_focal_point_is_refused(value):
    """Always with the same code, never with another exception."""
    with pytest.raises(ValidationError) as caught:
        validate_ppoi(value)

    assert caught.value.code == "invalid_ppoi"
    assert "0.5x0.5" in caught.value.messages[0]


@pytest.mark.parametrize("value", [(0, 1.5, 6), (1.5, 0), [0.5, 0.5], "ab", (0.5,), (math.nan, 0)])
def test_validate_ppoi_tuple_answers(value):
    """It raises nothing."""
    assert validate_ppoi_tuple(value) is False
    assert validate_ppoi_tuple((0, 1)) is True


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
    """Whole numbers, too: the text of a point is part of file names."""
    found = parse_ppoi(value)

    assert found == point
    assert [str(part) for part in found] == [str(part) for part in point]


def test_validate_returns_the_point_only_if_asked():
    """As a Django validator it returns nothing."""
    assert validate_ppoi("0.5x0.25") is None
    assert validate_ppoi("0.5x0.25", return_converted_tuple=True) == (0.5, 0.25)


def test_the_text_of_a_point_is_that_of_floats():
    """So that it does not depend on how the point was written."""
    assert ppoi_text((0, 1)) == "0.0x1.0"
