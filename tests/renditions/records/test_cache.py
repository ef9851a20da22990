"""The record store on the Django cache, on every backend that matters."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.db import connections

from renditions.errors import StoreUnavailable
from renditions.records import RecordStore
from renditions.records.cache import CacheStore
from renditions.testing import RecordStoreContract
from tests.service import servers

ENOUGH = {"MAX_ENTRIES": 100_000}


def locmem(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": ENOUGH}


def file(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": request.getfixturevalue("tmp_path") / "cache",
        "OPTIONS": ENOUGH,
    }


def database(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "records_of_tests",
        "OPTIONS": ENOUGH,
    }


def valkey(request: pytest.FixtureRequest) -> dict[str, Any]:
    server: servers.Valkey = request.getfixturevalue("valkey")
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": server.cache_url(database=9),
    }


def use_cache(settings: Any, cache: dict[str, Any]) -> None:
    """Keep records in `cache`."""
    settings.CACHES = {**settings.CACHES, "records": cache}
    settings.RENDITIONS = {**settings.RENDITIONS, "CACHE": "records"}


class TestCacheStore(RecordStoreContract):
    """Every backend passes the contract of record stores."""

    @pytest.fixture(
        autouse=True,
        params=[
            locmem,
            file,
            pytest.param(database, marks=pytest.mark.django_db(transaction=True)),
            valkey,
        ],
    )
    def _cache(self, request: pytest.FixtureRequest, settings: Any) -> None:
        backend: Callable[[pytest.FixtureRequest], dict[str, Any]] = request.param
        self.settings = settings
        use_cache(settings, backend(request))
        if backend is database:
            call_command("createcachetable", verbosity=0)
        caches["records"].clear()

    def make_store(self) -> RecordStore:
        return CacheStore()

    def make_unreachable_store(self) -> RecordStore:
        use_cache(
            self.settings,
            {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": f"redis://127.0.0.1:{servers.unused_port()}/0",
            },
        )
        return CacheStore()

    def release_thread(self) -> None:
        connections.close_all()


def test_records_outlive_the_default_timeout_of_a_cache(settings, valkey):
    """A record is kept for `RECORD_LIFETIME_S`, not for Django's default of 300 s."""
    use_cache(
        settings,
        {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": valkey.cache_url(database=9),
        },
    )
    CacheStore().set_many({"rendition:a": "1"})

    client = caches["records"]._cache.get_client()  # type: ignore[attr-defined]
    left_s = client.ttl(caches["records"].make_key("rendition:a"))

    assert 2_592_000 - 60 < left_s <= 2_592_000


def test_a_cache_never_has_to_pickle_an_object(settings, valkey):
    """Only text is stored, so a read never unpickles a class."""
    use_cache(
        settings,
        {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": valkey.cache_url(database=9),
        },
    )
    CacheStore().set_many({"rendition:a": "text"})

    client = caches["records"]._cache.get_client()  # type: ignore[attr-defined]
    raw = client.get(caches["records"].make_key("rendition:a"))

    assert b"text" in raw
    assert b"renditions" not in raw


def test_a_full_cache_is_an_error(settings, tmp_path):
    """A record that the cache refused does not count as stored."""
    full = "tests.renditions.records.test_cache.FullCache"
    use_cache(settings, {"BACKEND": full, "LOCATION": str(tmp_path)})

    with pytest.raises(StoreUnavailable, match="refused 1 of 2"):
        CacheStore().set_many({"rendition:a": "1", "rendition:b": "2"})


class FullCache(caches["default"].__class__):  # type: ignore[misc]
    """Returns the keys that it did not store, as memcached does."""

    def set_many(self, data: dict[str, str], **kwargs: Any) -> list[str]:
        return list(data)[1:]


def test_only_the_first_call_waits_for_a_silent_cache(settings):
    """A cache that accepts connections and stays silent delays one save, not each of them."""
    with servers.silent_server() as port:
        use_cache(
            settings,
            {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": f"redis://127.0.0.1:{port}/0",
                "OPTIONS": {"socket_timeout": 0.3, "socket_connect_timeout": 0.3},
            },
        )
        with pytest.raises(StoreUnavailable):
            CacheStore().get_many(["rendition:a"])

        began = time.monotonic()
        for _ in range(100):
            with pytest.raises(StoreUnavailable, match="s ago"):
                CacheStore().get_many(["rendition:a"])

    assert time.monotonic() - began < 0.3


def test_no_thread_waits_for_a_cache_of_which_another_one_knows_that_it_is_silent(settings):
    """Django gives each thread a cache object of its own."""
    with servers.silent_server() as port:
        cache = {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{port}/0",
            "OPTIONS": {"socket_timeout": 0.5},
        }
        use_cache(settings, cache)
        with pytest.raises(StoreUnavailable):
            CacheStore().get_many(["a"])

        with (
            ThreadPoolExecutor(1) as other,
            pytest.raises(StoreUnavailable, match="less than 5 s ago"),
        ):
            other.submit(CacheStore().get_many, ["a"]).result()
