"""Replace parts of the product in the processes of a run, and fail if that has no effect."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

PRODUCT = ("renditions.", "workers.")


class NoEffect(Exception):
    """A replacement would not change what the product does."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """An attribute that was replaced."""

    owner: Any
    name: str
    value: Any

    def __str__(self) -> str:
        return f"{getattr(self.owner, '__name__', type(self.owner).__name__)}.{self.name}"

    @property
    def is_in_place(self) -> bool:
        found = getattr(self.owner, self.name)
        return found is self.value or found == self.value


replacements: list[Replacement] = []


def replace(owner: Any, name: str, value: Any) -> None:
    """Set the attribute `name` of a module, a class or an object.

    Raises:
        NoEffect: there is no such attribute, or a module imported its value by name and would go
            on using it.
    """
    if not hasattr(owner, name):
        raise NoEffect(f"{owner!r} has no attribute {name!r}.")
    importers = list(_importers(owner, name))
    if importers:
        raise NoEffect(f"{', '.join(importers)} imported {name!r} by name: replace it there.")
    setattr(owner, name, value)
    replacements.append(Replacement(owner, name, value))


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Replace an attribute for the block."""
    former = getattr(owner, name)
    replace(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, former)


def _importers(owner: Any, name: str) -> Iterator[str]:
    """Yield the modules of the product that imported by name what the module `owner` defines."""
    value = getattr(owner, name)
    if not isinstance(owner, ModuleType) or isinstance(value, ModuleType):
        return
    # A constant does not know where it is defined: here, most likely.
    if getattr(value, "__module__", owner.__name__) != owner.__name__:
        return
    for other, module in list(sys.modules.items()):
        is_product = other.startswith(PRODUCT) and module is not owner
        if is_product and vars(module).get(name) is value:
            yield other
