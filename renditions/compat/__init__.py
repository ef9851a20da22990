"""Everything that exists only for code written for django-versatileimagefield."""

from importlib import import_module
from types import ModuleType

# The modules of the old package; this one has more.
MODULES = frozenset(
    {
        "apps",
        "datastructures",
        "fields",
        "files",
        "forms",
        "image_warmer",
        "mixins",
        "placeholder",
        "processors",
        "registry",
        "serializers",
        "settings",
        "utils",
        "validators",
        "versatileimagefield",
        "widgets",
    }
)

default_app_config = "renditions.compat.apps.VersatileImageFieldConfig"


def __getattr__(name: str) -> ModuleType:
    """Import a module at its first use: the old package has its modules after `setup()`."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")
