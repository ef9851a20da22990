"""Storages that replace the real one while code written for the old package runs."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage

from renditions import conf
from renditions.storage import publish


class NotWhilePlanning(Exception):
    """A sizer or filter asked the storage for more than a name or a URL."""


class _StandIn:
    """Delegates to the real storage everything that a subclass does not define."""

    def __init__(self, real: Storage) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        if name == "_real":
            # A copy has no attributes at first.
            raise AttributeError(name)
        return getattr(self._real, name)

    # `isinstance(self.storage, FileSystemStorage)` has the same answer for the real storage.
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self._real.__class__

    def __eq__(self, other: object) -> bool:
        return other is self or self._real == other

    def __hash__(self) -> int:
        return hash(self._real)


class PlanningStorage(_StandIn):
    """Gives names and URLs, and touches no file: a page asks for a name at each request."""

    def exists(self, name: str) -> bool:
        """Say that every file is there, so nothing is made."""
        return True

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotWhilePlanning(
            "It reads or writes files when it is asked for the name of a rendition."
        )

    open = save = delete = listdir = size = _refuse
    get_accessed_time = get_created_time = get_modified_time = _refuse


class WorkingStorage(_StandIn):
    """Keeps the file that is to be made, so the executor publishes it completely or not at all.

    Args:
        source: Path of the picture to work on. The real storage may not have it, because a filtered
            picture is saved only when its own URL is used.
        read_source: Returns the file of this picture.
    """

    def __init__(self, real: Storage, source: str, read_source: Callable[[], bytes]) -> None:
        super().__init__(real)
        self.made: bytes | None = None
        self.also_saved: list[str] = []
        self.wanted = ""
        self._before: datetime | None = None
        self._opened: list[File[Any]] = []
        self._source = source
        self._read_source = read_source

    def expect(self, path: str) -> None:
        """Keep the file that is saved at `path`."""
        self.wanted, self._before = path, self._modified(path)

    def exists(self, name: str) -> bool:
        """Say that the wanted file is missing, even if an older one is there."""
        if name == self.wanted:
            return self.made is not None
        return name == self._source or self._real.exists(name)

    def was_bypassed(self) -> bool:
        """Whether the wanted file was written without `save`, by its path on the disk."""
        now = self._modified(self.wanted)
        return now is not None and now != self._before

    def _modified(self, path: str) -> datetime | None:
        try:
            return self._real.get_modified_time(path)
        except (OSError, NotImplementedError):
            return None

    def open(self, name: str, mode: str = "rb") -> "File[Any]":
        if name == self._source and not self._real.exists(name):
            return ContentFile(self._read_source(), name=name)
        file = self._real.open(name, mode)
        self._opened.append(file)
        return file

    def close(self) -> None:
        """Close the files that old code left open."""
        for file in self._opened:
            file.close()

    def save(self, name: str, content: Any, max_length: int | None = None) -> str:
        """Keep the wanted file; write any other file at exactly its name."""
        content.seek(0)
        data = content.read()
        if name == self.wanted:
            self.made = data
        else:
            publish(self._real, name, data, conf.headers_for(data))
            self.also_saved.append(name)
        return name

    def delete(self, name: str) -> None:
        if name == self.wanted:
            self.made = None
        else:
            self._real.delete(name)
