"""The focal point (PPOI, primary point of interest): the point that every crop keeps in view."""

from typing import Any, Self, SupportsFloat

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from .imaging.geometry import CENTRE

# For OpenAPI. A small number has an exponent: 1e-05.
TEXT_PATTERN = r"^[0-9.e-]+x[0-9.e-]+$"
EXAMPLE = "0.25x0.75"


class PPOI(tuple[float, float]):
    """A focal point: shares of the width and of the height, 0-1 from the top left.

    It equals the tuple of its two numbers, and its text is `0.25x0.75`. Every reader of a focal
    point takes back both.
    """

    __slots__ = ()

    @classmethod
    def at(cls, x: float, y: float) -> Self:
        return cls((x, y))

    def __str__(self) -> str:
        return "x".join(str(float(part)) for part in self)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    # pydantic calls these two, if a schema has a field of this type.

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            _read_by_pydantic, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "pattern": TEXT_PATTERN, "examples": [EXAMPLE]}


CENTRE_PPOI = PPOI(CENTRE.as_tuple)

# `%s`, not a named placeholder: old code interpolates it as INVALID_CENTERPOINT_ERROR_MESSAGE.
INVALID_PPOI_MESSAGE = _(
    "%s is not a focal point. Give two numbers from 0 to 1, for example 0.5x0.5: the share of the "
    "width from the left, and the share of the height from the top."
)


def parse_ppoi(value: object) -> PPOI:
    """Return the focal point that a tuple or a text like `0.25x0.75` gives.

    Raises:
        ValidationError: code `invalid_ppoi`.
    """
    point = _from_text(value) if isinstance(value, str) else value
    if not isinstance(point, tuple) or not is_ppoi(point):
        raise ValidationError(INVALID_PPOI_MESSAGE % repr(value), code="invalid_ppoi")
    # abs: -0.0 is in range, and would be another text in file names.
    return PPOI.at(abs(float(point[0])), abs(float(point[1])))


def parse_json_ppoi(value: object) -> PPOI:
    """Return the focal point that a text or a list of two numbers gives: JSON has no tuples.

    Raises:
        ValidationError: code `invalid_ppoi`.
    """
    return parse_ppoi(tuple(value) if isinstance(value, list) else value)


def _read_by_pydantic(value: Any) -> PPOI:
    from pydantic_core import PydanticCustomError

    if isinstance(value, list) and len(value) == 1:
        # django-ninja reads a form: every type that is a tuple gets the list of all values.
        [value] = value
    try:
        return parse_json_ppoi(value)
    except ValidationError as error:
        reason = {"reason": " ".join(error.messages)}
        raise PydanticCustomError("invalid_ppoi", "{reason}", reason) from error


def ppoi_text(point: tuple[Any, Any]) -> str:
    """Return the text of `point` in databases and forms: `0.5x0.5`."""
    return str(PPOI(point))


def is_ppoi(value: object) -> bool:
    """Whether `value` is a pair of numbers from 0 to 1."""
    return isinstance(value, tuple) and len(value) == 2 and all(_is_share(part) for part in value)


def _from_text(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split("x"))
    except ValueError:
        return ()


def _is_share(part: object) -> bool:
    try:
        # A comparison with NaN is False, so NaN is no share.
        return isinstance(part, SupportsFloat) and 0 <= float(part) <= 1
    except (ArithmeticError, ValueError):
        # The number has no float: 10**400, or a signalling NaN.
        return False


CENTRE_TEXT = ppoi_text(CENTRE_PPOI)
