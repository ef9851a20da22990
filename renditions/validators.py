"""Django validators of a focal point."""

from .ppoi import INVALID_PPOI_MESSAGE, PPOI, is_ppoi, parse_ppoi

__all__ = ["INVALID_CENTERPOINT_ERROR_MESSAGE", "validate_ppoi", "validate_ppoi_tuple"]

# The old package's names.
INVALID_CENTERPOINT_ERROR_MESSAGE = INVALID_PPOI_MESSAGE
validate_ppoi_tuple = is_ppoi


def validate_ppoi(value: object, return_converted_tuple: bool = False) -> PPOI | None:
    """Raise ValidationError (`invalid_ppoi`) unless `value` is a focal point.

    Args:
        return_converted_tuple: Return the point as a tuple, not None.
    """
    point = parse_ppoi(value)
    return point if return_converted_tuple else None
