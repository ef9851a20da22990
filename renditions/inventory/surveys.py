"""Walk over the files of a storage, and judge each of them.

A survey reads a batch of files, looks up the originals that they can belong to with a few queries,
and plans what these need. So it takes constant memory, whatever the storage holds.
"""

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import islice

from django.utils import timezone

from renditions import conf
from renditions.fields import VersatileImageField
from renditions.imaging.geometry import CENTRE
from renditions.planning.keys import RenditionKeySet
from renditions.planning.plans import Original, RenditionPlan, plan_key_set
from renditions.storage.any import FileInfo

from .recognition import Recognised, is_in_our_folders, names_are_ours, recognise
from .rows import Rows, Shift, ShownPicture, names_of_field
from .scopes import Scope

BATCH_FILES = 2_000


class Verdict(StrEnum):
    """What a file is."""

    NEEDED = "needed"  # a rendition that a row and a declared key need, or a file that a row names
    UNDECLARED = "not declared"  # a rendition of a picture that a row shows; no key set needs it
    ABANDONED = "without original"  # a rendition of a picture that no row shows
    ORPHAN = "orphan"  # in an upload folder, and no row names it
    YOUNG = "too young"  # it would be taken away if it were older
    UNKNOWN = "unknown"  # it may be a rendition or an orphan, but this is not certain

    @property
    def is_doomed(self) -> bool:
        """Whether a prune takes the file away."""
        return self in (Verdict.UNDECLARED, Verdict.ABANDONED, Verdict.ORPHAN)


