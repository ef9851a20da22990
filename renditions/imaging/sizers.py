"""Which part of a picture becomes a rendition, and how large."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from .geometry import Box, FocalPoint, Size, cover_box, fit_size


@dataclass(frozen=True, slots=True)
class Cut:
    """What a sizer decides; nothing has been cut yet."""

    box: Box  # in the upright original
    size: Size  # of the rendition


class Sizer(ABC):
    """Geometry only, and stateless, so that all sizes of a picture share one decode.

    `filename_key` names the sizer in file names; `filename_key_regex` finds those files again.
    """

    filename_key: ClassVar[str]
    filename_key_regex: ClassVar[str]

    def key_in_filename(self, ppoi: FocalPoint) -> str:
        """Return what a file name says of this sizer: its key, and whatever changes the cut."""
        return self.filename_key

    @abstractmethod
    def cut(self, source: Size, target: Size, ppoi: FocalPoint) -> Cut:
        """Return the box to take from the upright `source` and the size it gets.

        Args:
            source: Upright size of the original, px.
            target: The size in the rendition key, px.
            ppoi: 0-1 from the top left.
        """


class Crop(Sizer):
    """Exactly the target's size, centred as near to the focal point as the edges allow."""

    filename_key = "crop"
    filename_key_regex = r"crop-c[0-9-]+__[0-9-]+"

    def key_in_filename(self, ppoi: FocalPoint) -> str:
        return f"crop-c{ppoi.x!s}__{ppoi.y!s}".replace(".", "-")

    def cut(self, source: Size, target: Size, ppoi: FocalPoint) -> Cut:
        return Cut(cover_box(source, target, ppoi), target)


class Thumbnail(Sizer):
    """All of the picture, in its own shape, inside the target; never larger than the original."""

    filename_key = "thumbnail"
    filename_key_regex = "thumbnail"

    def cut(self, source: Size, target: Size, ppoi: FocalPoint) -> Cut:
        return Cut(Box.of(source), fit_size(source, target))
