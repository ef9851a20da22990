"""Find and delete the renditions of one picture, also those that no key set names.

They are found by listing a folder and matching the file names.
"""

import logging
import posixpath
import re
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from itertools import chain

from django.core.files.storage import Storage

from renditions import conf
from renditions.errors import SourceMissing
from renditions.imaging.formats import written_instead
from renditions.imaging.geometry import FocalPoint, Size
from renditions.imaging.sizers import AnySizer
from renditions.planning.keys import SIZE_PATTERN
from renditions.planning.paths import filtered_path, split_extension
from renditions.planning.plans import Original, plan_key_set
from renditions.planning.registry import registry
from renditions.records import project_recorder
from renditions.storage import (
    Storages,
    delete_files,
    file_info,
    file_infos,
    list_files,
    storage_label,
)

logger = logging.getLogger(__name__)

# The clocks of a storage and of a database may differ by this much.
CLOCKS_DIFFER_BY = timedelta(seconds=2)
# Inputs to find out whether the results of a FILENAME_PROCESSOR all have one length, as a digest.
_SAMPLES = ("x", "thumbnail-1x1", "crop-c0-5__0-5-100x100-70")
# Sizes and focal points whose numbers are found again in a file name.
_PROBE_SIZES = Size(70001, 60013), Size(80021, 50023)
_PROBE_POINTS = FocalPoint(0.7129, 0.3911), FocalPoint(0.2713, 0.8317)


def delete_renditions(storage: Storage, paths: Collection[str]) -> None:
    """Delete files and their records.

    Raises:
        PathRefused, StorageRefused, StorageFailed: as `delete_files`.
    """
    try:
        delete_files(storage, paths)
    finally:
        # A file that stays is found again on the storage.
        project_recorder().delete(storage_label(storage), paths)


def delete_sized(storage: Storage, original: Original) -> None:
    """Delete the renditions of `original` that are sized and not filtered."""
    delete_renditions(storage, list(sized(storage, original)))


def delete_filtered(storage: Storage, original: Original) -> None:
    """Delete the renditions of `original` that are filtered and not sized."""
    delete_renditions(storage, list(filtered(storage, original)))


def delete_filtered_sized(storage: Storage, original: Original) -> None:
    """Delete the renditions of `original` that are filtered and sized."""
    delete_renditions(storage, list(filtered_sized(storage, original)))


def delete_tagged(storage: Storage, name: str, folder: str, tag: re.Pattern[str]) -> None:
    """Delete the files in `folder` that are named `<stem of name><tag><extension of name>`."""
    stem, dot = posixpath.splitext(posixpath.basename(name))

    def is_tagged(found: str) -> bool:
        middle = found.removeprefix(stem).removesuffix(dot)
        return found == f"{stem}{middle}{dot}" and bool(tag.match(middle))

    delete_renditions(storage, list(_matching(storage, folder, stem, is_tagged)))


def delete_all_renditions(storages: Storages, original: Original) -> None:
    """Delete every rendition of `original`, whatever made it."""
    delete_renditions(storages.renditions, all_renditions(storages.renditions, original))


def delete_all(storages: Storages, original: Original, *, written_until: datetime) -> None:
    """Delete every rendition, and last the original: until then no upload can get its name.

    Args:
        written_until: A younger original stays: other code has written a new file under the name.
    """
    delete_all_renditions(storages, original)
    modified = _written_at(storages, original)
    if modified is not None and modified > written_until + CLOCKS_DIFFER_BY:
        logger.info("%s stays, because it is younger than its removal.", original.name)
        return
    delete_files(storages.originals, [original.name])


def _written_at(storages: Storages, original: Original) -> datetime | None:
    """Return when the original was written; None: it is gone, or the storage has no dates."""
    try:
        return file_info(storages.originals, original.name).modified
    except SourceMissing:
        return None


