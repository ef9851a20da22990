"""What to make of a picture. Nothing has happened yet: a recipe is plain data."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

from .filters import AnyFilter
from .formats import Encoding
from .geometry import CENTRE, Box, FocalPoint, Size
from .sizers import AnySizer, Cut, Sizer


@dataclass(frozen=True, slots=True)
class Recipe:
    sizer: AnySizer | None = None  # None: the size stays
    size: Size | None = None  # given exactly where `sizer` is
    ppoi: FocalPoint = CENTRE
    filter: AnyFilter | None = None
    format: str | None = None  # a name in the table of formats; None: the original's own
    encoding: Encoding = field(default_factory=Encoding)

    @property
    def shares_decode(self) -> bool:
        """Whether the rendition is cut from the picture that other recipes are cut from."""
        return all(part.shares_decode for part in (self.sizer, self.filter) if part)

    def on(self, storage: Any) -> Self:
        """Return the recipe to use with this storage object."""
        return replace(
            self,
            sizer=self.sizer and self.sizer.on(storage),
            filter=self.filter and self.filter.on(storage),
        )

    def cut(self, source: Size) -> Cut:
        """Return what to take from the upright `source`; for a recipe that shares the decode."""
        if not isinstance(self.sizer, Sizer) or self.size is None:
            return Cut(Box.of(source), source)
        return self.sizer.cut(source, self.size, self.ppoi)

    def size_of(self, source: Size | None) -> Size | None:
        """Return the size of the rendition, px; None: only its file tells.

        Args:
            source: Upright size of the original, px; None: it is unknown.
        """
        if not self.shares_decode:
            return None
        if not isinstance(self.sizer, Sizer) or self.size is None:
            return source
        return self.sizer.size_of(source, self.size)
