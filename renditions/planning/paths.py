"""Where a rendition lies: its path on the storage of its original.

The names are those of django-versatileimagefield, byte for byte, so that files it made are found
again. With one difference: that package took every space out of a path, so that `a b.jpg` and
`ab.jpg` shared a rendition; here a name keeps its spaces and shares nothing.
"""

import os
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from renditions.imaging.geometry import Size

# A name without an extension has always been treated as one of these.
DEFAULT_EXTENSION = "jpg"
# File systems end at 255; the name of a rendition is up to 75 longer than that of its original.
MAX_FILENAME_BYTES = 180


@dataclass(frozen=True, slots=True)
class Layout:
    """What a project's settings say about names."""

    sized_dirname: str
    filtered_dirname: str
    placeholder_dirname: str
    qualities: Mapping[str, int]  # by lower-case extension; part of the name where there is one
    process_key: Callable[[str], str]  # applied to the part that describes the rendition


def split_extension(filename: str) -> tuple[str, str]:
    """Return (stem, extension); a name without a dot counts as `jpg`."""
    stem, dot, extension = filename.rpartition(".")
    return (stem, extension) if dot else (filename, DEFAULT_EXTENSION)


def namesake(name: str) -> str | None:
    """Return the one other name that has the same renditions as `name`: `a` for `a.jpg`."""
    folder, filename = posixpath.split(name)
    stem, dot, extension = filename.rpartition(".")
    if not dot:
        return f"{name}.{DEFAULT_EXTENSION}"
    if extension == DEFAULT_EXTENSION and stem and "." not in stem:
        return posixpath.join(folder, stem)
    return None


def shortened(name: str) -> str:
    """Return `name` with its file name cut so that those of its renditions fit any disk."""
    folder, filename = posixpath.split(name)
    if len(os.fsencode(filename)) <= MAX_FILENAME_BYTES:
        return name
    stem, extension = posixpath.splitext(filename)
    room = max(0, MAX_FILENAME_BYTES - len(os.fsencode(extension)))
    cut = os.fsencode(stem)[:room].decode("utf-8", "ignore")
    return posixpath.join(folder, cut + extension)


def sized_filename(
    filename: str, size: Size, sizer_key: str, layout: Layout, output: str | None = None
) -> str:
    """Return the name of a sized rendition of `filename`.

    Args:
        sizer_key: Names sizer and focal point: `crop-c0-5__0-5`, `thumbnail`.
        output: Extension of the wanted format, or None for that of the original. A converted
            rendition keeps both: `a-thumbnail-10x10-70.jpg.webp`. No rendition of another
            original ends like that, because theirs end in a size or a quality.
    """
    stem, extension = split_extension(filename)
    key = f"{sizer_key}-{size}"
    quality = layout.qualities.get(output or extension.lower())
    if quality is not None:
        key = f"{key}-{quality}"
    named = f"{stem}-{layout.process_key(key)}"
    if output is None:
        return f"{named}.{extension}"
    # A trailing dash keeps `a` apart from `a.jpg`.
    return f"{named}.{extension}.{output}" if "." in filename else f"{named}-.{output}"


def sized_path(
    name: str, size: Size, sizer_key: str, layout: Layout, output: str | None = None
) -> str:
    """Return where the sized rendition of the original at `name` lies."""
    folder, filename = posixpath.split(name)
    return posixpath.join(
        layout.sized_dirname, folder, sized_filename(filename, size, sizer_key, layout, output)
    )


def filtered_filename(filename: str, filter_name: str) -> str:
    """Return the name of `filename` filtered at full size."""
    stem, extension = split_extension(filename)
    return f"{stem}__{filter_name}__.{extension}"


def filtered_path(name: str, filter_name: str, layout: Layout) -> str:
    """Return where the original at `name`, filtered at full size, lies."""
    folder, filename = posixpath.split(name)
    return posixpath.join(folder, layout.filtered_dirname, filtered_filename(filename, filter_name))


def placeholder_path(name: str, layout: Layout) -> str:
    """Return where the placeholder called `name` lies on the storage of the field."""
    return posixpath.join(layout.placeholder_dirname, name)
