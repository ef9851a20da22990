"""The names of the old package's `apps`."""

from typing import Any

from django.apps import AppConfig

from renditions.apps import RenditionsConfig

__all__ = ["AppConfig", "RenditionsConfig", "VersatileImageFieldConfig"]


def __getattr__(name: str) -> Any:
    # Not a module attribute: Django would find two app configs and choose no default.
    if name == "VersatileImageFieldConfig":
        return RenditionsConfig
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
