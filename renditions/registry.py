"""Sizers and filters by name: where a project registers its own.

In an app's `renditions.py`, or `versatileimagefield.py`:

    from renditions.imaging.sizers import Sizer
    from renditions.registry import registry

    registry.register_sizer("square", Square)
"""

from django.utils.module_loading import autodiscover_modules

from .planning.registry import (
    AlreadyRegistered,
    InvalidFilteredImageSubclass,
    InvalidSizedImageSubclass,
    NotRegistered,
    UnallowedFilterName,
    UnallowedSizerName,
    registry,
)

__all__ = [
    "AlreadyRegistered",
    "InvalidFilteredImageSubclass",
    "InvalidSizedImageSubclass",
    "NotRegistered",
    "UnallowedFilterName",
    "UnallowedSizerName",
    "autodiscover",
    "registry",
    "versatileimagefield_registry",
]

versatileimagefield_registry = registry


def autodiscover() -> None:
    """Import the modules `renditions` and `versatileimagefield` of every installed app.

    If one of them cannot be imported, the registry is put back as it was before, so that a second
    attempt finds no name taken, and the error is raised.
    """
    before = registry.snapshot()
    try:
        autodiscover_modules("renditions")
        autodiscover_modules("versatileimagefield")
    except BaseException:
        registry.restore(before)
        raise
