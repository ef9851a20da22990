"""Django validators of a focal point and of an upload."""

from django.db.models.fields.files import FieldFile

from .forms import VersatileImageFormField
from .ppoi import INVALID_PPOI_MESSAGE, PPOI, is_ppoi, parse_ppoi

__all__ = [
    "INVALID_CENTERPOINT_ERROR_MESSAGE",
    "validate_picture",
    "validate_ppoi",
    "validate_ppoi_tuple",
]

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


def validate_picture(picture: FieldFile) -> None:
    """Raise ValidationError, with the reason, if no rendition can be made from a new file.

    It is for the `validators` of a model field: `full_clean()` then checks what a form or a
    serializer checks. A file on the storage is not opened.
    """
    if picture and not picture._committed:  # type: ignore[attr-defined]  # noqa: SLF001
        VersatileImageFormField().clean(picture.file)
