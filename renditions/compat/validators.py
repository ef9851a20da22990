"""The names of the old package's `validators`."""

from django.core.exceptions import ValidationError

from renditions.validators import (
    INVALID_CENTERPOINT_ERROR_MESSAGE,
    validate_ppoi,
    validate_ppoi_tuple,
)

# A star import gives these two, as in the old package.
__all__ = ["validate_ppoi", "validate_ppoi_tuple"]
