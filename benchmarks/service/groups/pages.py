"""400 URLs on a page: eight renditions of fifty photos."""

from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.test import override_settings

from renditions.prefetch import prefetch_renditions

from .. import cache
from ..app.models import Photo
from ..environment import SMALL, Environment
from ..pictures import cpu_ms, low, made

PHOTOS = 50
ROUNDS, QUICK_ROUNDS = 20, 2


def measure(environment: Environment) -> dict[str, object]:
    """Ask for the URLs of rows that were just loaded; loading them is not measured."""
    made(PHOTOS)
    rounds = QUICK_ROUNDS if environment.quick else ROUNDS
    with override_settings(RENDITIONS={**settings.RENDITIONS, "ON_DEMAND": False}):
        off, off_calls = _page(rounds, lambda photos: None)
    with override_settings(RENDITIONS={**settings.RENDITIONS, "ON_DEMAND": True}):
        one_by_one, one_by_one_calls = _page(rounds, lambda photos: None)
        on, on_calls = _page(rounds, lambda photos: prefetch_renditions(photos, "image"))
    return {
        "off_ms": off,
        "off_cache_calls": off_calls,
        "on_ms": on,
        "on_cache_calls": on_calls,
        "on_without_prefetch_ms": one_by_one,
        "on_without_prefetch_cache_calls": one_by_one_calls,
    }


def _page(rounds: int, prepare: Callable[[list[Photo]], object]) -> tuple[float, int]:
    """Return the CPU time of a page, and the cache calls of the last one."""
    times = []
    for _ in range(rounds + 1):
        photos = list(Photo.objects.order_by("pk")[:PHOTOS])
        cache.calls.clear()
        times.append(cpu_ms(partial(_show, photos, prepare)))
    return low(times[1:]), cache.calls.total()


def _show(photos: list[Photo], prepare: Callable[[list[Photo]], object]) -> None:
    prepare(photos)
    keys = [key.split("__") for _, key in SMALL]
    urls = {getattr(photo.image, sizer)[size].url for photo in photos for sizer, size in keys}
    assert len(urls) == len(photos) * len(SMALL)
