"""Old sizers and filters as new ones.

Importing this module lets them be registered. From then on the rest of the product sees a
`FileSizer` or `FileFilter` that makes an instance of the old class for each picture and calls its
methods, or, for a class that has an equal in the new style, that equal.
"""

from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, BinaryIO

from django.core.files.storage import Storage
from PIL import Image

from renditions.accessors import Sizes
from renditions.imaging.filters import AnyFilter, FileFilter
from renditions.imaging.formats import Encoding, Format
from renditions.imaging.geometry import CENTRE, FocalPoint, Size
from renditions.imaging.sizers import AnySizer, FileSizer
from renditions.registry import registry

from .datastructures.base import ProcessedImage, SaveOptions
from .datastructures.filteredimage import FilteredImage
from .datastructures.sizedimage import SizedImage

# What old code leaves to the settings. It may add any other option to those that it is given.
_OPTIONS = ("quality", "progressive", "lossless")


@dataclass(frozen=True, slots=True)
class LegacySizer(FileSizer):
    """A subclass of `SizedImage`."""

    cls: type[SizedImage]
    name: str  # under which it is registered
    path: str = ""  # of the original on `storage`; empty before `bind`
    storage: Storage | None = None

    @property
    def filename_pattern(self) -> str:
        return self.cls.get_filename_key_regex()

    def key_in_filename(self, ppoi: FocalPoint) -> str:
        return self._old(ppoi).get_filename_key()

    def bind(self, name: str, storage: Storage) -> "LegacySizer":
        return replace(self, path=name, storage=storage)

    def accessor(self, sizes: Sizes) -> SizedImage:
        """Return an instance of the old class, which asks `sizes` for its renditions."""
        original = sizes.picture.original
        old = self.cls(
            path_to_image=original.name if original else "",
            storage=sizes.picture.storage,
            create_on_demand=sizes.picture.create_on_demand,
            ppoi=(original.ppoi if original else CENTRE).as_tuple,
        )
        return old.answered_by(sizes)

    def make_file(
        self,
        image: Image.Image,
        size: Size,
        ppoi: FocalPoint,
        row: Format,
        encoding: Encoding,
    ) -> bytes:
        old = self._old(ppoi)
        image, options = _preprocess(old, image, row, encoding)
        made = old.process_image(
            image=image,
            image_format=row.name,
            save_kwargs=options,
            width=size.width,
            height=size.height,
        )
        return _content(made)

    def _old(self, ppoi: FocalPoint) -> SizedImage:
        return self.cls(
            path_to_image=self.path,
            storage=self.storage,  # type: ignore[arg-type]
            create_on_demand=False,
            ppoi=ppoi.as_tuple,
        )


@dataclass(frozen=True, slots=True)
class LegacyFilter(FileFilter):
    """A subclass of `FilteredImage`."""

    cls: type[FilteredImage]
    name: str  # under which it is registered
    path: str = ""  # of the original on `storage`; empty before `bind`
    storage: Storage | None = None

    def bind(self, name: str, storage: Storage) -> "LegacyFilter":
        return replace(self, path=name, storage=storage)

    def make_file(self, image: Image.Image, row: Format, encoding: Encoding) -> bytes:
        old = self.cls(
            path_to_image=self.path,
            storage=self.storage,  # type: ignore[arg-type]
            create_on_demand=False,
            filename_key=self.name,
        )
        image, options = _preprocess(old, image, row, encoding)
        # By position: an old filter may have its own names for these arguments.
        return _content(old.process_image(image, row.name, options))


def _adapt_sizer(name: str, cls: type[SizedImage]) -> AnySizer:
    equal = _equal(cls)
    return equal() if equal else LegacySizer(cls, name)


def _adapt_filter(name: str, cls: type[FilteredImage]) -> AnyFilter:
    equal = _equal(cls)
    return equal() if equal else LegacyFilter(cls, name)


def _equal(cls: type[Any]) -> Any:
    """Return the new class that does what `cls` does; a subclass of `cls` has changed something."""
    return vars(cls).get("same_as")


registry.adapt(SizedImage, _adapt_sizer)
registry.adapt(FilteredImage, _adapt_filter)


def _preprocess(
    old: SizedImage | FilteredImage, image: Image.Image, row: Format, encoding: Encoding
) -> tuple[Image.Image, SaveOptions]:
    """Return the picture and the options to save it with, as `old` and the settings say."""
    hook = f"preprocess_{row.name}"
    image, options = old.preprocess(image, row.name)
    if _overrides(old, hook):
        # Its word on this format is the last one.
        return image, options
    given = row.save_options(encoding)
    chosen = {name: given[name] for name in _OPTIONS if name in given}
    return image, {**chosen, **options} if _overrides(old, "preprocess") else {**options, **chosen}


def _overrides(old: ProcessedImage, method: str) -> bool:
    """Whether the class of `old` has a `method` of its own."""
    own: Any = getattr(type(old), method, None)
    return own is not None and own is not getattr(ProcessedImage, method, None)


def _content(file: BinaryIO | BytesIO) -> bytes:
    file.seek(0)
    return file.read()
