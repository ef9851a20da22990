"""Django's cache on Valkey, with a counter of calls and a switch to the memory of the process."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

METHODS = (
    "add", "get", "set", "touch", "delete", "has_key", "incr",
    "get_many", "set_many", "delete_many",
)  # fmt: skip

calls: Counter[str] = Counter()
_is_bare = False


class CountedCache(RedisCache):
    """Each of METHODS that is called from outside counts as one call."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self.memory = LocMemCache("bare", {"OPTIONS": {"MAX_ENTRIES": 10**6}})


def _counted(name: str) -> Any:
    remote = getattr(RedisCache, name)
    local = getattr(LocMemCache, name)

    @wraps(remote)
    def method(self: CountedCache, *args: Any, **kwargs: Any) -> Any:
        if _is_bare:
            return local(self.memory, *args, **kwargs)
        calls[name] += 1
        return remote(self, *args, **kwargs)

    return method


for _name in METHODS:
    setattr(CountedCache, _name, _counted(_name))


@contextmanager
def in_memory() -> Iterator[None]:
    """Let the cache be the memory of this process inside the block."""
    global _is_bare
    _is_bare = True
    try:
        yield
    finally:
        _is_bare = False
