"""Object stores: what one request can do is done in one request, and requests run side by side.

`s3` is the first of them. Another one is a module like that, with a subclass of `ObjectStore`.
"""

import os
import sys
import threading
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice
from posixpath import commonprefix, join
from typing import Any, TypeVar

from django.core.exceptions import SuspiciousOperation
from django.db import connections

from .any import AnyStorage, FileInfo

T = TypeVar("T")

# Threads of this process that wait for object stores. botocore keeps ten connections by default.
THREADS = 10
# Pages of a listing come one after another; requests for single pictures run side by side. So a
# page is worth its time if it replaces the requests for this many files.
FILES_PER_PAGE = 64
# The length of a full page, of Amazon S3 and its imitations.
KEYS_PER_PAGE = 1000

# ---- the threads -------------------------------------------------------------------------------

# They last as long as the process.
_pool: ThreadPoolExecutor | None = None


def side_by_side(call: Callable[..., T], *args: Any) -> "Future[T]":
    """Call `call` in a thread that waits for an object store."""
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(THREADS, thread_name_prefix="renditions-store")
    return _pool.submit(_without_database, call, *args)


def _without_database(call: Callable[..., T], *args: Any) -> T:
    """Call `call`, and close the connections to databases that a storage of the project opened.

    Django closes those of a thread at the end of a request, which this thread has not.
    """
    try:
        return call(*args)
    finally:
        for connection in connections.all(initialized_only=True):
            connection.close()


def start_threads() -> None:
    """Start the threads that wait for object stores, if the project uses one.

    A thread reserves some 70 MB of address space when it starts. Call this before a limit on the
    address space of one job.
    """
    if "storages.backends.s3" in sys.modules and _pool is None:
        all_running = threading.Barrier(THREADS)
        for started in [side_by_side(all_running.wait) for _ in range(THREADS)]:
            started.result()


def _forget_pool() -> None:
    """A forked process has a copy of the pool, but not its threads."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


# ---- any object store --------------------------------------------------------------------------


class ObjectStore(AnyStorage):
    """A store that writes whole objects, and lists a thousand of them at once.

    An object has a key: the path of the file, perhaps below a folder that belongs to the storage.
    """

    writes_at_once = 8

    @abstractmethod
    def key(self, path: str) -> str:
        """Return the key of the file at `path`."""

    @abstractmethod
    def list_keys(self, prefix: str, after: str) -> Iterator[Sequence[tuple[str, FileInfo]]]:
        """Yield pages of the objects whose keys begin with `prefix` and sort after `after`.

        Raises:
            PermissionError: this project may not list.
        """

    def files_in(self, folder: str, beginning: str = "") -> Iterator[str]:
        # The key of a folder, with the final slash that `key` leaves out.
        base = self.key(join(folder, "x"))[:-1]
        for page in self.list_keys(base + beginning, after=""):
            names = (key.removeprefix(base) for key, _ in page)
            yield from (join(folder, name) for name in names if name and "/" not in name)

    def walk(self, folder: str, after: str = "") -> Iterator[tuple[str, FileInfo]]:
        top = len(self.key("x")) - 1
        base = self.key(join(folder, "x"))[:-1]
        for page in self.list_keys(base, after=self.key(after) if after else ""):
            for key, info in page:
                path = key[top:]
                if self._is_file(path, key):
                    yield path, info

    def _is_file(self, path: str, key: str) -> bool:
        """Whether the object is what the storage has at `path`.

        A key like `a//b` cannot be named by a path: `key` gives that of another object.
        """
        try:
            return not key.endswith("/") and self.key(path) == key
        except SuspiciousOperation:
            return False

    def delete(self, paths: Collection[str]) -> None:
        keys = self._keys(paths)
        started = [side_by_side(self._delete, key) for key in keys]
        # All of them first: a deletion that goes on after an error could hit a new file.
        wait(started)
        for deleted in started:
            with suppress(FileNotFoundError):
                deleted.result()

    @abstractmethod
    def _delete(self, key: str) -> None:
        """Delete one object."""

    def infos(self, names: Collection[str]) -> dict[str, FileInfo]:
        return self._find([[name] for name in names])

    def find(self, groups: Iterable[Collection[str]]) -> dict[str, FileInfo | None]:
        return dict(self._find(groups))

    def _find(self, groups: Iterable[Collection[str]]) -> dict[str, FileInfo]:
        by_key = [self._keys(group) for group in groups]
        paths = {key: path for group in by_key for key, path in group.items()}
        found: dict[str, FileInfo] = {}
        unknown: list[Collection[str]] = []
        for folder in _by_folder(by_key):
            unknown += self._list(folder, found)
        # Each group has its own place in the listing, so a request for each, side by side.
        for look in [side_by_side(self._look, group) for group in unknown]:
            found.update(look.result())
        return {paths[key]: info for key, info in found.items()}

    def _keys(self, paths: Iterable[str]) -> dict[str, str]:
        keys = {}
        for path in paths:
            # A path that leads out of the storage is no file.
            with suppress(SuspiciousOperation):
                keys[self.key(path)] = path
        return keys

    def _look(self, keys: Collection[str]) -> dict[str, FileInfo]:
        found: dict[str, FileInfo] = {}
        for key in (key for rest in self._list([keys], found) for key in rest):
            try:
                found[key] = self._info(key)
            # Without the right to list, a missing object is answered like a forbidden one.
            except (FileNotFoundError, PermissionError):
                continue
        return found

    @abstractmethod
    def _info(self, key: str) -> FileInfo:
        """Return what the store knows of one object."""

    def _list(
        self, groups: Sequence[Collection[str]], found: dict[str, FileInfo]
    ) -> list[Collection[str]]:
        """Look for `groups` in the listing of their folder; return those that stay unknown."""
        wanted = sorted(key for group in groups for key in group)
        if len(wanted) < 2:
            return list(groups)
        names = set(wanted)
        # A listing starts after a key: this one is just before the first.
        pages = self.list_keys(commonprefix(wanted), after=wanted[0][:-1])
        last = ""
        try:
            for page in islice(pages, max(1, len(wanted) // FILES_PER_PAGE)):
                found.update((key, info) for key, info in page if key in names)
                last = page[-1][0] if page else last
                if len(page) < KEYS_PER_PAGE or last >= wanted[-1]:
                    return []
        except PermissionError:
            return list(groups)
        # The folder is large, and the others are far apart in it.
        rest = ([key for key in group if key > last] for group in groups)
        return [keys for keys in rest if keys]


def _by_folder(groups: Iterable[Collection[str]]) -> Iterator[Sequence[Collection[str]]]:
    """Split `groups` by the folders of their keys."""
    folders: dict[str, list[Collection[str]]] = {}
    for group in groups:
        of_group: dict[str, list[str]] = {}
        for key in group:
            of_group.setdefault(key.rpartition("/")[0], []).append(key)
        for folder, keys in of_group.items():
            folders.setdefault(folder, []).append(keys)
    yield from folders.values()
