"""The template tags of `{% load renditions %}`."""

from collections.abc import Iterable
from typing import Any

from django import template
from django.utils.safestring import SafeString

from renditions import html, responsive
from renditions.prefetch import prefetch_renditions as prefetch

register = template.Library()


class _Objects(list[Any]):
    """A list for `as`; without it, a tag prints its result."""

    def __str__(self) -> str:
        return ""


@register.simple_tag
def picture(image: Any, key_set: object, *art: object, **options: Any) -> SafeString:
    """Call `renditions.html.picture`.

    {% picture person.headshot "hero" alt=person.name sizes="(min-width: 60em) 50vw, 100vw" %}
    {% picture person.headshot "hero" "(max-width: 40em)" "square" alt="" placeholder="blur" %}
    """
    return html.picture(image, key_set, *art, **options)


@register.simple_tag
def preload(image: Any, key_set: object, **options: Any) -> SafeString:
    """Call `renditions.html.preload`: {% preload person.headshot "hero" %}."""
    return html.preload(image, key_set, **options)


@register.simple_tag
def rendition_url(image: Any, key: str, until_ready: str | None = None) -> str:
    """Call `renditions.responsive.rendition_url`: {% rendition_url image "crop__400x300" %}."""
    return responsive.rendition_url(image, key, until_ready)


@register.simple_tag
def signed_url(image: Any, key: str, expires_in: float | None = None) -> str:
    """Call `image.signed_url`: {% signed_url person.headshot "crop__311x207__webp" %}."""
    return str(image.signed_url(key, expires_in))


@register.simple_tag
def prefetch_renditions(objects: Iterable[Any], *fields: str, key_set: object = None) -> _Objects:
    """Call `renditions.prefetch.prefetch_renditions`.

    {% prefetch_renditions page "headshot" %}
    {% prefetch_renditions person.articles.all "lead" "author.headshot" as articles %}
    {% prefetch_renditions page "headshot" key_set="list" %}
    """
    return _Objects(prefetch(objects, *fields, key_set=key_set))
