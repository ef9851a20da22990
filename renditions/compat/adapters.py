"""Adapters that turn old sizers and filters into new ones at registration.

The rest of the product sees a `FileSizer` or `FileFilter`. It makes an instance of the old class
for each picture and calls its methods. An old class with `same_as` is replaced by that class.
"""

from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from django.core.files.storage import Storage
from PIL import Image

from renditions.accessors import Sizes
from renditions.imaging.filters import AnyFilter, FileFilter
from renditions.imaging.formats import Encoding, Format
from renditions.imaging.geometry import CENTRE, FocalPoint, Size
from renditions.imaging.sizers import AnySizer, FileSizer


@dataclass(frozen=True, slots=True)
class LegacySizer(FileSizer):
    """The sizer for a subclass of `SizedImage`."""

    cls: type[Any]
    name: str  # registered name
    path: str = ""  # of the original on `storage`; empty before `bind`
    storage: Storage | None = None

    @property
    def filename_pattern(self) -> str:
        pattern: str = self.cls.get_filename_key_regex()
        return pattern

    def key_in_filename(self, ppoi: FocalPoint) -> str:
        key: str = self._old(ppoi).get_filename_key()
        return key

    def bind(self, name: str, storage: Storage) -> "LegacySizer":
        return replace(self, path=name, storage=storage)

    def accessor(self, sizes: Sizes) -> Any:
        """Return an instance of the old class that gets its renditions from `sizes`."""
        original = sizes.picture.original
        old = self.cls(
            path_to_image=original.name if original else "",
            storage=sizes.picture.storage,
            create_on_demand=sizes.picture.create_on_demand,
            ppoi=(original.ppoi if original else CENTRE).as_tuple,
        )
        return old.use_sizes(sizes)

    def make_file(
        self,
        image: Image.Image,
        size: Size,
        ppoi: FocalPoint,
        row: Format,
        encoding: Encoding,
    ) -> bytes:
        old = self._old(ppoi)
        image, options = old.preprocess_with_settings(image, row, encoding)
        file = old.process_image(
            image=image,
            image_format=row.name,
            save_kwargs=options,
            width=size.width,
            height=size.height,
        )
        return _content(file)

    def _old(self, ppoi: FocalPoint) -> Any:
        return self.cls(
            path_to_image=self.path,
            storage=self.storage,
            create_on_demand=False,
            ppoi=ppoi.as_tuple,
        )


@dataclass(frozen=True, slots=True)
class LegacyFilter(FileFilter):
    """The filter for a subclass of `FilteredImage`."""

    cls: type[Any]
    name: str  # registered name
    path: str = ""  # of the original on `storage`; empty before `bind`
    storage: Storage | None = None

    def bind(self, name: str, storage: Storage) -> "LegacyFilter":
        return replace(self, path=name, storage=storage)

    def make_file(self, image: Image.Image, row: Format, encoding: Encoding) -> bytes:
        old = self.cls(
            path_to_image=self.path,
            storage=self.storage,
            create_on_demand=False,
            filename_key=self.name,
        )
        image, options = old.preprocess_with_settings(image, row, encoding)
        # By position, because an old filter may have its own names for these arguments.
        return _content(old.process_image(image, row.name, options))


def adapt_sizer(name: str, cls: type[Any]) -> AnySizer:
    """Return the sizer for `cls`, a subclass of `SizedImage`."""
    native = _native_class(cls)
    return native() if native else LegacySizer(cls, name)


def adapt_filter(name: str, cls: type[Any]) -> AnyFilter:
    """Return the filter for `cls`, a subclass of `FilteredImage`."""
    native = _native_class(cls)
    return native() if native else LegacyFilter(cls, name)


def _native_class(cls: type[Any]) -> Any:
    # Not inherited: a subclass may have changed any step.
    return vars(cls).get("same_as")


def _content(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()
