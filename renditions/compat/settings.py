"""Settings under the names of the old package's module `settings`, for old sizers and filters."""

from django.conf import settings
from django.core.cache import InvalidCacheBackendError, caches
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from .live import VALUES, reader

__all__ = [
    "QUAL",
    "ImproperlyConfigured",
    "InvalidCacheBackendError",
    "caches",
    "import_string",
    "settings",
    *VALUES,
]

QUAL = 70

__getattr__ = reader(__name__, VALUES)


def __dir__() -> list[str]:
    return sorted({*globals(), *VALUES})