def delete_stale(storages: Storages, original: Original, needed: Collection[str]) -> None:
    """Delete the renditions of a former picture whose name another upload has now.

    They are older than the upload. The others are those of a copied row, or will be written again.

    Args:
        needed: Paths that stay.
    """
    uploaded = _written_at(storages, original)
    if uploaded is None:
        return
    found = all_renditions(storages.renditions, original)
    infos = file_infos(storages.renditions, [path for path in found if path not in needed])
    modified = {path: info.modified for path, info in infos.items()}
    stale = [path for path, at in modified.items() if at and at < uploaded]
    delete_renditions(storages.renditions, stale)


def all_renditions(storage: Storage, original: Original) -> list[str]:
    """Return the path of each rendition of `original` on `storage`, whatever made it.

    Files that another picture could have are left out.

    Raises:
        PathRefused, StorageRefused, StorageFailed: as `list_files`.
    """
    found = (find(storage, original) for find in (sized, filtered, filtered_sized))
    return list(dict.fromkeys(chain.from_iterable(found)))


def sized(storage: Storage, original: Original) -> Iterator[str]:
    """Yield the paths of the renditions that are sized and not filtered."""
    filename = posixpath.basename(original.name)
    stem = split_extension(filename)[0]
    pattern = _sized_pattern(re.escape(stem), _suffix_pattern(filename), original)
    matches = re.compile(pattern).fullmatch
    yield from _matching(storage, sized_folder(original.name), f"{stem}-", matches)
    yield from _own(storage, original, original.name)


def filtered(storage: Storage, original: Original) -> Iterator[str]:
    """Yield the paths of the renditions that are filtered and not sized."""
    instead = written_instead(split_extension(original.name)[1])
    output = rf"\.{instead.extensions[0]}" if instead else ""
    pattern = _filtered_pattern(original) + _extension_pattern(original) + output
    matches = re.compile(pattern).fullmatch
    beginning = _filtered_beginning(original)
    yield from _matching(storage, filtered_folder(original.name), beginning, matches)
    for name in registry.filter_classes:
        own = registry.filter(name).bind(original.name, original.rendition_storage).own_file()
        if own:
            yield own.path


def filtered_sized(storage: Storage, original: Original) -> Iterator[str]:
    """Yield the paths of the renditions that are filtered and sized."""
    suffix = _extension_pattern(original) + r"(\.\w+)?"
    pattern = _sized_pattern(_filtered_pattern(original), suffix, original)
    matches, beginning = re.compile(pattern).fullmatch, _filtered_beginning(original)
    yield from _matching(storage, filtered_sized_folder(original.name), beginning, matches)
    for name in registry.filter_classes:
        yield from _own(storage, original, filtered_path(original.name, name, conf.layout()))


def sized_folder(name: str) -> str:
    """Return the folder of the sized renditions of the original `name`."""
    return posixpath.join(conf.layout().sized_dirname, posixpath.dirname(name))


def filtered_folder(name: str) -> str:
    """Return the folder of the filtered renditions of the original `name`."""
    return posixpath.join(posixpath.dirname(name), conf.layout().filtered_dirname)


def filtered_sized_folder(name: str) -> str:
    """Return the folder of the filtered and sized renditions of the original `name`."""
    return posixpath.join(sized_folder(name), conf.layout().filtered_dirname)


def _sized_pattern(stem: str, suffix: str, original: Original) -> str:
    """Return a pattern of the file names of sized renditions.

    A FILENAME_PROCESSOR replaces the readable part of a name. If its results all have one length,
    the pattern is this length. Otherwise only the renditions of key sets can be found.
    """
    described = described_pattern()
    if described is None:
        return "|".join(map(re.escape, _filenames_in_key_sets(original))) or "(?!)"
    return f"{stem}-({described}){suffix}"


def described_pattern() -> str | None:
    """Return a pattern of the part of a file name that describes the rendition.

    None: a FILENAME_PROCESSOR can turn it into any text.
    """
    process = conf.layout().process_key
    if process is str:
        sizers = "|".join(registry.filename_patterns())
        return rf"(?:{sizers})-{SIZE_PATTERN}(?:-\d+)?"
    results = [process(sample) for sample in _SAMPLES]
    if len({len(text) for text in results}) == 1 and not any("-" in text for text in results):
        return rf"[^-.]{{{len(results[0])}}}"
    return None


