"""The pictures of the faults about deletions: everything that a project does with them.

The gallery remembers each file that could be there because of it. `leftovers` compares that with
the database and the storage.
"""

import posixpath
import time
from collections import defaultdict
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import Count, QuerySet

from renditions.planning.keys import RenditionKey
from tests.service.processes import PYTHON, Process
from workers.conf import worker_settings
from workers.models import JobState, WarmJob
from workers.targets import removal_of

from . import dying
from .app.models import Album, Photograph, Poster, Print
from .faults.kills import kill_one
from .pictures import drawn
from .run import Chaos

ALBUM = 3  # photographs in one
STEPS_PER_KILL = 30
POSTERS = 12
# At most, between two changes: the workers shall keep up with them.
PAUSE_S = 0.2
# The removal of a picture comes due while a rendition is being written for so long.
WRITES_FOR_S = 3
# A rendition that no key set declares.
UNDECLARED = RenditionKey.parse("crop__33x33")


# ---- what is done to one row -------------------------------------------------------------------


def replace(row: Any, number: int, name: str = "") -> None:
    row.number, row.image = number, ContentFile(drawn(number), name=name or f"{number}.jpg")
    row.save()


def clear(row: Any, number: int) -> None:
    row.image = ""
    row.save()


def drop(row: Any, number: int) -> None:
    row.image.delete()


def delete(row: Any, number: int) -> None:
    row.delete()


CHANGES: dict[str, Callable[[Any, int], None]] = {
    change.__name__: change for change in (replace, clear, drop, delete)
}


# ---- all of them -------------------------------------------------------------------------------