@dataclass(frozen=True, slots=True)
class Judged:
    """One file and the verdict on it."""

    path: str
    info: FileInfo
    verdict: Verdict
    # Of a rendition: its key, as far as the path tells it.
    key: str = ""
    # Label of a field whose rows show the original; empty: no row shows it.
    field: str = ""

    @property
    def size(self) -> int:
        """Bytes; 0 if the storage does not tell."""
        return self.info.size or 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Some files that stand side by side in the walk."""

    judged: list[Judged]
    walked: int  # also those without a verdict
    last: str  # path of the last one


class Survey:
    """Judges the files of one storage."""

    def __init__(self, scope: Scope, min_age: timedelta) -> None:
        """Prepare the survey.

        Args:
            min_age: Files that are younger are not taken away: a row may name them soon.

        Raises:
            ImproperlyConfigured, InvalidSizeKeySet, InvalidSizeKey: a key set is wrong.
            DatabaseError: a database does not answer.
        """
        self.scope = scope
        self.min_age = min_age
        self.changed_before = timezone.now() - min_age
        self.rows = Rows(scope.storage)
        self.names_are_ours = names_are_ours()
        self.fixed_names, self.fixed_plans = self._fixed()

    def batches(self, after: str = "", size: int = 0) -> Iterator[Batch]:
        """Yield the judged files in the order of the walk.

        Args:
            after: `Batch.last` of an interrupted walk; it goes on there.
            size: Files in a batch; 0: the default.

        Raises:
            PathRefused, StorageRefused, StorageFailed: as `walk_files`.
        """
        for files in _batched(self.scope.files(after), size or BATCH_FILES):
            yield Batch(self.judge(files), len(files), files[-1][0])

    def judge(self, files: Iterable[tuple[str, FileInfo]]) -> list[Judged]:
        """Return a verdict on each file, and none on a file that is neither of the two kinds."""
        recognised: dict[str, Recognised | None] = {}
        infos = {path: info for path, info in files if _is_ordinary(path)}
        for path in infos:
            rendition = recognise(path)
            if rendition or self._can_be_orphan(path) or is_in_our_folders(path):
                recognised[path] = rendition
        names = {name for each in recognised.values() if each for name in each.originals}
        shown, needed = self._looked_up(names)
        others = [path for path in recognised if path not in needed]
        named = self.rows.named(others) | self.fixed_names.keys()
        kept = named | needed
        judged = []
        for path, rendition in recognised.items():
            info, (key, field) = infos[path], _told(rendition, shown)
            verdict = (
                Verdict.NEEDED if path in kept else self._verdict(path, info, rendition, shown)
            )
            if verdict.is_doomed and self._is_young(info):
                verdict = Verdict.YOUNG
            judged.append(Judged(path, info, verdict, key, field))
        return judged

    def _verdict(
        self, path: str, info: FileInfo, rendition: Recognised | None, shown: Mapping[str, str]
    ) -> Verdict:
        """Return the verdict on a file that no row needs, whatever its age is."""
        if rendition:
            return self._of_rendition(rendition, shown)
        # Without an age, it may be an upload whose row is not committed yet.
        is_certain = info.modified is not None and not is_in_our_folders(path)
        return Verdict.ORPHAN if is_certain else Verdict.UNKNOWN

    def needed_by(self, paths: Collection[str]) -> dict[str, tuple[ShownPicture, RenditionPlan]]:
        """Return which of `paths` are renditions that a row needs now, with their plans."""
        names = {name for path in paths for name in _originals(path)}
        found = {}
        for _, shift, picture in self.rows.pictures(names):
            for plan in plans_of(picture):
                path = shift.here(plan.path)
                if path is not None and path in paths:
                    found[path] = picture, plan
        return found

    def _looked_up(self, names: Collection[str]) -> tuple[dict[str, str], set[str]]:
        """Return those of `names` that rows show by which field, and the paths that they need."""
        shown, needed = dict(self.fixed_names), set(self.fixed_plans)
        for name, shift, picture in self.rows.pictures(names):
            shown[name] = picture.field.label
            needed |= _paths(plans_of(picture), shift)
        return shown, needed

    def _of_rendition(self, rendition: Recognised, shown: Mapping[str, str]) -> Verdict:
        if not rendition.is_certain:
            return Verdict.UNKNOWN
        if any(name in shown for name in rendition.originals):
            return Verdict.UNDECLARED
        return Verdict.ABANDONED if self.names_are_ours else Verdict.UNKNOWN

    def _can_be_orphan(self, path: str) -> bool:
        uploads = self.scope.uploads
        return uploads is not None and uploads.fullmatch(posixpath.dirname(path)) is not None

    def _is_young(self, info: FileInfo) -> bool:
        if not self.min_age:
            return False
        if info.modified is None:
            # Only the age tells that the file belongs to no upload in progress.
            return True
        return info.modified > self.changed_before

    def _fixed(self) -> tuple[dict[str, str], set[str]]:
        """Return the files that fields name by these, and the renditions that they need."""
        names: dict[str, str] = {}
        needed: set[str] = set()
        for column, shift, _ in (*self.rows.naming, *self.rows.showing):
            here = map(shift.here, names_of_field(column.field))
            names |= dict.fromkeys(filter(None, here), column.label)
        for column, shift, _ in self.rows.showing:
            for name in names_of_field(column.field):
                needed |= _paths(plans_of(ShownPicture(column.field, name, CENTRE)), shift)
        return names, needed


def _told(rendition: Recognised | None, shown: Mapping[str, str]) -> tuple[str, str]:
    """Return what is told of a rendition: its key, and the label of a field that has it."""
    if rendition is None:
        return "", ""
    labels = (shown[name] for name in rendition.originals if name in shown)
    return rendition.key, next(labels, "")


def plans_of(picture: ShownPicture) -> tuple[RenditionPlan, ...]:
    """Return the plans of all declared keys: those in `warm`, and those of every named set."""
    field = picture.field
    originals, renditions = field.storages.labels
    original = Original(
        field.label,
        originals,
        picture.name,
        picture.ppoi,
        renditions=renditions,
        size=picture.size,
    )
    return plan_key_set(original, declared_keys(field), conf.style)


def declared_keys(field: VersatileImageField) -> RenditionKeySet:
    """Return all declared keys, those in `warm` first."""
    return conf.declared_key_set(tuple(dict.fromkeys((*field.warm, *conf.key_set_names()))))


def _paths(plans: Iterable[RenditionPlan], shift: Shift) -> set[str]:
    # A row can have a name like `./a.jpg`.
    paths = (shift.here(posixpath.normpath(plan.path).lstrip("/")) for plan in plans)
    return {path for path in paths if path is not None}


def _originals(path: str) -> tuple[str, ...]:
    rendition = recognise(path)
    return rendition.originals if rendition else ()


def _is_ordinary(path: str) -> bool:
    """Whether a row could name `path`. Hidden files belong to the system or to its operator."""
    if any(part.startswith(".") for part in path.split("/")):
        return False
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _batched(
    files: Iterator[tuple[str, FileInfo]], size: int
) -> Iterator[list[tuple[str, FileInfo]]]:
    while batch := list(islice(files, size)):
        yield batch
