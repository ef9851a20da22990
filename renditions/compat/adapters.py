"""Adapters that turn old sizers and filters into new ones at registration.

The rest of the product sees a `FileSizer` or `FileFilter`. It makes an instance of the old class
for each picture and calls its methods. An old class with `same_as` is replaced by that class.

Most old classes only process a picture. Some override a step around it: how the picture is read, or
how the file is named or saved. Such a class does its own work: its methods call each other as under
the old package, and the executor only gives it the decoded picture and publishes the file.
"""

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Self

from django.core.files.storage import Storage
from PIL import Image

from renditions.accessors import Sizes
from renditions.errors import RenderFailed
from renditions.imaging.encoding import encode, fit
from renditions.imaging.filters import AnyFilter, FileFilter
from renditions.imaging.formats import Encoding, Format, format_named
from renditions.imaging.geometry import CENTRE, FocalPoint, Size
from renditions.imaging.own_file import OwnFile
from renditions.imaging.sizers import AnySizer, FileSizer
from renditions.storage import storage_named

from .stand_ins import PlanningStorage, WorkingStorage


class NoOwnName(RenderFailed):
    """A class that names its files gives no name before the file is made."""


@dataclass(frozen=True, slots=True)
class LegacySizer(FileSizer):
    """The sizer for a subclass of `SizedImage`."""

    cls: type[Any]
    name: str  # registered name
    path: str = ""  # of the picture that is sized; empty before `bind`
    label: str = ""  # of its storage
    storage: Storage | None = None  # None: the storage with this label

    @property
    def filename_pattern(self) -> str:
        pattern: str = self.cls.get_filename_key_regex()
        return pattern

    @property
    def names_own_files(self) -> bool:
        return bool(self.cls.does_own_work())

    def key_in_filename(self, ppoi: FocalPoint) -> str:
        try:
            key: str = self._planning(ppoi).get_filename_key()
        # The class is a project's own and may raise anything. `manage.py check` reports it.
        except Exception:  # noqa: BLE001
            return getattr(self.cls, "filename_key", None) or self.name
        return key

    def fault(self, size: Size, ppoi: FocalPoint) -> str | None:
        """Return why the class cannot name a file before the file is made; None: it can."""
        try:
            if self.names_own_files:
                self.own_file_or_error(size, ppoi)
            else:
                self._planning(ppoi).get_filename_key()
        except NoOwnName as error:
            return error.detail
        # The class is a project's own and may raise anything. The check shows what.
        except Exception as error:  # noqa: BLE001
            reason = f"{type(error).__name__}: {error}"
            return f"{self.cls.__name__} gives no key for file names. {reason}"
        return None

    def bind(self, name: str, storage: str) -> Self:
        return replace(self, path=name, label=storage)

    def on(self, storage: Storage) -> Self:
        return replace(self, storage=storage)

    def own_file(self, size: Size, ppoi: FocalPoint) -> OwnFile | None:
        # A save and a page go on without a name: `make_file` fails with the reason.
        with suppress(NoOwnName):
            return self.own_file_or_error(size, ppoi)
        return None

    def own_file_or_error(self, size: Size, ppoi: FocalPoint) -> OwnFile | None:
        """Return what `own_file` does.

        Raises:
            NoOwnName: the class cannot name the file without the picture.
        """
        if not self.names_own_files:
            return None
        return _own_file(self.cls, self.path, lambda: self._planning(ppoi).own_answer(size))

    def accessor(self, sizes: Sizes) -> Any:
        """Return an instance of the old class that gets its renditions from `sizes`."""
        original = sizes.picture.original
        old = self.cls(
            path_to_image=sizes.path,
            storage=sizes.picture.storages.originals,
            create_on_demand=sizes.picture.create_on_demand,
            ppoi=(original.ppoi if original else CENTRE).as_tuple,
        )
        return old.use_sizes(sizes)

    def make_file(
        self,
        image: Image.Image,
        size: Size,
        ppoi: FocalPoint,
        output_format: Format,
        encoding: Encoding,
    ) -> bytes:
        with _working_storage(self, image, encoding) as storage:
            own = self.own_file_or_error(size, ppoi)
            old = self._old(ppoi, storage, create_on_demand=own is not None)
            if own is not None:
                return self._own_work(old, storage, own, size, image, encoding)
            image, options = old.preprocess_with_settings(image, output_format, encoding)
            file = old.process_image(
                image=image,
                image_format=output_format.name,
                save_kwargs=options,
                width=size.width,
                height=size.height,
            )
            return _content(file)

    def _own_work(
        self,
        old: Any,
        storage: WorkingStorage,
        own: OwnFile,
        size: Size,
        image: Image.Image,
        encoding: Encoding,
    ) -> bytes:
        old.take(image, encoding)
        storage.expect(own.path)
        old.own_answer(size)
        if storage.made is None and not storage.also_saved and not storage.was_bypassed():
            # It has a memory of its own for the files that it made before.
            old.create_resized_image(
                path_to_image=self.path,
                save_path_on_storage=own.path,
                width=size.width,
                height=size.height,
            )
        return _made(self.cls, storage)

    def _planning(self, ppoi: FocalPoint) -> Any:
        """Return an instance that is only asked for names."""
        storage = PlanningStorage(_storage_of(self))
        try:
            return self._old(ppoi, storage)
        # Its `__init__` may read the picture. Names need only what the base class keeps.
        except Exception:  # noqa: BLE001
            return self.cls.without_own_init(self.path, storage, ppoi.as_tuple)

    def _old(self, ppoi: FocalPoint, storage: Any, *, create_on_demand: bool = False) -> Any:
        return self.cls(
            path_to_image=self.path,
            storage=storage,
            create_on_demand=create_on_demand,
            ppoi=ppoi.as_tuple,
        )


