"""The grammar of rendition keys and key sets.

A rendition key names one rendition of any picture:

    url                                  the original itself
    SIZER__SIZE                          crop__400x400, thumbnail__1200x1200
    SIZE                                 short for crop__SIZE
    filters__NAME__url                   filtered, at full size
    filters__NAME__SIZER__SIZE           filtered and sized

A size is `WxH`, `WxH@2x` for a screen with two pixels for each CSS pixel, or, for sizers that keep
the shape of the picture, `Wx` or `xH`.
A key with a size may end in an output format: `crop__400x400__webp`.
A rendition key set is an ordered list of (name, key) pairs, or a `Picture`, which expands to one.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from renditions.imaging.geometry import Size

from .pictures import InvalidPicture, Picture

DEFAULT_SIZER = "crop"
SEPARATOR = "__"
# Of a size that has no limit on one side, px: no picture is as large.
UNLIMITED = 10**6

# Of a size, as `str(KeySize)` writes it.
SIZE_PATTERN = r"(?:\d+x\d*|x\d+)(?:@[\d.]+x)?"

_SIZE = re.compile(
    r"\s*(?P<width>[0-9]{0,5})\s*x\s*(?P<height>[0-9]{0,5})\s*"
    r"(?:@(?P<density>[1-9](?:\.[0-9])?)x\s*)?",
    re.ASCII,
)
_NAME = re.compile(r"[^\W_][\w-]*", re.ASCII)


class InvalidSizeKey(Exception):
    """The rendition key is malformed, or it names an unknown sizer, filter or format."""


class InvalidSizeKeySet(Exception):
    """The value is not an iterable of (name, rendition key) pairs."""


@dataclass(frozen=True, slots=True)
class KeySize:
    """The size in a rendition key: `400x300`, `400x300@2x`, `800x` or `x600`."""

    width: int | None  # CSS pixels; None: as wide as the height and the picture make it
    height: int | None  # at least one of the two is set
    density: float = 1  # pixels for each CSS pixel

    @classmethod
    def of(cls, size: Size) -> Self:
        return cls(size.width, size.height)

    @property
    def pixels(self) -> Size:
        """The size for a sizer, px; a side without a limit is `UNLIMITED`."""
        return Size(self._pixels(self.width), self._pixels(self.height))

    @property
    def is_open(self) -> bool:
        """Whether one side has no limit."""
        return self.width is None or self.height is None

    def exceeds(self, original: Size) -> bool:
        """Whether a side is longer than that of `original`."""
        width, height = (side and self._pixels(side) for side in (self.width, self.height))
        return (width or 0) > original.width or (height or 0) > original.height

    def _pixels(self, side: int | None) -> int:
        return UNLIMITED if side is None else round(side * self.density)

    def __str__(self) -> str:
        size = f"{self.width or ''}x{self.height or ''}"
        return size if self.density == 1 else f"{size}@{self.density:g}x"


def parse_size(text: str) -> KeySize | None:
    """Parse `WxH`, `WxH@Nx`, `Wx` or `xH`; return None if `text` is malformed or a side is 0."""
    found = _SIZE.fullmatch(text)
    if not found or not (found["width"] or found["height"]):
        return None
    width, height = (int(side) if side else None for side in (found["width"], found["height"]))
    return None if 0 in (width, height) else KeySize(width, height, float(found["density"] or 1))


@dataclass(frozen=True, slots=True)
class RenditionKey:
    """A parsed rendition key. Its sizer, filter and format may be unknown: see `check_names`."""

    sizer: str | None = None  # None: the rendition has the size of the original
    size: KeySize | None = None  # set if and only if `sizer` is set
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
def _parse(text: str) -> tuple[str | None, KeySize | None, str | None, str | None]:
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


def _parse_sized(parts: list[str], text: str) -> tuple[str, KeySize, str | None]:
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
        "whole numbers from 1 to 99999. A thumbnail can have one side: 'thumbnail__800x'."
    )


@dataclass(frozen=True, slots=True)
class RenditionKeySet:
    """An ordered list of (name, rendition key) pairs with unique names."""

    entries: tuple[tuple[str, RenditionKey], ...]
    # Groups of keys of which a small original needs only some; each group from small to large.
    groups: tuple[tuple[RenditionKey, ...], ...] = ()
    # Keys that every original needs. Those of a group that are not in it may be left out.
    fixed: frozenset[RenditionKey] = frozenset()
    # What the set was written as; None: as pairs.
    picture: Picture | None = None
    # The distinct keys, in order.
    keys: tuple[RenditionKey, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        keys = tuple(dict.fromkeys(key for _, key in self.entries))
        object.__setattr__(self, "keys", keys)

    @classmethod
    def parse(cls, entries: object) -> Self:
        """Parse a `Picture`, a dict of its arguments, or an iterable of pairs.

        The order is kept, and a repeated pair is dropped.

        Raises:
            InvalidSizeKeySet: the set or an entry is malformed, or one name has two keys.
            InvalidSizeKey: a key is malformed.
        """
        if isinstance(entries, cls):
            return entries
        if isinstance(entries, Picture | Mapping):
            return cls._of_picture(entries)
        named: dict[str, RenditionKey] = {}
        for name, text in _pairs(entries):
            key = RenditionKey.parse(text)
            if named.setdefault(name, key) != key:
                raise InvalidSizeKeySet(
                    f"The name {name!r} has two rendition keys, "
                    f"{str(named[name])!r} and {str(key)!r}. Give each key its own name."
                )
        return cls(tuple(named.items()), fixed=frozenset(named.values()))

    @classmethod
    def _of_picture(cls, given: "Picture | Mapping[str, object]") -> Self:
        try:
            picture = given if isinstance(given, Picture) else Picture.from_dict(given)
            texts = picture.keys()
        except InvalidPicture as error:
            raise InvalidSizeKeySet(str(error)) from error
        groups = [
            tuple((name, RenditionKey.parse(text)) for name, text in group.items())
            for group in texts
        ]
        return cls(
            entries=tuple(entry for group in groups for entry in group),
            groups=tuple(tuple(key for _, key in group) for group in groups),
            picture=picture,
        )

    @classmethod
    def union(cls, sets: Iterable["RenditionKeySet"]) -> Self:
        """Return a set with the keys of all `sets`; each key is its own name."""
        found = tuple(sets)
        keys = dict.fromkeys(key for each in found for key in each.keys)
        return cls(
            entries=tuple((str(key), key) for key in keys),
            groups=tuple(dict.fromkeys(group for each in found for group in each.groups)),
            fixed=frozenset[RenditionKey]().union(*(each.fixed for each in found)),
        )

    def for_size(self, original: Size | None) -> "RenditionKeySet":
        """Return the part of the set that an original of this size needs, px.

        Of each group, the keys that are larger than the original are left out, except the smallest
        one. If the size is unknown, nothing is left out.
        """
        return _for_size(self, original) if original and self.groups else self

    @property
    def renditions(self) -> tuple[RenditionKey, ...]:
        """The distinct keys of renditions: all but `url`."""
        return tuple(key for key in self.keys if not key.is_original)

    def __iter__(self) -> Iterator[tuple[str, RenditionKey]]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


# Cached: many originals have the same size, for example all of one camera.
@functools.lru_cache(maxsize=1024)
def _for_size(key_set: RenditionKeySet, original: Size) -> RenditionKeySet:
    needed = set(key_set.fixed)
    for smallest, *larger in key_set.groups:
        needed.add(smallest)
        needed.update(key for key in larger if key.size and not key.size.exceeds(original))
    return replace(key_set, entries=tuple(each for each in key_set.entries if each[1] in needed))


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
