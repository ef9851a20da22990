"""Take away the files that nothing needs, batch by batch, while uploads go on.

The rows are asked again immediately before the files are deleted, and once more after that: a row
that is saved in between may need a file that existed, and then the rendition is made again. So a
worker that adopts an old file at this moment loses nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from renditions.engine.removal import delete_renditions
from renditions.engine.warming import warm_without_recheck
from renditions.errors import RenditionError, SourceMissing, StorageFailed
from renditions.storage import adapter_of

from .surveys import Judged, Survey, Verdict

# Files that are deleted after one look at the rows. Originals cannot be made again: on a storage
# that overwrites files, an upload in between could get the name of one.
DELETE_AT_ONCE = {Verdict.ORPHAN: 20, Verdict.UNDECLARED: 200, Verdict.ABANDONED: 200}

OnError = Callable[[RenditionError], None]


@dataclass(slots=True)
class Tally:
    """How many files, and how many bytes, there are of each kind."""

    files: Counter[Verdict] = field(default_factory=Counter)
    bytes: Counter[Verdict] = field(default_factory=Counter)
    deleted: int = 0
    deleted_bytes: int = 0
    failed: int = 0  # could not be deleted
    not_walked: int = 0  # storages that cannot be listed
    made_again: int = 0  # deleted, and needed by a row that was saved meanwhile

    def add(self, judged: Judged) -> None:
        self.files[judged.verdict] += 1
        self.bytes[judged.verdict] += judged.size

    def remove(self, judged: Judged) -> None:
        """Undo `add`."""
        self.files[judged.verdict] -= 1
        self.bytes[judged.verdict] -= judged.size

    def update(self, other: "Tally") -> None:
        """Add the numbers of `other`."""
        self.files.update(other.files)
        self.bytes.update(other.bytes)
        self.deleted += other.deleted
        self.deleted_bytes += other.deleted_bytes
        self.failed += other.failed
        self.not_walked += other.not_walked
        self.made_again += other.made_again

    @property
    def looked_at(self) -> int:
        return self.files.total() + self.not_walked

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
    interrupts: tuple[type[Exception], ...] = (),
) -> Iterator[Step]:
    """Take away what nothing needs, and yield what was done after each batch.

    Args:
        on_error: Called with the error of a file that cannot be deleted.
        dry_run: Only count.
        after: `Step.last` of an interrupted prune; it goes on there.
        size: Files in a batch; 0: the default.
        interrupts: Exceptions that end the call. Any other one only keeps a file.

    Raises:
        PathRefused, StorageRefused, StorageFailed: the files cannot be listed.
        one of `interrupts`.
    """
    taking = _Taking(survey, on_error, interrupts)
    for batch in survey.batches(after, size):
        tally = Tally()
        for judged in batch.judged:
            tally.add(judged)
        if not dry_run:
            doomed = [each for each in batch.judged if each.verdict.is_doomed]
            taking.take_away(doomed, tally)
        yield Step(tally, batch.walked, batch.last)


@dataclass(frozen=True, slots=True)
class _Taking:
    """Takes away files of one survey."""

    survey: Survey
    on_error: OnError
    interrupts: tuple[type[Exception], ...] = ()

    def take_away(self, doomed: Sequence[Judged], tally: Tally) -> None:
        for verdict, size in DELETE_AT_ONCE.items():
            files = [each for each in doomed if each.verdict is verdict]
            for start in range(0, len(files), size):
                self._take_away(files[start : start + size], tally)

    def _take_away(self, part: Sequence[Judged], tally: Tally) -> None:
        deleted = self._delete(self._judged_again(part, tally), tally)
        tally.deleted += len(deleted)
        tally.deleted_bytes += sum(each.size for each in deleted)
        self._restore(deleted, tally)
        orphans = {each.path for each in deleted if each.verdict is Verdict.ORPHAN}
        for path in self.survey.rows.named(orphans):
            self.on_error(SourceMissing(f"{path}: a row was saved while the file was deleted."))

    def _judged_again(self, part: Sequence[Judged], tally: Tally) -> list[Judged]:
        """Return those of `part` that nothing needs now either."""
        # An original may have been replaced since the walk has passed.
        orphans = [each.path for each in part if each.verdict is Verdict.ORPHAN]
        infos = {each.path: each.info for each in part if each.verdict is not Verdict.ORPHAN}
        if orphans:
            infos |= adapter_of(self.survey.scope.storage).infos(orphans)
        now = {each.path: each for each in self.survey.judge(infos.items())}
        for each in part:
            tally.remove(each)
            # A missing one was deleted by somebody else.
            if each.path in now:
                tally.add(now[each.path])
        return [each for each in now.values() if each.verdict.is_doomed]

    def _delete(self, doomed: Sequence[Judged], tally: Tally) -> list[Judged]:
        """Delete the files and return those that are gone. One that stays stops no other."""
        try:
            delete_renditions(self.survey.scope.storage, [each.path for each in doomed])
        except self.interrupts:
            raise
        # Clients of object stores raise errors of their own, and this module cannot import them.
        except Exception:  # noqa: BLE001
            return [each for each in doomed if self._delete_one(each, tally)]
        return list(doomed)

    def _delete_one(self, judged: Judged, tally: Tally) -> bool:
        try:
            delete_renditions(self.survey.scope.storage, [judged.path])
        except self.interrupts:
            raise
        except RenditionError as error:
            self.on_error(error)
        except Exception as error:  # noqa: BLE001 - as above
            self.on_error(StorageFailed(f"{judged.path}: {type(error).__name__}: {error}"))
        else:
            return True
        tally.failed += 1
        return False

    def _restore(self, deleted: Sequence[Judged], tally: Tally) -> None:
        """Make those renditions again that a row needs which was saved meanwhile."""
        needed = self.survey.needed_by({each.path for each in deleted})
        for picture, plan in needed.values():
            report = warm_without_recheck(
                picture.field.storages, [plan], interrupts=self.interrupts
            )
            tally.made_again += len(report.existing)
            for error in report.failures.values():
                self.on_error(error)
