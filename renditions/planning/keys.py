"""The grammar of rendition keys and key sets.

A rendition key names one rendition of any picture:

    url                                  the original itself
    SIZER__WxH                           crop__400x400, thumbnail__1200x1200
    WxH                                  short for crop__WxH
    filters__NAME__url                   filtered, at full size
    filters__NAME__SIZER__WxH            filtered and sized

A key that gives a size may end in an output format: `crop__400x400__webp`.
A rendition key set is an ordered list of (name, key).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from renditions.imaging.geometry import Size

DEFAULT_SIZER = "crop"
SEPARATOR = "__"

_SIZE = re.compile(r"\s*(?P<width>[0-9]{1,5})\s*x\s*(?P<height>[0-9]{1,5})\s*", re.ASCII)
_NAME = re.compile(r"[^\W_][\w-]*", re.ASCII)


class InvalidSizeKey(Exception):
    """A rendition key that says nothing that could be made."""


class InvalidSizeKeySet(Exception):
    """Not an iterable of (name, rendition key)."""


def parse_size(text: str) -> Size | None:
    """Return the size that `WxH` means, or None where it means none (a side of 0 included)."""
    found = _SIZE.fullmatch(text)
    if not found:
        return None
    width, height = int(found["width"]), int(found["height"])
    return Size(width, height) if width and height else None


@dataclass(frozen=True, slots=True)
class RenditionKey:
    """One rendition key, taken apart. Names are not looked up here."""

    sizer: str | None = None  # None: the size stays
    size: Size | None = None  # given exactly where `sizer` is
    filter: str | None = None
    format: str | None = None  # lower case; None: the original's own

    @property
    def is_original(self) -> bool:
        """Whether the key names the original, for which nothing is made."""
        return self.sizer is None and self.filter is None

    @classmethod
    def parse(cls, text: object) -> Self:
        """Take `text` apart.

        Raises:
            InvalidSizeKey: with the key and what a key looks like.
        """
        if not isinstance(text, str):
            raise _invalid(text)
        parts = text.split(SEPARATOR)
        filter_name = None
        if parts[0] == "filters" and len(parts) > 2:
            filter_name, parts = parts[1], parts[2:]
        if parts == ["url"]:
            return cls(filter=_name(filter_name, text))
        if parse_size(parts[0]):
            parts.insert(0, DEFAULT_SIZER)
        sizer, size, output = _sized(parts, text)
        return cls(_name(sizer, text), size, _name(filter_name, text), output)

    def __str__(self) -> str:
        parts = ["filters", self.filter] if self.filter else []
        parts += [self.sizer, str(self.size)] if self.sizer else ["url"]
        parts += [self.format] if self.format else []
        return SEPARATOR.join(part for part in parts if part)


def _sized(parts: list[str], text: str) -> tuple[str, Size, str | None]:
    size = parse_size(parts[1]) if len(parts) in (2, 3) else None
    if not size:
        raise _invalid(text)
    output = parts[2] if len(parts) == 3 else None
    if output == "":
        raise _invalid(text)
    return parts[0], size, output


def _name(name: str | None, text: str) -> str | None:
    if name is not None and not _NAME.fullmatch(name):
        raise _invalid(text)
    return name


def _invalid(text: object) -> InvalidSizeKey:
    return InvalidSizeKey(
        f"{text!r} is not a rendition key. A key is 'url', 'crop__400x300', 'thumbnail__400x300', "
        "'400x300', 'filters__invert__url' or 'filters__invert__crop__400x300'; both sides are "
        "whole numbers from 1 to 99999."
    )


@dataclass(frozen=True, slots=True)
class RenditionKeySet:
    """An ordered list of (name, rendition key) in which a name stands once."""

    entries: tuple[tuple[str, RenditionKey], ...]

    @classmethod
    def parse(cls, entries: object) -> Self:
        """Take an iterable of pairs apart; its order is kept, an exact repetition is dropped.

        Raises:
            InvalidSizeKeySet: not pairs of strings, or one name for two keys.
            InvalidSizeKey: a key that is none.
        """
        if isinstance(entries, RenditionKeySet):
            return cls(entries.entries)
        named: dict[str, RenditionKey] = {}
        for name, text in _pairs(entries):
            key = RenditionKey.parse(text)
            if named.setdefault(name, key) != key:
                raise InvalidSizeKeySet(
                    f"The name {name!r} stands for two rendition keys, "
                    f"{str(named[name])!r} and {str(key)!r}. Give each key a name of its own."
                )
        return cls(tuple(named.items()))

    def __iter__(self) -> Iterator[tuple[str, RenditionKey]]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def keys(self) -> tuple[RenditionKey, ...]:
        """The keys without their names, each once."""
        return tuple(dict.fromkeys(key for _, key in self.entries))


def _pairs(entries: object) -> Iterator[tuple[str, object]]:
    if isinstance(entries, str | bytes) or not isinstance(entries, Iterable):
        raise _invalid_set(entries)
    for entry in entries:
        if isinstance(entry, str) or not isinstance(entry, Iterable):
            raise _invalid_set(entries)
        match tuple(entry):
            case (str() as name, text):
                yield name, text
            case _:
                raise _invalid_set(entries)


def _invalid_set(entries: object) -> InvalidSizeKeySet:
    return InvalidSizeKeySet(
        f"{entries!r} is not a rendition key set. A set is an iterable of pairs of strings: "
        "[('hero', 'crop__1200x600'), ('small', 'thumbnail__200x200')]."
    )
