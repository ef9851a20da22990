"""Which picture in hand is a rendition cut from?

The decoded picture is the first level. A rendition that shows all of the original becomes a level
for the smaller ones, and where several small ones would each walk over a far larger picture, a
level is made for them. Everything is decided by arithmetic before a pixel moves; each level is
made when it is first needed.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from PIL import Image

from .geometry import Box, Size
from .resampling import new_resizer, resample

# Never cut from a level less than this much larger. With 1.5 the loss against cutting from the full
# size is no smaller (mean SSIM loss 0.0003 with either), and more is cut from larger levels.
GAP = 1.1
# A level is made for two or more renditions that would be shrunk by more than the one from theirs;
# it is larger than they need by the other.
LONG_WAY, MADE_GAP = 3.0, 1.5
# Pixels this near to those of a level are taken from there as they are.
OFF_GRID = 0.02


@dataclass(frozen=True, slots=True)
class StoredCut:
    """A cut in the coordinates of the original as it is stored, not upright."""

    box: Box
    size: Size

    @property
    def scale(self) -> float:
        """Sides of the result by sides of the box; the larger of the two."""
        return max(self.size.width / self.box.size.width, self.size.height / self.box.size.height)


@dataclass(frozen=True, slots=True)
class Level:
    """A picture of all of the original, not made yet."""

    size: Size
    x_scale: float  # its width by the original's
    y_scale: float

    @classmethod
    def of(cls, size: Size, stored: Size) -> Self:
        return cls(size, size.width / stored.width, size.height / stored.height)

    @property
    def scale(self) -> float:
        return min(self.x_scale, self.y_scale)


class Pyramid:
    """Pictures of all of the original, each smaller than the one before."""

    def __init__(
        self, base: Image.Image, scale: float, stored: Size, cuts: Sequence[StoredCut]
    ) -> None:
        """Plan the levels that `cuts` ask for.

        Args:
            base: The decoded picture; it is never changed.
            scale: Of its sides to the original's. The last row and column may be cut ones.
            stored: Size of the original.
        """
        self.base = base
        first = Level(Size(*base.size), scale, scale)
        self._stored = stored
        self._plan = plan_levels(first, stored, cuts)
        self._pictures = {first: base}
        self._resizer = new_resizer()

    def cut(self, cut: StoredCut) -> Image.Image:
        """Return the rendition; it may be a level, so it must not be changed."""
        for level in self._plan:
            if pixels := _pixels_in(level, cut, self._stored):
                picture = self._picture(level)
                return picture if cut.size == level.size else picture.crop(pixels)
        return self._resample(cut)

    def _resample(self, cut: StoredCut) -> Image.Image:
        level = nearest_level(self._plan, cut.scale)
        box = cut.box.scaled(level.x_scale, level.y_scale)
        return resample(self._picture(level), box, cut.size, self._resizer)

    def _picture(self, level: Level) -> Image.Image:
        if level not in self._pictures:
            self._pictures[level] = self._resample(StoredCut(Box.of(self._stored), level.size))
        return self._pictures[level]


def plan_levels(base: Level, stored: Size, cuts: Sequence[StoredCut]) -> list[Level]:
    """Return all levels that `cuts` are to be made from, the largest, `base`, first."""
    whole = {Level.of(cut.size, stored) for cut in cuts if cut.box == Box.of(stored)}
    levels = [base, *_largest_first(level for level in whole if level.scale < base.scale)]
    while missing := _missing_level(levels, stored, cuts):
        levels = [base, *_largest_first([*levels[1:], missing])]
    used = {nearest_level(levels, cut.scale) for cut in cuts}
    used |= {
        level
        for level in levels
        for cut in cuts
        if cut.size != level.size and _pixels_in(level, cut, stored)
    }
    return [level for level in levels if level == base or level in used or level not in whole]


def nearest_level(levels: Sequence[Level], scale: float) -> Level:
    """Return the smallest of `levels`, largest first, that is `GAP` times what `scale` needs."""
    needed = scale * GAP * (1 - 1e-5)  # a level made for a scale has whole pixels
    return next((level for level in reversed(levels) if level.scale >= needed), levels[0])


def _pixels_in(level: Level, cut: StoredCut, stored: Size) -> tuple[int, int, int, int] | None:
    """Return where the very pixels of `cut` lie in `level`, if they do: same scale, same grid."""
    exact = cut.box.scaled(level.x_scale, level.y_scale)
    left, top, right, bottom = (round(edge) for edge in exact)
    if (right - left, bottom - top) != cut.size.as_tuple:
        return None
    off = max(
        abs(edge - whole) for edge, whole in zip(exact, (left, top, right, bottom), strict=True)
    )
    return (left, top, right, bottom) if off < OFF_GRID else None


def _missing_level(
    levels: Sequence[Level], stored: Size, cuts: Sequence[StoredCut]
) -> Level | None:
    """Return a level that would spare several cuts a long way from theirs."""
    for level in levels:
        far = [
            cut.scale
            for cut in cuts
            if nearest_level(levels, cut.scale) == level and cut.scale * LONG_WAY < level.scale
        ]
        if len(far) > 1:
            # Rounded up, or it would be too small for the cut that it is made for.
            scale = max(far) * MADE_GAP
            size = Size(_round_up(stored.width * scale), _round_up(stored.height * scale))
            made = Level.of(size, stored)
            return None if made in levels else made
    return None


def _round_up(exact: float) -> int:
    return math.ceil(exact - 1e-6)


def _largest_first(levels: Iterable[Level]) -> list[Level]:
    return sorted(levels, key=lambda level: (-level.scale, level.size.width))
