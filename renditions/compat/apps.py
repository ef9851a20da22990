"""The names of the old package's `apps`."""

from typing import Any

from renditions.apps import RenditionsConfig

__all__ = [
    "RenditionsConfig",
]


def __getattr__(name: str) -> Any:
    # Not a second name in the module: Django would not know which of them is the default.
    if name == "VersatileImageFieldConfig":
        return RenditionsConfig
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
