"""Old sizers and filters, which take a whole picture and give back a file.

They know nothing of a shared decode. Each gets a fresh, upright picture at full size, with
`format` set and with nothing in `info` that an encoder would carry over, a profile apart.
"""

import copy
from collections.abc import Callable
from io import BytesIO
from typing import Any, BinaryIO, ClassVar

from PIL import Image

from .colour import to_srgb
from .filters import Filter
from .formats import Encoding, Format
from .geometry import FocalPoint, Size
from .headers.icc import read_profile
from .modes import GREYS, detach_from_file, to_working_mode, unpremultiply
from .orientation import make_upright
from .sources import SourceInfo

SaveOptions = dict[str, Any]
Info = dict[str | tuple[int, int], Any]


class _WholeImage:
    def preprocess(self, image: Image.Image, image_format: str) -> tuple[Image.Image, SaveOptions]:
        """Return the picture to process and the options to save it with.

        A method `preprocess_JPEG(image=...)`, or of any other format, may change both.
        """
        options: SaveOptions = {"format": image_format}
        options["icc_profile"] = image.info.get("icc_profile")
        hook = getattr(self, f"preprocess_{image_format}", None)
        if hook:
            image, more = hook(image=image)
            options.update(more)
        return image, options


class WholeImageSizer(_WholeImage):
    """Base of the old contract for sizers; `ppoi` is set on a copy made for each rendition."""

    filename_key: ClassVar[str]
    ppoi: tuple[float, float] = (0.5, 0.5)

    def key_in_filename(self, ppoi: FocalPoint) -> str:
        """Return what a file name says of this sizer."""
        return self.filename_key

    def process_image(
        self,
        image: Image.Image,
        image_format: str,
        save_kwargs: SaveOptions,
        width: int,
        height: int,
    ) -> BytesIO:
        raise NotImplementedError(f"{type(self).__name__} has no process_image.")


class WholeImageFilter(_WholeImage):
    """Base of the old contract for filters."""

    def process_image(
        self, image: Image.Image, image_format: str, save_kwargs: SaveOptions
    ) -> BytesIO:
        raise NotImplementedError(f"{type(self).__name__} has no process_image.")


class WholeImage:
    """A picture at full size, from which each old sizer or filter gets a copy of its own."""

    def __init__(self, copies: Callable[[], Image.Image], info: SourceInfo) -> None:
        """Take from `copies` one `for_old_code` each time it is needed."""
        self._copies = copies
        self._info = info
        self._filtered: dict[tuple[int, str, Encoding], bytes] = {}

    def filtered(self, old: WholeImageFilter, row: Format, encoding: Encoding) -> bytes:
        """Return what `old` makes of the picture; it is asked once for all sizes."""
        key = id(old), row.name, encoding
        if key not in self._filtered:
            image, options = _preprocess(old, self._copy(), row, encoding)
            # By position, as ever: an old filter may have names of its own for them.
            self._filtered[key] = _content(old.process_image(image, row.name, options))
        return self._filtered[key]

    def sized(
        self,
        old: WholeImageSizer,
        size: Size,
        ppoi: FocalPoint,
        new_filter: Filter | None,
        row: Format,
        encoding: Encoding,
    ) -> bytes:
        """Return what `old` makes of the picture, which `new_filter` has seen before."""
        old = copy.copy(old)
        old.ppoi = ppoi.x, ppoi.y
        image = self._copy()
        if new_filter:
            image = unpremultiply(to_working_mode(image), grey=self._info.mode in GREYS)
            image = new_filter.apply(to_srgb(image, read_profile(self._info.icc_profile)))
            image.info = {}
        image, options = _preprocess(old, image, row, encoding)
        made = old.process_image(
            image=image,
            image_format=row.name,
            save_kwargs=options,
            width=size.width,
            height=size.height,
        )
        return _content(made)

    def _copy(self) -> Image.Image:
        image = self._copies()
        image.format = self._info.format
        return image


def for_old_code(image: Image.Image, info: SourceInfo) -> Image.Image:
    """Return decoded `image`, which may be changed, upright and with little info."""
    kept: Info = {key: image.info[key] for key in _KEPT_INFO if image.info.get(key) is not None}
    image = make_upright(detach_from_file(image), info.orientation)
    image.info = kept
    return image


_KEPT_INFO = ("icc_profile", "transparency", "adobe")
# What old code leaves to the settings. Any other option it may give itself, beside those it got.
_OPTIONS = ("quality", "progressive", "lossless")


def _content(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


def _preprocess(
    old: WholeImageSizer | WholeImageFilter, image: Image.Image, row: Format, encoding: Encoding
) -> tuple[Image.Image, SaveOptions]:
    image, options = old.preprocess(image, row.name)
    if hasattr(old, f"preprocess_{row.name}"):
        # Its word on this format is the last one.
        return image, options
    given = row.save_options(encoding)
    return image, {**{name: given[name] for name in _OPTIONS if name in given}, **options}
