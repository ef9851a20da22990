"""The picture at full size, for sizers and filters that make a whole file from it.

They do not share the decode. Each gets an upright copy with `format` set. Of its `info`, only a
colour profile would reach an encoder.
"""

from collections.abc import Callable
from typing import Any

from PIL import Image

from .colour import to_srgb
from .filters import FileFilter, Filter
from .formats import Encoding, Format, format_named, written_for
from .geometry import FocalPoint, Size
from .headers.icc import read_profile
from .modes import GREYSCALE_MODES, detach_from_file, to_working_mode, unpremultiply
from .orientation import make_upright
from .sizers import FileSizer
from .sources import SourceInfo

Info = dict[str | tuple[int, int], Any]

_KEPT_INFO = ("icc_profile", "transparency", "adobe")


class FullSizePicture:
    """Gives each `FileSizer` and `FileFilter` its own copy."""

    def __init__(self, copies: Callable[[], Image.Image], info: SourceInfo) -> None:
        """Call `copies` when a copy is needed; it returns what `upright_for_files` returns."""
        self._copies = copies
        self._info = info
        # Old sizers write the format of the picture. Some formats can only be read.
        self._format = written_for(format_named(info.format)).name
        self._filtered: dict[tuple[FileFilter, str, Encoding], bytes] = {}

    def filtered(self, chosen: FileFilter, output_format: Format, encoding: Encoding) -> bytes:
        """Return the file that the filter makes; it is called once for all sizes."""
        key = chosen, output_format.name, encoding
        if key not in self._filtered:
            self._filtered[key] = chosen.make_file(self._copy(), output_format, encoding)
        return self._filtered[key]

    def sized(
        self,
        sizer: FileSizer,
        size: Size,
        ppoi: FocalPoint,
        before: Filter | None,
        output_format: Format,
        encoding: Encoding,
    ) -> bytes:
        """Return the file that the sizer makes, after the filter `before` was applied."""
        image = self._copy()
        if before:
            image = unpremultiply(to_working_mode(image), grey=self._info.mode in GREYSCALE_MODES)
            image = before.apply(to_srgb(image, read_profile(self._info.icc_profile)))
            image.info = {}
            image.format = self._format
        return sizer.make_file(image, size, ppoi, output_format, encoding)

    def _copy(self) -> Image.Image:
        image = self._copies()
        image.format = self._format
        return image


def upright_for_files(image: Image.Image, info: SourceInfo) -> Image.Image:
    """Return `image` upright, with the info that old encoders need. It may be changed."""
    kept: Info = {key: image.info[key] for key in _KEPT_INFO if image.info.get(key) is not None}
    image = make_upright(detach_from_file(image), info.orientation)
    image.info = kept
    return image
