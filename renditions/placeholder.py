"""Placeholders: pictures that are shown instead of empty ones."""

import logging
import posixpath
from functools import cached_property
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, default_storage

from .engine.warming import publish_if_missing
from .errors import RenditionError

logger = logging.getLogger(__name__)

# The placeholders that this process has found or written: storage, its folder, and path.
_published: set[tuple[Storage, object, str]] = set()


class PlaceholderImage:
    """The value of a field's `placeholder_image`. The file is read only when it is needed.

    A subclass defines `placeholder_name` and `read`. One that was written for the old package
    defines `setup` instead.
    """

    file: Any
    name: str

    def setup(self) -> None:
        """Set `file` and `name`. Called once."""

    @cached_property
    def _set_up(self) -> tuple[str, bytes]:
        self.setup()
        with self.file as file:
            return self.name, file.read()

    @property
    def placeholder_name(self) -> str:
        """Path inside the folder of placeholders."""
        return self._set_up[0]

    def read(self) -> bytes:
        """Return the bytes of the file.

        Raises:
            OSError: the file cannot be read.
        """
        return self._set_up[1]

    @property
    def image_data(self) -> "ContentFile[bytes]":
        return ContentFile(self.read(), name=posixpath.basename(self.placeholder_name))


class OnDiscPlaceholderImage(PlaceholderImage):
    """A placeholder that is a file of the project.

    Args:
        path: Absolute path on this machine.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path

    @property
    def placeholder_name(self) -> str:
        """The name of the file without its folders."""
        return Path(self.path).name

    def read(self) -> bytes:
        return Path(self.path).read_bytes()


class OnStoragePlaceholderImage(PlaceholderImage):
    """A placeholder on a storage, which may differ from the storage of the field.

    Args:
        path: Path on `storage`.
        storage: None: the default storage.
    """

    def __init__(self, path: str, storage: Storage | None = None) -> None:
        self.path = path
        self.storage = storage

    @property
    def placeholder_name(self) -> str:
        return self.path

    def read(self) -> bytes:
        with (self.storage or default_storage).open(self.path, "rb") as file:
            data: bytes = file.read()
        return data


def publish_once(placeholder: PlaceholderImage, storage: Storage, path: str) -> bool:
    """Write `placeholder` to `path`, unless it is there. Only the first call asks the storage.

    A failure breaks neither a page nor a save. It is logged, and the next call tries again.

    Returns:
        Whether the file was written now.
    """
    target = storage, getattr(storage, "location", None), path
    if target in _published:
        return False
    try:
        is_new = publish_if_missing(storage, path, placeholder.read)
    except RenditionError as error:
        logger.error("The placeholder %s cannot be written: %s", path, error)
        return False
    _published.add(target)
    return is_new
