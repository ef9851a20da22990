"""The tags as functions for Jinja2.

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "OPTIONS": {"extensions": ["renditions.jinja2.Renditions"]},
    },
]

{{ picture(person.headshot, "hero", alt=person.name, class="wide") }}
"""

from jinja2 import Environment
from jinja2.ext import Extension

from .html import picture, preload
from .prefetch import prefetch_renditions
from .responsive import rendition_url


class Renditions(Extension):
    """Adds `picture`, `preload`, `rendition_url` and `prefetch_renditions` to all templates."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals.update(
            picture=picture,
            preload=preload,
            prefetch_renditions=prefetch_renditions,
            rendition_url=rendition_url,
        )
