"""The record store on a Django cache, with any backend."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from django.core.cache import BaseCache
from django.core.cache.backends.db import BaseDatabaseCache
from django.core.signals import setting_changed
from django.db import router, transaction
from django.dispatch import receiver

from renditions import conf
from renditions.errors import StoreUnavailable

T = TypeVar("T")

# A circuit breaker: after a cache did not answer, the next calls fail at once for this long. A
# cache that accepts connections and stays silent would otherwise delay every page by its timeout.
CIRCUIT_OPEN_S = 5.0

# By `time.monotonic()`. All threads share it, although Django gives each a cache object of its own:
# otherwise one thread after the other would wait for the timeout.
_open_until = 0.0


@receiver(setting_changed)
def _close_circuit(**_: Any) -> None:
    """A test has chosen another cache."""
    global _open_until
    _open_until = 0.0


class CacheStore:
    """Keeps each record as JSON text under its own key, with an explicit timeout."""

    def get_many(self, keys: Iterable[str]) -> Mapping[str, str]:
        found: Mapping[str, str] = call_cache(lambda cache: cache.get_many(list(keys)))
        return found

    def set_many(self, texts: Mapping[str, str]) -> None:
        # Written without reading first, so concurrent writers lose no update.
        lifetime_s = conf.rendition_settings().record_lifetime_s
        refused = call_cache(lambda cache: cache.set_many(dict(texts), timeout=lifetime_s))
        if refused:
            raise StoreUnavailable(f"The cache refused {len(refused)} of {len(texts)} records.")

    def delete_many(self, keys: Iterable[str]) -> None:
        call_cache(lambda cache: cache.delete_many(list(keys)))


def call_cache(method: Callable[[BaseCache], T]) -> T:
    """Return what `method` returns for the cache of the records.

    Raises:
        StoreUnavailable: the cache did not answer, now or just before.
    """
    global _open_until
    if time.monotonic() < _open_until:
        raise StoreUnavailable(f"The cache failed less than {CIRCUIT_OPEN_S:g} s ago.")
    cache = conf.cache()
    try:
        with _savepoint(cache):
            return method(cache)
    # Each backend raises errors of its own, and this module cannot import them.
    except Exception as error:
        _open_until = time.monotonic() + CIRCUIT_OPEN_S
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error


def _savepoint(cache: BaseCache) -> AbstractContextManager[None]:
    """Protect the transaction of a save: an SQL error in the cache table would break it."""
    if not isinstance(cache, BaseDatabaseCache):
        return nullcontext()
    return transaction.atomic(using=router.db_for_write(cache.cache_model_class))
