"""The original of one picture, opened once for everything that looks into it."""

import time
from types import TracebackType
from typing import BinaryIO, Self

from django.core.files.storage import Storage

from renditions import conf
from renditions.imaging.geometry import Size
from renditions.imaging.sources import probe
from renditions.storage import open_original
from renditions.storage.any import FileInfo


class OpenedOriginal:
    """The original at `name`: it is opened when it is first needed, and closed with the block.

    A remote storage is asked once for the size and the pixels.
    """

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage = storage
        self._name = name
        self._opened: tuple[BinaryIO, FileInfo] | None = None
        self.opening_s = 0.0  # how long the storage took to open it

    def open(self) -> tuple[BinaryIO, FileInfo]:
        """Return the file, at its start, and its version.

        Raises:
            SourceMissing, PathRefused, StorageRefused, StorageFailed: as `open_original`.
        """
        if self._opened is None:
            limit = conf.rendition_settings().max_file_bytes
            began = time.perf_counter()
            try:
                self._opened = open_original(self._storage, self._name, limit)
            finally:
                self.opening_s += time.perf_counter() - began
        self._opened[0].seek(0)
        return self._opened

    def size(self) -> Size:
        """Return the upright size from the header, px.

        Raises:
            SourceUnreadable, SourceRefused: or a subclass.
            SourceMissing, PathRefused, StorageRefused, StorageFailed: as `open_original`.
        """
        file, _ = self.open()
        return probe(file, conf.limits()).size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._opened:
            self._opened[0].close()
            self._opened = None