@dataclass(frozen=True, slots=True)
class LegacyFilter(FileFilter):
    """The filter for a subclass of `FilteredImage`."""

    cls: type[Any]
    name: str  # registered name
    path: str = ""  # of the original; empty before `bind`
    label: str = ""  # of its storage
    storage: Storage | None = None  # None: the storage with this label

    def bind(self, name: str, storage: str) -> Self:
        return replace(self, path=name, label=storage)

    def on(self, storage: Storage) -> Self:
        return replace(self, storage=storage)

    def own_file(self) -> OwnFile | None:
        with suppress(NoOwnName):
            return self.own_file_or_error()
        return None

    def fault(self) -> str | None:
        """Return why the class cannot name the file before the file is made; None: it can."""
        try:
            self.own_file_or_error()
        except NoOwnName as error:
            return error.detail
        return None

    def own_file_or_error(self) -> OwnFile | None:
        """Return what `own_file` does.

        Raises:
            NoOwnName: the class cannot name the file without the picture.
        """
        if not self.cls.names_own_file():
            return None
        real = _storage_of(self)
        with suppress(NoOwnName):
            return _own_file(self.cls, self.path, lambda: self._old(PlanningStorage(real)))
        # Its `__init__` may read a file, such as a watermark, and the name comes after that.
        return _own_file(self.cls, self.path, lambda: self._old(real))

    def instance_for(self, name: str, storage: Storage) -> Any:
        return replace(self, path=name)._old(storage)  # noqa: SLF001

    def make_file(self, image: Image.Image, output_format: Format, encoding: Encoding) -> bytes:
        with _working_storage(self, image, encoding) as storage:
            old = self._old(storage)
            if self.cls.does_own_work():
                old.take(image, encoding)
                storage.expect(old.name)
                old.create_filtered_image(path_to_image=self.path, save_path_on_storage=old.name)
                return _made(self.cls, storage)
            image, options = old.preprocess_with_settings(image, output_format, encoding)
            # By position, because an old filter may have its own names for these arguments.
            return _content(old.process_image(image, output_format.name, options))

    def _old(self, storage: Any) -> Any:
        return self.cls(
            path_to_image=self.path,
            storage=storage,
            create_on_demand=False,
            filename_key=self.name,
        )


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


def _own_file(cls: type[Any], path: str, ask: Callable[[], Any]) -> OwnFile:
    """Return the file that an instance of `cls` names.

    Raises:
        NoOwnName: it cannot name it without the picture.
    """
    try:
        answer = ask()
        name, url = answer.name, answer.url
    # The class is a project's own and may raise anything.
    except Exception as error:  # noqa: BLE001
        reason = f"{type(error).__name__}: {error}"
    else:
        if name and isinstance(name, str):
            return OwnFile(name, url)
        reason = f"The name is {name!r}."
    raise NoOwnName(f"{cls.__name__} gives no file name for a rendition of {path!r}. {reason}")


def _storage_of(adapter: LegacySizer | LegacyFilter) -> Storage:
    return storage_named(adapter.label) if adapter.storage is None else adapter.storage


def _working_storage(
    adapter: LegacySizer | LegacyFilter, image: Image.Image, encoding: Encoding
) -> closing[WorkingStorage]:
    def read_source() -> bytes:
        source_format = format_named(image.format or "PNG")
        return encode(fit(image, source_format, encoding.background), source_format, encoding)

    return closing(WorkingStorage(_storage_of(adapter), adapter.path, read_source))


def _made(cls: type[Any], storage: WorkingStorage) -> bytes:
    """Return the wanted file.

    Raises:
        RenderFailed: the old class did not save it.
    """
    if storage.made is not None:
        return storage.made
    if storage.was_bypassed():
        with storage.open(storage.wanted, "rb") as file:
            data: bytes = file.read()
        return data
    others = f" It saved {', '.join(map(repr, storage.also_saved))}." if storage.also_saved else ""
    raise RenderFailed(f"{cls.__name__} saved no file at {storage.wanted!r}.{others}")


def _content(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()
