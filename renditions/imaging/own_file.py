"""The file of a sizer or filter that chooses its place itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OwnFile:
    path: str  # on the storage of the original
    url: str | None = None  # None: the storage gives it
