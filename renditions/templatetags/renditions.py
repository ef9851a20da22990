"""The template tags of `{% load renditions %}`."""

from collections.abc import Iterable
from typing import Any

from django import template

from renditions.prefetch import prefetch_renditions as prefetch

register = template.Library()


class _Objects(list[Any]):
    """A list for `as`; without it, a tag prints its result."""

    def __str__(self) -> str:
        return ""


@register.simple_tag
def prefetch_renditions(objects: Iterable[Any], *fields: str, key_set: object = None) -> _Objects:
    """Call `renditions.prefetch.prefetch_renditions`.

    {% prefetch_renditions page "headshot" %}
    {% prefetch_renditions person.articles.all "lead" "author.headshot" as articles %}
    {% prefetch_renditions page "headshot" key_set="list" %}
    """
    return _Objects(prefetch(objects, *fields, key_set=key_set))
