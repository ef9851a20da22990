"""The path of a rendition, on the storage of its original.

The paths are those of django-versatileimagefield 3.1, byte for byte, so files that it made are
found again. One rule differs: that package removed every space from a path, so `a b.jpg` and
`ab.jpg` shared a rendition. Here a path keeps its spaces.
"""

import functools
import os
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .keys import KeySize

# django-versatileimagefield treats a name without an extension as a JPEG.
DEFAULT_EXTENSION = "jpg"
# File systems allow 255 bytes, and a rendition adds up to 75 to the name of its original.
MAX_FILENAME_BYTES = 180


@dataclass(frozen=True, slots=True)
class Layout:
    """The settings that decide paths."""

    sized_dirname: str
    filtered_dirname: str
    placeholder_dirname: str
    qualities: Mapping[str, int]  # by lower-case extension; a quality is part of the file name
    process_key: Callable[[str], str]  # applied to the part of a name that describes the rendition


def split_extension(filename: str) -> tuple[str, str]:
    """Return (stem, extension); the extension is `jpg` if the name has no dot."""
    stem, dot, extension = filename.rpartition(".")
    return (stem, extension) if dot else (filename, DEFAULT_EXTENSION)


def colliding_name(name: str) -> str | None:
    """Return the only other name with the same rendition paths as `name`: `a` for `a.jpg`."""
    folder, filename = posixpath.split(name)
    stem, dot, extension = filename.rpartition(".")
    if not dot:
        return f"{name}.{DEFAULT_EXTENSION}"
    if extension == DEFAULT_EXTENSION and stem and "." not in stem:
        return posixpath.join(folder, stem)
    return None


def shortened(name: str) -> str:
    """Return `name`, cut so that the file names of its renditions fit any file system."""
    folder, filename = posixpath.split(name)
    if len(os.fsencode(filename)) <= MAX_FILENAME_BYTES:
        return name
    stem, extension = posixpath.splitext(filename)
    room = max(0, MAX_FILENAME_BYTES - len(os.fsencode(extension)))
    cut = os.fsencode(stem)[:room].decode("utf-8", "ignore")
    return posixpath.join(folder, cut + extension)


def sized_filename(
    filename: str, size: KeySize, sizer_key: str, layout: Layout, output: str | None = None
) -> str:
    """Return the file name of a sized rendition of `filename`.

    Args:
        sizer_key: Names the sizer and the focal point: `crop-c0-5__0-5`, `thumbnail`.
        output: Extension of the output format; None: the format of the original. A converted
            rendition has both extensions: `a-thumbnail-10x10-70.jpg.webp`. This name cannot
            belong to another original, because those names end in a size or a quality.
    """
    stem, extension = split_extension(filename)
    quality = layout.qualities.get(output or extension.lower())
    named = f"{stem}-{_described(sizer_key, size, quality, layout.process_key)}"
    if output is None:
        return f"{named}.{extension}"
    # Without the dash, `a` and `a.jpg` would share this name.
    return f"{named}.{extension}.{output}" if "." in filename else f"{named}-.{output}"


# Cached: it is the same for each original, and a FILENAME_PROCESSOR may make a digest.
@functools.lru_cache(maxsize=1024)
def _described(
    sizer_key: str, size: KeySize, quality: int | None, process_key: Callable[[str], str]
) -> str:
    """Return the part of a file name that describes the rendition."""
    key = f"{sizer_key}-{size}"
    return process_key(key if quality is None else f"{key}-{quality}")


def sized_path(
    name: str, size: KeySize, sizer_key: str, layout: Layout, output: str | None = None
) -> str:
    """Return the path of a sized rendition of the original at `name`."""
    head, filename = _split(name)
    return _sized_folder(layout.sized_dirname, head) + sized_filename(
        filename, size, sizer_key, layout, output
    )


def filtered_filename(filename: str, filter_name: str, output: str | None = None) -> str:
    """Return the file name of the filtered rendition of `filename` at full size.

    Args:
        output: As for `sized_filename`.
    """
    stem, extension = split_extension(filename)
    named = f"{stem}__{filter_name}__.{extension}"
    return f"{named}.{output}" if output else named


def filtered_path(name: str, filter_name: str, layout: Layout, output: str | None = None) -> str:
    """Return the path of the filtered rendition at full size of the original at `name`."""
    head, filename = _split(name)
    return _filtered_folder(head, layout.filtered_dirname) + filtered_filename(
        filename, filter_name, output
    )


def _split(name: str) -> tuple[str, str]:
    """Return (all up to the last slash, the file name)."""
    folder, slash, filename = name.rpartition("/")
    return folder + slash, filename


# Many originals share a folder, and joining paths is a large part of the cost of a URL.
@functools.lru_cache(maxsize=1024)
def _sized_folder(dirname: str, head: str) -> str:
    return _joined(dirname, posixpath.dirname(head))


@functools.lru_cache(maxsize=1024)
def _filtered_folder(head: str, dirname: str) -> str:
    return _joined(posixpath.dirname(head), dirname)


def _joined(*folders: str) -> str:
    """Return what comes before the file name in the path of a file in `folders`."""
    return posixpath.join(*folders, "x")[:-1]


def placeholder_path(name: str, layout: Layout) -> str:
    """Return the path of the placeholder `name` on the storage of its field."""
    return posixpath.join(layout.placeholder_dirname, name)
