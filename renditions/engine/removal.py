"""Take away every rendition of one picture, the ones included that no key set names.

A folder is listed, and what lies in it is recognised by its name alone.
"""

import posixpath
import re
from collections.abc import Callable, Iterable

from django.core.files.storage import Storage

from renditions import conf
from renditions.planning.paths import split_extension
from renditions.planning.plans import Original, RenditionPlan, plan_key_set
from renditions.planning.registry import registry
from renditions.records import project_recorder
from renditions.storage import delete_file, storage_label

# What a processor makes of these tells whether its results are equally long.
_SAMPLES = ("x", "thumbnail-1x1", "crop-c0-5__0-5-100x100-70")


def prune(storage: Storage, plans: Iterable[RenditionPlan]) -> None:
    """Delete the files of `plans` and forget their records.

    Raises:
        StorageFailed: the storage refused; the records of the files that are left stay.
    """
    recorder = project_recorder()
    for plan in plans:
        delete_file(storage, plan.path)
        recorder.forget(plan.storage, [plan.path])


def delete_sized(storage: Storage, original: Original) -> None:
    """Take the sized renditions of `original` away, not those that are filtered, too."""
    filename = posixpath.basename(original.name)
    stem = re.escape(split_extension(filename)[0])
    pattern = _sized(stem, _suffix(filename), original)
    _delete(storage, sized_folder(original.name), re.compile(pattern).fullmatch)


def delete_filtered(storage: Storage, original: Original) -> None:
    """Take the renditions of `original` away that are filtered, but not sized."""
    pattern = _filtered(original) + _extension(original)
    _delete(storage, filtered_folder(original.name), re.compile(pattern).fullmatch)


def delete_filtered_sized(storage: Storage, original: Original) -> None:
    """Take the renditions of `original` away that are filtered and sized."""
    suffix = _extension(original) + r"(\.\w+)?"
    pattern = _sized(_filtered(original), suffix, original)
    _delete(storage, filtered_sized_folder(original.name), re.compile(pattern).fullmatch)


def delete_tagged(storage: Storage, name: str, folder: str, tag: re.Pattern[str]) -> None:
    """Take away what lies in `folder` as `<stem of name><tag><extension of name>`."""
    stem, dot = posixpath.splitext(posixpath.basename(name))

    def is_tagged(found: str) -> bool:
        middle = found.removeprefix(stem).removesuffix(dot)
        return found == f"{stem}{middle}{dot}" and bool(tag.match(middle))

    _delete(storage, folder, is_tagged)


def sized_folder(name: str) -> str:
    """Return the folder of sized renditions of the picture called `name`."""
    return posixpath.join(conf.layout().sized_dirname, posixpath.dirname(name))


def filtered_folder(name: str) -> str:
    """Return the folder of its filtered renditions."""
    return posixpath.join(posixpath.dirname(name), conf.layout().filtered_dirname)


def filtered_sized_folder(name: str) -> str:
    """Return the folder of those that are filtered and sized."""
    return posixpath.join(sized_folder(name), conf.layout().filtered_dirname)


def _sized(stem: str, suffix: str, original: Original) -> str:
    """Return a pattern of the file names of sized renditions.

    What describes a rendition may have been processed. Where the results of the processor are
    equally long, that is what they are known by; where not, only renditions that some key set
    names can be known.
    """
    process = conf.layout().process_key
    if process is str:
        sizers = "|".join(registry.filename_patterns())
        return rf"{stem}-({sizers})-\d+x\d+(-\d+)?{suffix}"
    made = [process(sample) for sample in _SAMPLES]
    if len({len(text) for text in made}) == 1 and not any("-" in text for text in made):
        return rf"{stem}-[^-.]{{{len(made[0])}}}{suffix}"
    return "|".join(map(re.escape, _names_of_key_sets(original))) or "(?!)"


def _names_of_key_sets(original: Original) -> set[str]:
    return {
        posixpath.basename(plan.path)
        for name in conf.key_set_names()
        for plan in plan_key_set(original, conf.key_set(name), conf.style)
    }


def _filtered(original: Original) -> str:
    stem = re.escape(split_extension(posixpath.basename(original.name))[0])
    filters = "|".join(map(re.escape, registry.filter_classes))
    return rf"{stem}__({filters})__"


def _extension(original: Original) -> str:
    return rf"\.{re.escape(split_extension(posixpath.basename(original.name))[1])}"


def _suffix(filename: str) -> str:
    """Return a pattern of how the names of sized renditions end, converted ones included."""
    extension = re.escape(split_extension(filename)[1])
    return rf"\.{extension}(\.\w+)?" if "." in filename else rf"(\.{extension}|-\.\w+)"


def _delete(storage: Storage, folder: str, is_meant: Callable[[str], object]) -> None:
    try:
        _, names = storage.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    paths = [posixpath.join(folder, name) for name in names if is_meant(name)]
    for path in paths:
        delete_file(storage, path)
    project_recorder().forget(storage_label(storage), paths)
