"""Pictures that stand in for empty ones."""

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

# What this process has seen on its storage: the storage, its folder if it has one, and the path.
_there: set[tuple[Storage, object, str]] = set()


class PlaceholderImage:
    """A picture for a field's `placeholder_image`; read when it is needed, not before.

    A subclass says `placeholder_name` and `read`, or, as those of old do, `setup`.
    """

    file: Any
    name: str

    def setup(self) -> None:
        """Set `file` and `name`; called once."""

    @cached_property
    def _set_up(self) -> tuple[str, bytes]:
        self.setup()
        with self.file as file:
            return self.name, file.read()

    @property
    def placeholder_name(self) -> str:
        """Its path in the folder of placeholders."""
        return self._set_up[0]

    def read(self) -> bytes:
        """Return the file; raises OSError where it can't be read."""
        return self._set_up[1]

    @property
    def image_data(self) -> "ContentFile[bytes]":
        """The file with its name."""
        return ContentFile(self.read(), name=posixpath.basename(self.placeholder_name))


class OnDiscPlaceholderImage(PlaceholderImage):
    """A file that comes with the project.

    Args:
        path: Absolute, on this machine.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path

    @property
    def placeholder_name(self) -> str:
        """The file's name without its folders."""
        return Path(self.path).name

    def read(self) -> bytes:
        """Return the file."""
        return Path(self.path).read_bytes()


class OnStoragePlaceholderImage(PlaceholderImage):
    """A file on a storage, which need not be that of the field.

    Args:
        path: On `storage`.
        storage: By default the default storage.
    """

    def __init__(self, path: str, storage: Storage | None = None) -> None:
        self.path = path
        self.storage = storage

    @property
    def placeholder_name(self) -> str:
        """The path on the storage, folders included."""
        return self.path

    def read(self) -> bytes:
        """Return the file."""
        with (self.storage or default_storage).open(self.path, "rb") as file:
            data: bytes = file.read()
        return data


def publish_once(placeholder: PlaceholderImage, storage: Storage, path: str) -> bool:
    """Put `placeholder` at `path`, unless this process knows that it is there.

    A placeholder that can't be read or put breaks neither a page nor a save; it is logged, and
    tried again.

    Returns:
        Whether it was put there just now.
    """
    seen = storage, getattr(storage, "location", None), path
    if seen in _there:
        return False
    result = publish_if_missing(storage, path, placeholder.read)
    if isinstance(result, RenditionError):
        logger.error("The placeholder %s cannot be put on its storage: %s", path, result)
        return False
    _there.add(seen)
    return result