def _filenames_in_key_sets(original: Original) -> set[str]:
    return {
        posixpath.basename(plan.path)
        for name in conf.key_set_names()
        for plan in plan_key_set(original, conf.key_set(name), conf.style)
    }


def _filtered_beginning(original: Original) -> str:
    return f"{split_extension(posixpath.basename(original.name))[0]}__"


def _filtered_pattern(original: Original) -> str:
    stem = re.escape(split_extension(posixpath.basename(original.name))[0])
    filters = "|".join(map(re.escape, registry.filter_classes))
    return rf"{stem}__({filters})__"


def _extension_pattern(original: Original) -> str:
    return rf"\.{re.escape(split_extension(posixpath.basename(original.name))[1])}"


def _suffix_pattern(filename: str) -> str:
    """Return a pattern of the extensions of sized renditions, also of converted ones."""
    extension = re.escape(split_extension(filename)[1])
    return rf"\.{extension}(\.\w+)?" if "." in filename else rf"(\.{extension}|-\.\w+)"


def _matching(
    storage: Storage, folder: str, beginning: str, matches: Callable[[str], object]
) -> Iterator[str]:
    for path in list_files(storage, folder, beginning):
        if matches(posixpath.basename(path)):
            yield path


def _own(storage: Storage, original: Original, name: str) -> Iterator[str]:
    """Yield the paths of the files of sizers that name them themselves.

    Args:
        name: Path of the picture that they sized: the original or a filtered one.
    """
    for sizer in registry.own_sizers():
        bound = sizer.bind(name, original.rendition_storage)
        pattern = _own_pattern(bound, original.ppoi)
        folder = posixpath.dirname(_own_path(bound, _PROBE_SIZES[0], original.ppoi))
        if pattern is None or folder == posixpath.dirname(original.name):
            # Beside the originals, a pattern could match one of them.
            yield from _own_paths_in_key_sets(bound, original)
        else:
            matches = re.compile(pattern.rpartition("/")[2]).fullmatch
            yield from _matching(storage, folder, _own_beginning(bound), matches)


def _own_beginning(sizer: AnySizer) -> str:
    """Return what the names of all files of `sizer` begin with."""
    paths = (_own_path(sizer, *probe) for probe in zip(_PROBE_SIZES, _PROBE_POINTS, strict=True))
    common = posixpath.commonprefix([posixpath.basename(path) for path in paths])
    # Two numbers may begin alike by chance.
    return common.rstrip("0123456789-.")


def _own_pattern(sizer: AnySizer, ppoi: FocalPoint) -> str | None:
    """Return a pattern of all paths that `sizer` gives; None: its names hide the size."""
    for points in (_PROBE_POINTS, (ppoi, ppoi)):
        found = {
            _without_numbers(_own_path(sizer, size, point), size, point)
            for size, point in zip(_PROBE_SIZES, points, strict=True)
        }
        if len(found) == 1 and "" not in found:
            return found.pop()
    return None


def _without_numbers(path: str, size: Size, ppoi: FocalPoint) -> str:
    pattern = re.escape(path)
    for part in ppoi.as_tuple:
        pattern = pattern.replace(re.escape(str(part).replace(".", "-")), r"[\d-]+")
    return pattern.replace(str(size.width), r"\d+").replace(str(size.height), r"\d+")


def _own_path(sizer: AnySizer, size: Size, ppoi: FocalPoint) -> str:
    own = sizer.own_file(size, ppoi)
    return own.path if own else ""


def _own_paths_in_key_sets(sizer: AnySizer, original: Original) -> list[str]:
    return [
        plan.path
        for name in conf.key_set_names()
        for plan in plan_key_set(original, conf.key_set(name), conf.style)
        if plan.recipe.sizer == sizer
    ]
