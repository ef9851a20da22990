"""The names of the old package's `validators`."""

from renditions.validators import (
    INVALID_CENTERPOINT_ERROR_MESSAGE,
    validate_ppoi,
    validate_ppoi_tuple,
)

__all__ = [
    "INVALID_CENTERPOINT_ERROR_MESSAGE",
    "validate_ppoi",
    "validate_ppoi_tuple",
]
