"""The URL of a file, as its storage gives it, and sooner."""

import functools
import re
from typing import Any, TypeGuard
from urllib.parse import urljoin

from django.core.files.storage import FileSystemStorage, Storage, default_storage, filesystem
from django.utils.encoding import filepath_to_uri
from django.utils.functional import empty

# File names that a URL has as they are: nothing to quote, and no "." or "..".
_IS_THE_SAME_IN_URL = re.compile(r"\w[\w.~!*()'-]*", re.ASCII).fullmatch


def url_of(storage: Storage, path: str) -> str:
    """Return the URL of the file at `path`, as `storage.url` does.

    FileSystemStorage joins the whole URL of each file. Here the URL of a folder is joined once.
    """
    real = _unwrapped(storage) if storage is default_storage else storage
    folder, slash, filename = path.rpartition("/")
    if not _IS_THE_SAME_IN_URL(filename) or not _has_djangos_url(real) or real.base_url is None:
        return real.url(path)
    return _folder_url(real.base_url, folder + slash) + filename


def _unwrapped(storage: Storage) -> Storage:
    """Return the storage in a proxy, whose attributes take a microsecond each."""
    real: Any = object.__getattribute__(storage, "_wrapped")
    return storage if real is empty else real


def _has_djangos_url(storage: Storage) -> TypeGuard[FileSystemStorage]:
    """Whether `storage.url` is that of FileSystemStorage, and no subclass or patch replaces it."""
    code = getattr(getattr(storage.url, "__func__", None), "__code__", None)
    return code is not None and code.co_filename == filesystem.__file__


@functools.lru_cache(maxsize=1024)
def _folder_url(base_url: str, folder: str) -> str:
    """Return what precedes the file name in each URL; `folder` ends with a slash or is empty."""
    return urljoin(base_url, filepath_to_uri(f"{folder}x").lstrip("/"))[:-1]
