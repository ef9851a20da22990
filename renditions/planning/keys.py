"""The grammar of rendition keys and key sets.

A rendition key names one rendition of any picture:

    url                                  the original itself
    SIZER__WxH                           crop__400x400, thumbnail__1200x1200
    WxH                                  short for crop__WxH
    filters__NAME__url                   filtered, at full size
    filters__NAME__SIZER__WxH            filtered and sized

A key with a size may end in an output format: `crop__400x400__webp`.
A rendition key set is an ordered list of (name, key) pairs.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self

from renditions.imaging.geometry import Size

DEFAULT_SIZER = "crop"
SEPARATOR = "__"

_SIZE = re.compile(r"\s*(?P<width>[0-9]{1,5})\s*x\s*(?P<height>[0-9]{1,5})\s*", re.ASCII)
_NAME = re.compile(r"[^\W_][\w-]*", re.ASCII)


class InvalidSizeKey(Exception):
    """The rendition key is malformed, or it names an unknown sizer, filter or format."""


class InvalidSizeKeySet(Exception):
    """The value is not an iterable of (name, rendition key) pairs."""


def parse_size(text: str) -> Size | None:
    """Parse `WxH`; return None if `text` is malformed or a side is 0."""
    found = _SIZE.fullmatch(text)
    if not found:
        return None
    width, height = int(found["width"]), int(found["height"])
    return Size(width, height) if width and height else None


@dataclass(frozen=True, slots=True)
class RenditionKey:
    """A parsed rendition key. Its sizer, filter and format may be unknown: see `check_names`."""

    sizer: str | None = None  # None: the rendition has the size of the original
    size: Size | None = None  # set if and only if `sizer` is set
    filter: str | None = None
    format: str | None = None  # lower case; None: the format of the original

    def __hash__(self) -> int:
        # Most of the keys differ in their width, and a page looks each of them up several times.
        return hash((self.sizer, self.filter, self.size and self.size.width))

    @property
    def is_original(self) -> bool:
        """Whether the key names the original, so there is no rendition to make."""
        return self.sizer is None and self.filter is None

    @classmethod
    def parse(cls, text: object) -> Self:
        """Parse `text`.

        Raises:
            InvalidSizeKey: `text` is malformed; the message shows valid keys.
        """
        if not isinstance(text, str):
            raise _invalid(text)
        return cls(*_parse(text))

    def __str__(self) -> str:
        parts = ["filters", self.filter] if self.filter else []
        parts += [self.sizer, str(self.size)] if self.sizer else ["url"]
        parts += [self.format] if self.format else []
        return SEPARATOR.join(part for part in parts if part)


# Cached: code of the old package parses the same key for each picture.
@functools.lru_cache(maxsize=1024)
def _parse(text: str) -> tuple[str | None, Size | None, str | None, str | None]:
    """Return the fields of a RenditionKey."""
    parts = text.split(SEPARATOR)
    filter_name = None
    if parts[0] == "filters" and len(parts) > 2:
        filter_name, parts = parts[1], parts[2:]
    if parts == ["url"]:
        return None, None, _checked_name(filter_name, text), None
    if parse_size(parts[0]):
        parts.insert(0, DEFAULT_SIZER)
    sizer, size, output = _parse_sized(parts, text)
    return _checked_name(sizer, text), size, _checked_name(filter_name, text), output


def _parse_sized(parts: list[str], text: str) -> tuple[str, Size, str | None]:
    size = parse_size(parts[1]) if len(parts) in (2, 3) else None
    if not size:
        raise _invalid(text)
    output = parts[2] if len(parts) == 3 else None
    if output == "":
        raise _invalid(text)
    return parts[0], size, output


def _checked_name(name: str | None, text: str) -> str | None:
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
    """An ordered list of (name, rendition key) pairs with unique names."""

    entries: tuple[tuple[str, RenditionKey], ...]
    # The distinct keys, in order.
    keys: tuple[RenditionKey, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        keys = tuple(dict.fromkeys(key for _, key in self.entries))
        object.__setattr__(self, "keys", keys)

    @classmethod
    def parse(cls, entries: object) -> Self:
        """Parse an iterable of pairs. The order is kept, and a repeated pair is dropped.

        Raises:
            InvalidSizeKeySet: an entry is not a pair of strings, or one name has two keys.
            InvalidSizeKey: a key is malformed.
        """
        if isinstance(entries, RenditionKeySet):
            return cls(entries.entries)
        named: dict[str, RenditionKey] = {}
        for name, text in _pairs(entries):
            key = RenditionKey.parse(text)
            if named.setdefault(name, key) != key:
                raise InvalidSizeKeySet(
                    f"The name {name!r} has two rendition keys, "
                    f"{str(named[name])!r} and {str(key)!r}. Give each key its own name."
                )
        return cls(tuple(named.items()))

    @property
    def renditions(self) -> tuple[RenditionKey, ...]:
        """The distinct keys of renditions: all but `url`."""
        return tuple(key for key in self.keys if not key.is_original)

    def __iter__(self) -> Iterator[tuple[str, RenditionKey]]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


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