class Gallery:
    """Pictures that are shown, replaced, copied and deleted at random."""

    def __init__(self, chaos: Chaos) -> None:
        self._chaos, self._dice = chaos, chaos.dice
        # Of each original, by name: the renditions that somebody made or may have made.
        self.renditions: dict[str, set[str]] = defaultdict(set)
        # Uploads of saves that were rolled back or killed. As in every Django project, they stay.
        self.unsaved: set[str] = set()
        # Originals of a field that does not take them away, with their numbers.
        self.kept: dict[str, int] = {}
        self.reused = {"the same name": 0, "another name": 0}
        self._awaited: dict[str, bool] = {}  # names to be used again; whether during a removal
        self._dying: list[tuple[Process, int, str]] = []  # with the row and the name of the upload
        self._copying: list[Thread] = []
        self._steps = 0

    def fill(self, count: int) -> None:
        """Save `count` photographs, some of them in albums, and some prints."""
        while Photograph.objects.count() < count:
            album = Album.objects.create() if self._dice.random() < 0.2 else None
            for _ in range(ALBUM):
                self._upload(Photograph(album=album))
        for _ in range(count // 10):
            self._upload(Print())

    def change(self, rounds: int) -> None:
        """Take every action `rounds` times, in any order, and kill a process now and then."""
        actions = [*self._actions()] * rounds
        self._dice.shuffle(actions)
        for action in actions:
            action()
            self._chaos.verdict.injected += 1
            self._use_free_names()
            self._chaos.service.pause(self._dice.uniform(0, PAUSE_S))
            self._steps += 1
            if self._steps % STEPS_PER_KILL == 0:
                kill_one(self._chaos)

    def finish(self) -> None:
        """Wait for everything that this gallery has begun."""
        wait = self._chaos.service.wait
        for thread in self._copying:
            thread.join()
        wait(lambda: not any(each.runs for each, _, _ in self._dying), 60, "changes have ended")
        self._look_at_the_dead()
        wait(lambda: self._use_free_names() or not self._awaited, 40, "names can be used again")
        self._chaos.note(f"names used again: {self.reused}")

    def _actions(self) -> list[Callable[[], None]]:
        actions = [
            *(self._replace, self._clear, self._drop, self._refill, self._refill),
            *(
                self._delete,
                self._delete_several,
                self._delete_album,
                self._add,
                *[self._add_album] * 2,
            ),
            *(self._copy, self._copy, self._hang_up, self._move, self._make_undeclared),
            *(self._roll_back, self._undo, self._reuse, self._await_name, self._await_name),
            *(self._change_print, self._change_print, self._add_print, self._die),
        ]
        if connection.vendor == "postgresql":
            # On SQLite, a deletion waits for the other transaction.
            actions.append(self._copy_slowly)
        return actions

    # ---- changes that are committed

    def _replace(self) -> None:
        self._upload(self._any())

    def _clear(self) -> None:
        clear(self._any(), 0)

    def _drop(self) -> None:
        drop(self._any(), 0)

    def _refill(self) -> None:
        """Upload a picture to a row that was cleared."""
        empty = Photograph.objects.filter(image="").exclude(pk__in=self._pks_of_the_dying())
        self._upload(self._choice(empty) or Photograph())

    def _delete(self) -> None:
        self._any().delete()

    def _delete_several(self) -> None:
        pks = [self._any().pk for _ in range(ALBUM)]
        Photograph.objects.filter(pk__in=pks).delete()

    def _delete_album(self) -> None:
        busy = Photograph.objects.filter(pk__in=self._pks_of_the_dying()).values("album")
        album = self._choice(Album.objects.exclude(pk__in=busy.exclude(album=None)))
        if album:
            album.delete()

    def _add(self) -> None:
        self._upload(Photograph())

    def _add_album(self) -> None:
        album = Album.objects.create()
        for _ in range(ALBUM):
            self._upload(Photograph(album=album))

    def _copy(self) -> None:
        """Let another row show the same file, and perhaps delete the first one at once."""
        row = self._any()
        copy = Photograph(number=row.number, image=row.image.name, ppoi=row.ppoi)
        copy.save()
        self._note(copy)
        if self._dice.random() < 0.5:
            row.delete()

    def _hang_up(self) -> None:
        """Let a row of another model show the file, and delete the first one."""
        if Poster.objects.count() < POSTERS:
            row = self._any()
            Poster.objects.create(number=row.number, image=row.image.name)
            row.delete()

    def _move(self) -> None:
        row = self._any()
        row.image.ppoi = (round(self._dice.random(), 2), round(self._dice.random(), 2))
        row.save()
        self._note(row)

    def _make_undeclared(self) -> None:
        """Make a rendition as a page does that may create it."""
        row = self._any()
        # A copied row may have another focal point.
        self._note(row)
        row.image.create_on_demand = True
        for rendition in (row.image.rendition(UNDECLARED), row.image.filters.invert):
            self.renditions[row.image.name].add(rendition.name)
            str(rendition.url)

    # ---- changes that are not committed

    def _roll_back(self) -> None:
        row, number = self._any(), self._chaos.next_number()
        change = self._dice.choice([*CHANGES.values()])
        try:
            with transaction.atomic():
                change(row, number)
                raise _RolledBack
        except _RolledBack:
            if change is replace:
                self.unsaved.add(row.image.name)

    def _undo(self) -> None:
        """Replace a picture, and restore it in the same transaction."""
        row = self._any()
        number, name = row.number, row.image.name
        with transaction.atomic():
            self._upload(row)
            row.number, row.image = number, name
            row.save()

    def _die(self) -> None:
        """Let another process change a row, and be killed right before or after its commit."""
        row, number = self._any(), self._chaos.next_number()
        moment, change = self._dice.choice(dying.MOMENTS), self._dice.choice([*CHANGES])
        command = [PYTHON, "-m", dying.__name__, moment, change, str(row.pk), str(number)]
        log = self._chaos.service.folder / "dying.log"
        self._dying.append((Process(command, log), row.pk, f"photographs/{number}.jpg"))

    # ---- names that are used again

    def _reuse(self) -> None:
        """Upload a picture with the name of one that was cleared or deleted just now."""
        row = self._any(only_shown_once=True)
        name = row.image.name
        self._dice.choice((clear, drop, delete))(row, 0)
        self._upload_as(name)

    def _await_name(self) -> None:
        """Delete a picture. Its name is used again during its removal, or after it."""
        row = self._any(only_shown_once=True)
        name = row.image.name
        self._dice.choice((clear, drop, delete))(row, 0)
        self._awaited[name] = self._dice.random() < 0.5

    def _use_free_names(self) -> None:
        for name, is_during_removal in list(self._awaited.items()):
            begun = WarmJob.objects.filter(removal=removal_of(name), is_begun=True)
            if (is_during_removal and begun.exists()) or not default_storage.exists(name):
                del self._awaited[name]
                self._upload_as(name)

    def _upload_as(self, name: str) -> None:
        row = Photograph()
        self._upload(row, posixpath.basename(name))
        self.reused["the same name" if row.image.name == name else "another name"] += 1

    # ---- the field that keeps its originals

    def _add_print(self) -> None:
        self._upload(Print())

    def _change_print(self) -> None:
        row = self._choice(Print.objects.exclude(image=""))
        if row is None:
            return
        change = self._dice.choice((replace, clear, drop, delete))
        if change is replace:
            self._upload(row)
            return
        if change is drop:
            # Django deletes the original.
            del self.kept[row.image.name]
        change(row, 0)

    # ---- at the same time

    def _copy_slowly(self) -> None:
        """Copy a picture in a transaction that ends after the removal of the picture is due."""
        row, is_saved = self._any(), Event()
        thread = Thread(target=self._copy_and_wait, args=(row, is_saved))
        thread.start()
        is_saved.wait()
        row.delete()
        self._copying.append(thread)

    def _copy_and_wait(self, row: Photograph, is_saved: Event) -> None:
        try:
            with transaction.atomic():
                copy = Photograph(number=row.number, image=row.image.name, ppoi=row.ppoi)
                copy.save()
                is_saved.set()
                time.sleep(worker_settings().removal_delay_s + 3)
        finally:
            is_saved.set()
            connection.close()
        self._note(copy)

    def delete_slowly_made(self, *, and_reuse_name: bool = False) -> None:
        """Delete a picture while a worker writes a rendition. Then nothing is slow any more.

        Args:
            and_reuse_name: Another picture gets the name at once.
        """
        row = self._upload_slow()
        jobs = WarmJob.objects.filter(
            model_label=Photograph._meta.label, object_pk=row.pk, state=JobState.WARMING
        )
        self._chaos.service.wait(jobs.exists, 20, "a slow picture is being rendered")
        self._chaos.service.pause(0.3)
        row.delete()
        # The worker, which is writing, cannot delete the file afterwards.
        self._chaos.trouble(delete={"errno": "EIO", "only": "__sized__/photographs/slow"})
        if and_reuse_name:
            self._upload_as(row.image.name)
        self._chaos.verdict.injected += 1

    def _upload_slow(self) -> Photograph:
        self._chaos.trouble(write={"delay_s": WRITES_FOR_S, "only": "slow"})
        row: Photograph = self._upload(Photograph(), f"slow{self._chaos.next_number()}.jpg")
        return row

    # ---- rows and files

    def _any(self, *, only_shown_once: bool = False) -> Photograph:
        """Return a photograph with a picture, as the database has it now."""
        rows = Photograph.objects.exclude(image="").exclude(pk__in=self._pks_of_the_dying())
        if only_shown_once:
            shown = Photograph.objects.exclude(image="").values("image")
            once = shown.annotate(rows=Count("pk")).filter(rows=1).values("image")
            rows = rows.filter(image__in=once).exclude(image__in=Poster.objects.values("image"))
        return self._choice(rows) or self._upload(Photograph())

    def _choice(self, rows: QuerySet[Any]) -> Any:
        """Return one of `rows`, as the database has it now; None: there is none."""
        pks = list(rows.order_by("pk").values_list("pk", flat=True))
        return rows.model.objects.get(pk=self._dice.choice(pks)) if pks else None

    def _upload(self, row: Any, name: str = "") -> Any:
        replace(row, self._chaos.next_number(), name)
        self._note(row)
        return row

    def _note(self, row: Any) -> None:
        """Remember the files that a row shows."""
        self.renditions[row.image.name] |= {plan.path for plan in row.image.plans()}
        if isinstance(row, Print):
            self.kept[row.image.name] = row.number

    def _pks_of_the_dying(self) -> list[int]:
        """Return the rows that another process may be changing."""
        self._look_at_the_dead()
        return [pk for _, pk, _ in self._dying]

    def _look_at_the_dead(self) -> None:
        """Find out what the processes that were killed have committed."""
        for each in [each for each in self._dying if not each[0].runs]:
            self._dying.remove(each)
            _, pk, name = each
            row = Photograph.objects.filter(pk=pk).first()
            if row and row.image.name == name:
                self._note(row)
            else:
                self.unsaved.add(name)


class _RolledBack(Exception):
    pass
