"""What a focal point (PPOI, primary point of interest) may be."""

from typing import SupportsFloat

from django.core.exceptions import ValidationError

PPOI = tuple[float, float]

INVALID_CENTERPOINT_ERROR_MESSAGE = (
    "%s is no focal point. Give two numbers from 0 to 1, the shares of the width and of the height "
    "from the top left, as a tuple (0.5, 0.5) or as text '0.5x0.5'."
)


def validate_ppoi_tuple(value: object) -> bool:
    """Whether `value` is a pair of numbers from 0 to 1."""
    return isinstance(value, tuple) and len(value) == 2 and all(_is_share(part) for part in value)


def _is_share(part: object) -> bool:
    try:
        # A comparison with NaN is False, so NaN is no share.
        return isinstance(part, SupportsFloat) and 0 <= float(part) <= 1
    except (ArithmeticError, ValueError):
        # A number that no float is, like 10**400.
        return False


def parse_ppoi(value: object) -> PPOI:
    """Return the focal point, two floats, that a tuple or a text like `0.25x0.75` gives.

    Raises:
        ValidationError: code `invalid_ppoi`.
    """
    point = _from_text(value) if isinstance(value, str) else value
    if not isinstance(point, tuple) or not validate_ppoi_tuple(point):
        raise ValidationError(INVALID_CENTERPOINT_ERROR_MESSAGE % repr(value), code="invalid_ppoi")
    # abs: -0.0 is in range, and would be another text in file names.
    return abs(float(point[0])), abs(float(point[1]))


def _from_text(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split("x"))
    except ValueError:
        return ()


def validate_ppoi(value: object, return_converted_tuple: bool = False) -> PPOI | None:
    """Raise ValidationError (`invalid_ppoi`) unless `value` is a focal point.

    Args:
        return_converted_tuple: Give the point back as a tuple.
    """
    point = parse_ppoi(value)
    return point if return_converted_tuple else None


def ppoi_text(point: PPOI) -> str:
    """Return the point as it stands in the database: `0.5x0.5`."""
    return "x".join(str(float(part)) for part in point)
