import pytest
from django.core.exceptions import ValidationError

from renditions.validators import (
    INVALID_CENTERPOINT_ERROR_MESSAGE,
    validate_ppoi,
    validate_ppoi_tuple,
)


def test_validate_ppoi_refuses_what_is_not_a_focal_point():
    with pytest.raises(ValidationError) as caught:
        validate_ppoi("1.1x0.5")

    assert caught.value.code == "invalid_ppoi"


def test_validate_ppoi_returns_the_point_only_if_asked():
    """As a Django validator it returns nothing."""
    assert validate_ppoi("0.5x0.25") is None
    assert validate_ppoi("0.5x0.25", return_converted_tuple=True) == (0.5, 0.25)


def test_validate_ppoi_tuple_answers():
    assert validate_ppoi_tuple((0, 1)) is True
    assert validate_ppoi_tuple("0x1") is False


def test_old_code_may_fill_in_the_message():
    assert (INVALID_CENTERPOINT_ERROR_MESSAGE % "0x2").startswith("0x2 is not a focal point.")
