"""The place where a project registers its own sizers and filters.

In `renditions.py` or `versatileimagefield.py` of an app:

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

    If an import fails, all registrations of this call are undone: otherwise a second attempt would
    find their names registered already.
    """
    before = registry.snapshot()
    try:
        autodiscover_modules("renditions")
        autodiscover_modules("versatileimagefield")
    except BaseException:
        registry.restore(before)
        raise
