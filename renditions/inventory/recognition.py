"""From the path of a rendition back to the names that its original can have.

A path does not tell where the name of the original ends: each `-` or `__` may be the end. So a
path can have several candidates, and rows of the database tell which of them are pictures.
"""

import functools
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from renditions import conf
from renditions.engine.removal import described_pattern
from renditions.imaging.formats import written_instead
from renditions.planning.keys import SIZE_PATTERN
from renditions.planning.paths import DEFAULT_EXTENSION
from renditions.planning.registry import registry


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file that is a rendition if its path tells the truth."""

    originals: tuple[str, ...]  # names that its original can have
    # The rendition key, as far as the path tells it; empty: a FILENAME_PROCESSOR hides it.
    key: str
    # False: originals may be in the same folder, or any text can be in the file name.
    is_certain: bool


def recognise(path: str) -> Recognised | None:
    """Return the originals that the rendition at `path` can have; None: it is no rendition."""
    layout = conf.layout()
    folder, filename = posixpath.split(path)
    found: list[tuple[str, str]] = []
    below = _below(folder, layout.sized_dirname)
    if below is not None:
        inside = _without_last(below, layout.filtered_dirname)
        if inside is not None:
            found += _filtered_sized(inside, filename)
        found += _sized(below, filename)
    is_filtered = False
    if below is None or not layout.sized_dirname:
        inside = _without_last(folder, layout.filtered_dirname)
        if inside is not None:
            filtered = list(_filtered(inside, filename))
            is_filtered = bool(filtered) and bool(layout.filtered_dirname)
            found += filtered
    if not found:
        return None
    originals = tuple(dict.fromkeys(name for name, _ in found))
    in_sized_folder = bool(layout.sized_dirname) and below is not None
    is_certain = is_filtered or (in_sized_folder and described_pattern() is not None)
    return Recognised(originals, found[0][1], is_certain)


def is_in_our_folders(path: str) -> bool:
    """Whether `path` is in a folder of renditions or placeholders, wherever this folder is."""
    layout = conf.layout()
    ours = layout.sized_dirname, layout.filtered_dirname, layout.placeholder_dirname
    return any(name and f"/{name.strip('/')}/" in f"/{path}" for name in ours)


def names_are_ours() -> bool:
    """Whether the paths of all renditions follow from the rules of this package.

    Old sizers and filters can name their files themselves.
    """
    filters = (registry.filter(name).bind("a.jpg", "") for name in registry.filter_classes)
    return not registry.own_sizers() and not any(each.own_file() for each in filters)


def _below(folder: str, top: str) -> str | None:
    """Return the path of `folder` below `top`; None: it is not below."""
    if not top or folder == top:
        return "" if top else folder
    return folder.removeprefix(f"{top}/") if folder.startswith(f"{top}/") else None


def _without_last(folder: str, last: str) -> str | None:
    """Return `folder` without the folder `last` at its end; None: it does not end so."""
    if not last or folder == last:
        return "" if last else folder
    return folder.removesuffix(f"/{last}") if folder.endswith(f"/{last}") else None


def _sized(folder: str, filename: str) -> Iterator[tuple[str, str]]:
    """Yield (name of the original, key) of the file as a sized rendition."""
    for end in _positions("-", filename):
        match = _patterns(registry.version, described_pattern()).sized.fullmatch(filename, end)
        if match:
            for name in _names(filename[:end], match["extension"], match["bare"]):
                yield posixpath.join(folder, name), _key(match)


def _filtered(folder: str, filename: str) -> Iterator[tuple[str, str]]:
    for end in _positions("__", filename):
        match = _patterns(registry.version, described_pattern()).filtered.fullmatch(filename, end)
        if match:
            for name in _names(filename[:end], match["extension"], None):
                if bool(match["output"]) == bool(written_instead(match["extension"])):
                    yield posixpath.join(folder, name), f"filters__{match['filter']}__url"


def _filtered_sized(folder: str, filename: str) -> Iterator[tuple[str, str]]:
    for end in _positions("__", filename):
        patterns = _patterns(registry.version, described_pattern())
        match = patterns.filtered_sized.fullmatch(filename, end)
        if match:
            for name in _names(filename[:end], match["extension"], None):
                yield posixpath.join(folder, name), _key(match, f"filters__{match['filter']}__")


def _positions(text: str, filename: str) -> Iterator[int]:
    # The first one: an original can be named `.jpg`.
    position = filename.find(text)
    while position >= 0:
        yield position
        position = filename.find(text, position + 1)


def _names(stem: str, extension: str | None, bare: str | None) -> Iterator[str]:
    """Yield the file names of originals that give this stem and extension.

    Args:
        extension: That of the original.
        bare: Set if the original has no extension, and the rendition has another format.
    """
    if bare is None and extension is not None:
        yield f"{stem}.{extension}"
    if stem and "." not in stem and (bare is not None or extension == DEFAULT_EXTENSION):
        yield stem


@dataclass(frozen=True, slots=True)
class _Patterns:
    """The rests of file names, after the stem of the original."""

    sized: re.Pattern[str]
    filtered: re.Pattern[str]
    filtered_sized: re.Pattern[str]


@functools.lru_cache(maxsize=8)
def _patterns(registry_version: int, described: str | None) -> _Patterns:
    # Without a pattern for the description, any text may be one.
    named = described or r"[^.]+"
    extension = r"\.(?P<extension>[^./]*)"
    filters = "|".join(map(re.escape, registry.filter_classes)) or "(?!)"
    filtered = f"__(?P<filter>{filters})__"
    output = r"(?:\.(?P<output>\w+))?"
    return _Patterns(
        re.compile(rf"-(?P<key>{named})(?:{extension}{output}|-\.(?P<bare>\w+))"),
        re.compile(f"{filtered}{extension}{output}"),
        re.compile(f"{filtered}-(?P<key>{named}){extension}{output}"),
    )


# `crop-c0-5__0-5-400x300-70`: the focal point and the quality are no part of the key.
_SIZE = re.compile(rf"-({SIZE_PATTERN})(-\d+)?$")


def _key(match: re.Match[str], beginning: str = "") -> str:
    """Return the rendition key that `match` tells of; empty: it is hidden."""
    size = _SIZE.search(match["key"])
    groups = match.groupdict()
    output = groups.get("bare") or groups.get("output")
    if size is None:
        return ""
    described = match["key"][: size.start()]
    sizer = next(
        (
            name
            for name in registry.sizer_classes
            if re.fullmatch(registry.sizer(name).filename_pattern, described)
        ),
        described,
    )
    return f"{beginning}{sizer}__{size[1]}{f'__{output}' if output else ''}"
