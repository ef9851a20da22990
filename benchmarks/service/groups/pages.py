"""What a page costs: 400 URLs, eight of each of fifty photos; and a hundred responsive pictures."""

from base64 import b64encode
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from renditions import Picture
from renditions.html import picture
from renditions.imaging import thumbhash
from renditions.imaging.facts import PictureFacts
from renditions.imaging.geometry import Size
from renditions.meta import column_value
from renditions.prefetch import prefetch_renditions

from .. import cache
from ..app.models import Photo, Story
from ..environment import SMALL, Environment
from ..pictures import cpu_ms, low, made

PHOTOS = 50
ROUNDS, QUICK_ROUNDS = 20, 2
PICTURES = 100
LEAD = Picture(widths=[400, 800, 1600], ratio="3/2", formats=["avif", "webp"])


def measure(environment: Environment) -> dict[str, object]:
    """Ask for the URLs of rows that were just loaded; loading them is not measured."""
    made(PHOTOS)
    rounds = QUICK_ROUNDS if environment.quick else ROUNDS
    with override_settings(RENDITIONS={**settings.RENDITIONS, "ON_DEMAND": False}):
        off, off_calls = _page(rounds, lambda photos: None)
        tags, blurred_tags = _pictures(rounds), _pictures(rounds, placeholder="blur")
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
        "tags_ms": tags,
        "blurred_tags_ms": blurred_tags,
    }


def _pictures(rounds: int, **options: str) -> float:
    """Return the CPU time of a hundred pictures that the process has not shown before."""
    times = []
    for number in range(rounds + 1):
        stories = [_story(number * PICTURES + index) for index in range(PICTURES)]
        cache.calls.clear()
        with CaptureQueriesContext(connection) as queries:
            times.append(cpu_ms(partial(_show_pictures, stories, options)))
        assert not cache.calls.total()
        assert not len(queries)
    return low(times[1:])


def _story(number: int) -> Story:
    """Return a story whose facts are known, with a ThumbHash of its own."""
    name = f"stories/{number}.jpg"
    size = Size(8, 6)
    shades = bytes((number * step) % 256 for step in range(1, 4 * size.pixels + 1))
    hashed = b64encode(thumbhash.encode(shades, size)).decode()
    facts = PictureFacts(
        Size(3000, 2000), f"#{number:06x}", hashed, is_animated=False, has_alpha=False
    )
    return Story(pk=number, lead=name, lead_meta=column_value(name, facts))


def _show_pictures(stories: list[Story], options: dict[str, str]) -> None:
    html = [picture(story.lead, LEAD, alt="A story", **options) for story in stories]
    assert all(each.count(" 1600w") == len(LEAD.formats) for each in html)


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
