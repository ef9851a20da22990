"""Take away the files that nothing needs, batch by batch, while uploads go on.

The rows are asked again immediately before the files are deleted, and once more after that: a row
that is saved in between may need a file that existed, and then the rendition is made again. So a
worker that adopts an old file at this moment loses nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from renditions.engine.removal import delete_renditions
from renditions.engine.warming import warm
from renditions.errors import RenditionError, StorageFailed
from renditions.storage import adapter_of

from .surveys import Judged, Survey, Verdict

# Files that are deleted after one look at the rows.
DELETE_AT_ONCE = 200

OnError = Callable[[RenditionError], None]


@dataclass(slots=True)
class Tally:
    """How many files, and how many bytes, there are of each kind."""

    files: Counter[Verdict] = field(default_factory=Counter)
    bytes: Counter[Verdict] = field(default_factory=Counter)
    deleted: int = 0
    deleted_bytes: int = 0
    failed: int = 0  # could not be deleted
    made_again: int = 0  # deleted, and needed by a row that was saved meanwhile

    def add(self, judged: Judged) -> None:
        self.files[judged.verdict] += 1
        self.bytes[judged.verdict] += judged.size

    def update(self, other: "Tally") -> None:
        """Add the numbers of `other`."""
        self.files.update(other.files)
        self.bytes.update(other.bytes)
        self.deleted += other.deleted
        self.deleted_bytes += other.deleted_bytes
        self.failed += other.failed
        self.made_again += other.made_again

    @property
    def looked_at(self) -> int:
        return self.files.total()

    @property
    def kept(self) -> int:
        """Files that stay, because they are needed, too young or unknown."""
        return self.looked_at - self.deleted - self.failed


@dataclass(frozen=True, slots=True)
class Step:
    """One batch of a prune."""

    tally: Tally
    walked: int  # files, also those that are no matter of a prune
    last: str  # path of the last file: the next step goes on after it


def prune(
    survey: Survey,
    on_error: OnError,
    *,
    dry_run: bool = False,
    after: str = "",
    size: int = 0,
) -> Iterator[Step]:
    """Take away what nothing needs, and yield what was done after each batch.

    Args:
        on_error: Called with the error of a file that cannot be deleted.
        dry_run: Only count.
        after: `Step.last` of an interrupted prune; it goes on there.
        size: Files in a batch; 0: the default.

    Raises:
        PathRefused, StorageRefused, StorageFailed: the files cannot be listed.
    """
    for batch in survey.batches(after, size):
        tally = Tally()
        for judged in batch.judged:
            tally.add(judged)
        if not dry_run:
            doomed = [each for each in batch.judged if each.verdict.is_doomed]
            _take_away(survey, doomed, tally, on_error)
        yield Step(tally, batch.walked, batch.last)


def _take_away(survey: Survey, doomed: Sequence[Judged], tally: Tally, on_error: OnError) -> None:
    for start in range(0, len(doomed), DELETE_AT_ONCE):
        part = doomed[start : start + DELETE_AT_ONCE]
        still = _judged_again(survey, part, tally)
        deleted = _delete(survey, still, tally, on_error)
        tally.deleted += len(deleted)
        tally.deleted_bytes += sum(each.size for each in deleted)
        _restore(survey, deleted, tally, on_error)


def _judged_again(survey: Survey, part: Sequence[Judged], tally: Tally) -> list[Judged]:
    """Return those of `part` that nothing needs now either."""
    # An original may have been replaced since the walk has passed.
    orphans = [each.path for each in part if each.verdict is Verdict.ORPHAN]
    infos = {each.path: each.info for each in part if each.verdict is not Verdict.ORPHAN}
    if orphans:
        infos |= adapter_of(survey.scope.storage).infos(orphans)
    now = {each.path: each for each in survey.judge(infos.items())}
    for each in part:
        if each.path not in now:
            # Somebody else has deleted it.
            tally.files[each.verdict] -= 1
            tally.bytes[each.verdict] -= each.size
        elif now[each.path].verdict is not each.verdict:
            tally.files[each.verdict] -= 1
            tally.bytes[each.verdict] -= each.size
            tally.add(now[each.path])
    return [each for each in now.values() if each.verdict.is_doomed]


def _delete(
    survey: Survey, doomed: Sequence[Judged], tally: Tally, on_error: OnError
) -> list[Judged]:
    """Delete the files and return those that are gone. One that stays does not stop the others."""
    storage = survey.scope.storage
    try:
        delete_renditions(storage, [each.path for each in doomed])
    # Clients of object stores raise errors of their own, and this module cannot import them.
    except Exception:  # noqa: BLE001
        return [each for each in doomed if _delete_one(survey, each, tally, on_error)]
    return list(doomed)


def _delete_one(survey: Survey, judged: Judged, tally: Tally, on_error: OnError) -> bool:
    try:
        delete_renditions(survey.scope.storage, [judged.path])
    except RenditionError as error:
        tally.failed += 1
        on_error(error)
        return False
    except Exception as error:  # noqa: BLE001 - as above
        tally.failed += 1
        on_error(StorageFailed(f"{judged.path}: {type(error).__name__}: {error}"))
        return False
    return True


def _restore(survey: Survey, deleted: Sequence[Judged], tally: Tally, on_error: OnError) -> None:
    """Make those renditions again that a row needs which was saved meanwhile."""
    for picture, plan in survey.needed_by({each.path for each in deleted}).values():
        report = warm(picture.field.storages, [plan])
        tally.made_again += len(report.existing)
        for error in report.failures.values():
            on_error(error)
