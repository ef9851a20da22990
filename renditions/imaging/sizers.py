"""Which part of a picture becomes a rendition, and how large."""

import functools
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from PIL import Image

from .formats import Encoding, Format
from .geometry import CENTRE, Box, FocalPoint, Size, cover_box, fit_size
from .own_file import OwnFile


@dataclass(frozen=True, slots=True)
class Cut:
    """What a sizer decides. Nothing has been cut yet."""

    box: Box  # in the upright original
    size: Size  # of the rendition


class AnySizer(ABC):
    """What every sizer has: a part of the file name, and an attribute of a picture.

    `filename_key` names the sizer in file names; `filename_key_regex` finds these files again.
    """

    filename_key: ClassVar[str]
    filename_key_regex: ClassVar[str]
    # False: the focal point does not change the pixels, so a new one needs no new rendition.
    uses_ppoi: ClassVar[bool] = True
    # False: it gets the full-size picture for itself, and makes the whole file.
    shares_decode: ClassVar[bool]
    # Whether a key may have only one side: `800x`. The other side of the target is then 10**6 px.
    accepts_open_size: ClassVar[bool] = False

    @property
    def filename_pattern(self) -> str:
        """A regular expression for all that `key_in_filename` can return."""
        return getattr(self, "filename_key_regex", None) or re.escape(self.filename_key)

    def key_in_filename(self, ppoi: FocalPoint) -> str:
        """Return the part of the file name: the key, and everything that changes the cut."""
        return self.filename_key

    @property
    def names_own_files(self) -> bool:
        """Whether `own_file` names the files, and their format with them."""
        return False

    def own_file(self, size: Size, ppoi: FocalPoint) -> OwnFile | None:
        """Return the file of a rendition; None: it is named as those of all sizers are.

        Asked after `bind`, each time a rendition is planned: nothing is rendered or written here.
        """
        return None

    def bind(self, name: str, storage: str) -> Self:
        """Return the sizer to use for one picture.

        A sizer is stateless and returns itself, unless it adapts code that needs to know.

        Args:
            name: Path of the picture that is sized: the original, or a filtered one.
            storage: Label of its storage.
        """
        return self

    def on(self, storage: Any) -> Self:
        """Return the sizer to use with this storage object, right before it makes a file."""
        return self

    def accessor(self, sizes: Any) -> Any:
        """Return what `image.<name>` is: `sizes`, or an adapter around it."""
        return sizes


class Sizer(AnySizer):
    """Geometry only and stateless, so all sizes of a picture share one decode."""

    shares_decode = True

    @abstractmethod
    def cut(self, source: Size, target: Size, ppoi: FocalPoint) -> Cut:
        """Return the box to cut from the upright `source`, and the size that it becomes.

        Args:
            source: Upright size of the original, px.
            target: The size in the rendition key, px.
            ppoi: 0-1 from the top left.
        """

    def size_of(self, source: Size | None, target: Size) -> Size | None:
        """Return the size of the rendition, px; None: it depends on the original.

        Args:
            source: Upright size of the original, px; None: it is unknown.
            target: The size in the rendition key, px.
        """
        return self.cut(source, target, CENTRE).size if source else None


class FileSizer(AnySizer):
    """Makes the whole file of a rendition itself; only this file tells its size."""

    shares_decode = False

    @abstractmethod
    def make_file(
        self,
        image: Image.Image,
        size: Size,
        ppoi: FocalPoint,
        output_format: Format,
        encoding: Encoding,
    ) -> bytes:
        """Return the file of the rendition.

        Args:
            image: Upright and at full size, with `format` set. It may be changed.
            size: The size in the rendition key, px.
            ppoi: 0-1 from the top left.
            output_format: The format to write.
            encoding: How to write it.
        """


class Crop(Sizer):
    """Exactly the target size, centred as near to the focal point as the edges allow."""

    filename_key = "crop"
    # A focal point near 0 is written as `1e-05`.
    filename_key_regex = r"crop-c[0-9e-]+__[0-9e-]+"

    def key_in_filename(self, ppoi: FocalPoint) -> str:
        return _crop_key(ppoi.x, ppoi.y)

    def cut(self, source: Size, target: Size, ppoi: FocalPoint) -> Cut:
        return Cut(cover_box(source, target, ppoi), target)

    def size_of(self, source: Size | None, target: Size) -> Size | None:
        return target


class CropDown(Crop):
    """Like a crop, but never larger than the original: then it only has the same shape."""

    filename_key = "crop-down"
    filename_key_regex = r"crop-down-c[0-9e-]+__[0-9e-]+"

    def key_in_filename(self, ppoi: FocalPoint) -> str:
        return _crop_key(ppoi.x, ppoi.y, self.filename_key)

    def cut(self, source: Size, target: Size, ppoi: FocalPoint) -> Cut:
        box = cover_box(source, target, ppoi)
        is_smaller = box.size.width < target.width or box.size.height < target.height
        return Cut(box, box.size if is_smaller else target)

    def size_of(self, source: Size | None, target: Size) -> Size | None:
        return Sizer.size_of(self, source, target)


# Most pictures have the same focal point, the centre.
@functools.lru_cache(maxsize=1024, typed=True)
def _crop_key(x: float, y: float, name: str = "crop") -> str:
    return f"{name}-c{x!s}__{y!s}".replace(".", "-")


class Thumbnail(Sizer):
    """All of the picture, with its shape, inside the target; never larger than the original."""

    filename_key = "thumbnail"
    filename_key_regex = "thumbnail"
    uses_ppoi = False
    accepts_open_size = True

    def cut(self, source: Size, target: Size, ppoi: FocalPoint) -> Cut:
        return Cut(Box.of(source), fit_size(source, target))
