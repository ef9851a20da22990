"""Sizes, boxes and focal points: arithmetic before a pixel moves.

`cover_box` and `fit_size` return exactly the boxes and the rounding of django-versatileimagefield
3.1 and of Pillow's `Image.thumbnail`, so no rendition shifts after a migration.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from renditions.errors import EmptySize


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height, px."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def swapped(self) -> Self:
        """The size after a quarter turn."""
        return type(self)(self.height, self.width)

    @property
    def as_tuple(self) -> tuple[int, int]:
        return self.width, self.height


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of whole pixels; `right` and `bottom` are just outside."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def of(cls, size: Size) -> Self:
        """Return the box that covers all of `size`."""
        return cls(0, 0, size.width, size.height)

    @property
    def size(self) -> Size:
        return Size(self.right - self.left, self.bottom - self.top)

    def scaled(self, x: float, y: float) -> tuple[float, float, float, float]:
        """Return the same part of a picture that is `x` times as wide and `y` times as high."""
        return self.left * x, self.top * y, self.right * x, self.bottom * y


@dataclass(frozen=True, slots=True)
class FocalPoint:
    """The point of interest, 0-1 from the top left of the upright picture."""

    x: float
    y: float

    @property
    def as_tuple(self) -> tuple[float, float]:
        return self.x, self.y


CENTRE = FocalPoint(0.5, 0.5)


def cover_box(source: Size, target: Size, ppoi: FocalPoint) -> Box:
    """Return the largest box in `source` with the shape of `target`, near `ppoi`.

    Args:
        source: Upright size of the original, px.
        target: Wanted size, px; only its ratio matters.
        ppoi: 0-1 from the top left. The box slides to stay inside.

    Raises:
        EmptySize: a side of `source` or `target` is 0.
    """
    _refuse_empty(source, target)
    ratio = target.width / target.height
    if source.width / source.height >= ratio:
        width = _at_least_one(ratio * source.height, source.width)
        left = _slide(int(source.width * ppoi.x), width, source.width)
        return Box(left, 0, left + width, source.height)
    height = _at_least_one(source.width / ratio, source.height)
    top = _slide(int(source.height * ppoi.y), height, source.height)
    return Box(0, top, source.width, top + height)


def fit_size(source: Size, bounds: Size) -> Size:
    """Return the largest size with the shape of `source` that fits in `bounds`.

    Never larger than `source`, never less than 1 px a side.

    Raises:
        EmptySize: a side of `source` or `bounds` is 0.
    """
    _refuse_empty(source, bounds)
    if bounds.width >= source.width and bounds.height >= source.height:
        return source
    ratio = source.width / source.height
    if bounds.width / bounds.height >= ratio:
        exact = bounds.height * ratio
        return Size(_nearest(exact, lambda n: abs(ratio - n / bounds.height)), bounds.height)
    exact = bounds.width / ratio
    return Size(bounds.width, _nearest(exact, lambda n: abs(ratio - bounds.width / n) if n else 0))


def _nearest(exact: float, error: Callable[[int], float]) -> int:
    """Return the integer next to `exact` with the smaller `error`, at least 1."""
    return max(min(math.floor(exact), math.ceil(exact), key=error), 1)


def _at_least_one(exact: float, available: int) -> int:
    # Rounds half up. django-versatileimagefield rounds a side below half a pixel to 0, and Pillow
    # then fails for the empty box.
    return min(max(int(exact + 0.5), 1), available)


def _slide(centre: int, length: int, available: int) -> int:
    """Return the start of a segment of `length` near `centre` that stays inside `available`."""
    return min(max(centre - length // 2, 0), available - length)


def _refuse_empty(*sizes: Size) -> None:
    for size in sizes:
        if size.width < 1 or size.height < 1:
            raise EmptySize(f"The size is {size}.")
