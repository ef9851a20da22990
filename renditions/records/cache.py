"""Records in a Django cache, whichever backend it has."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar
from weakref import WeakKeyDictionary

from django.core.cache import BaseCache
from django.core.cache.backends.db import BaseDatabaseCache
from django.db import router, transaction

from renditions import conf
from renditions.errors import StoreUnavailable

T = TypeVar("T")

# After a cache did not answer, nobody waits for it again for this long: absent means unknown.
SILENCE_S = 5.0

_silent_until: WeakKeyDictionary[BaseCache, float] = WeakKeyDictionary()


class CacheStore:
    """Keeps each record as JSON text under its own key, with an explicit timeout."""

    def get_many(self, keys: Iterable[str]) -> Mapping[str, str]:
        """Return the texts that are there, in one round trip."""
        found: Mapping[str, str] = _ask(lambda cache: cache.get_many(list(keys)))
        return found

    def set_many(self, texts: Mapping[str, str]) -> None:
        """Keep `texts`; none of them is read first, so no update can be lost."""
        lifetime_s = conf.rendition_settings().record_lifetime_s
        refused = _ask(lambda cache: cache.set_many(dict(texts), timeout=lifetime_s))
        if refused:
            raise StoreUnavailable(
                f"The cache did not take {len(refused)} of {len(texts)} records."
            )

    def delete_many(self, keys: Iterable[str]) -> None:
        """Forget `keys`."""
        _ask(lambda cache: cache.delete_many(list(keys)))


def _apart_from_saves(cache: BaseCache) -> AbstractContextManager[None]:
    """Keep a table of records that fails from taking the transaction of a save with it."""
    if not isinstance(cache, BaseDatabaseCache):
        return nullcontext()
    return transaction.atomic(using=router.db_for_write(cache.cache_model_class))


def _ask(question: Callable[[BaseCache], T]) -> T:
    cache = conf.cache()
    if time.monotonic() < _silent_until.get(cache, 0):
        raise StoreUnavailable("The cache for records did not answer a moment ago.")
    try:
        with _apart_from_saves(cache):
            return question(cache)
    # Each backend raises errors of its own, which nobody here may import.
    except Exception as error:
        _silent_until[cache] = time.monotonic() + SILENCE_S
        raise StoreUnavailable(
            f"The cache for records did not answer: {type(error).__name__}: {error}"
        ) from error
