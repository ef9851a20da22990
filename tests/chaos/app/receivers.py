"""Receivers as a project may have them: they query, catch errors, raise, and open transactions.

They act only inside a save of `saving.py`. The seed and the number of the picture decide what they
do. Each note says whether the receiver found what it finds without us.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.core.files.base import ContentFile
from django.db import IntegrityError, connection, transaction
from django.db.models.signals import post_save, pre_save

from tests.chaos.environment import Environment
from tests.chaos.pictures import drawn
from tests.chaos.witness import Witness

from .models import Label, Picture

TAKEN = "taken"  # a label that exists
UNDONE = "undone"  # a label that is always rolled back
# The number of a picture that a receiver saves is higher by a multiple of this.
ANOTHER = 1_000_000


class Mode(StrEnum):
    """The transaction in which a view of the project saves."""

    AUTOCOMMIT = "autocommit"
    ATOMIC = "atomic"
    SAVEPOINT = "savepoint"
    REQUEST = "request"  # of ATOMIC_REQUESTS


class Stage(StrEnum):
    """When an error was raised."""

    BEFORE = "pre_save"
    AFTER = "post_save"
    HOOK = "on_commit"
    VIEW = "view"


class Fault(Exception):
    """Raised by the project on purpose."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.stage = stage


@dataclass(frozen=True, slots=True)
class Save:
    """A save whose receivers act."""

    mode: Mode
    seed: int
    again: bool  # the row was there before

    def dice(self, number: int, place: str) -> random.Random:
        """Return random numbers that are the same in every process."""
        return random.Random(f"{self.seed}/{number}/{self.again}/{place}")


@dataclass(frozen=True, slots=True)
class Moment:
    """One call of a receiver."""

    save: Save
    stage: Stage
    place: int  # 0-3: before or after our receivers, in pre_save or post_save
    dice: random.Random

    @property
    def is_committed(self) -> bool:
        """Whether the row is committed at this moment without us."""
        return self.stage is Stage.AFTER and self.save.mode is Mode.AUTOCOMMIT


Action = Callable[[Picture, Moment], None]

_save: ContextVar[Save | None] = ContextVar("save", default=None)


@contextmanager
def acting(save: Save | None) -> Iterator[None]:
    """Let the receivers act in each save of the block; None: they do nothing."""
    token = _save.set(save)
    try:
        yield
    finally:
        _save.reset(token)


def note(what: str, **more: Any) -> None:
    """Write a line for the judge."""
    Witness(Environment.of_this_process().witness).note(what, **more)


def connect(*, is_early: bool) -> None:
    """Connect one receiver to each signal, before or after those of `workers`."""
    stages = ((pre_save, Stage.BEFORE, BEFORE), (post_save, Stage.AFTER, AFTER))
    for place, (signal, stage, actions) in enumerate(stages, start=0 if is_early else 2):
        receiver = _receiver(stage, place, actions)
        signal.connect(receiver, sender=Picture, weak=False, dispatch_uid=f"chaos.{place}")


def _receiver(stage: Stage, place: int, actions: Sequence[Action]) -> Callable[..., None]:
    def act(instance: Picture, **kwargs: Any) -> None:
        save = _save.get()
        if save is None:
            return
        dice = save.dice(instance.number, f"{place}")
        # What a receiver saves has no acting receivers: no endless recursion.
        with acting(None):
            for action in dice.sample(actions, dice.choice((0, 1, 1, 2))):
                note("receiver", action=action.__name__, mode=save.mode, stage=stage)
                action(instance, Moment(save, stage, place, dice))

    return act


def _expect(kept: object, promise: str, moment: Moment) -> None:
    if not kept:
        note("receiver-fault", promise=promise, mode=moment.save.mode, stage=moment.stage)


# ---- what they do ------------------------------------------------------------------------------


def look_from_outside(picture: Picture, moment: Moment) -> None:
    """Read the row through another connection."""
    row = _from_outside(picture)
    is_seen = row is not None and tuple(row) == tuple(picture.image.ppoi)
    promise = "sees its row" if moment.is_committed else "does not see its row"
    _expect(is_seen is moment.is_committed, f"another connection {promise}", moment)


def look(picture: Picture, moment: Moment) -> None:
    """Read the row through the connection of the save."""
    is_seen = Picture.objects.filter(pk=picture.pk).exists()
    is_there = moment.save.again or moment.stage is Stage.AFTER
    _expect(is_seen is is_there, "a receiver sees the row after its write only", moment)


def catch(picture: Picture, moment: Moment) -> None:
    """Try an INSERT that fails.

    Inside a transaction a careful project uses a savepoint. Without it, the error dooms the
    transaction of the project.
    """
    is_careless = moment.save.mode is Mode.AUTOCOMMIT or moment.dice.random() < 0.3
    with suppress(IntegrityError), nullcontext() if is_careless else transaction.atomic():
        Label.objects.create(name=TAKEN)


def fail(picture: Picture, moment: Moment) -> None:
    """Raise an error, but not always: enough saves must succeed."""
    if moment.dice.random() < 0.4:
        raise Fault(moment.stage)


def fail_on_commit(picture: Picture, moment: Moment) -> None:
    def hook() -> None:
        raise Fault(Stage.HOOK)

    transaction.on_commit(hook)


def open_durable(picture: Picture, moment: Moment) -> None:
    """Open a transaction that must not be inside another one."""
    is_refused = False
    try:
        with transaction.atomic(durable=True):
            Label.objects.filter(name=TAKEN).exists()
    except RuntimeError:
        is_refused = True
    is_inside = moment.save.mode is not Mode.AUTOCOMMIT
    _expect(is_refused is is_inside, "durable=True is refused inside a transaction only", moment)


def roll_back(picture: Picture, moment: Moment) -> None:
    """Open a transaction or a savepoint, write, and roll back."""
    with suppress(Fault), transaction.atomic():
        Label.objects.create(name=f"{UNDONE} {picture.number} {moment.place}")
        raise Fault(moment.stage)


def save_again(picture: Picture, moment: Moment) -> None:
    """Save the instance with another focal point."""
    picture.image.ppoi = random_ppoi(moment.dice)
    picture.save(update_fields=moment.dice.choice((None, ["ppoi"], ["image", "ppoi"])))


def save_another(picture: Picture, moment: Moment) -> None:
    """Save another instance of a warmed model."""
    number = picture.number + ANOTHER * (1 + moment.place)
    another = new_picture(number)
    another.save()
    if moment.save.mode is Mode.AUTOCOMMIT:
        note("kept-another", number=number, pk=another.pk)


def send_task(picture: Picture, moment: Moment) -> None:
    """Send a task of the project that reads the row, as soon as the row is committed."""
    from .tasks import send_read

    if moment.is_committed:
        send_read(picture.pk)
    else:
        transaction.on_commit(lambda: send_read(picture.pk))


def wait_for_commit(picture: Picture, moment: Moment) -> None:
    """Register a hook. Outside of a transaction Django runs it at once."""
    ran: list[bool] = []

    def hook() -> None:
        ran.append(True)
        is_seen = _from_outside(picture) is not None
        is_early = moment.stage is Stage.BEFORE and moment.save.mode is Mode.AUTOCOMMIT
        _expect(is_seen or is_early, "a hook sees the committed row", moment)

    transaction.on_commit(hook)
    is_outside = moment.save.mode is Mode.AUTOCOMMIT
    _expect(bool(ran) is is_outside, "a hook runs at once outside of a transaction only", moment)


BEFORE: tuple[Action, ...] = (
    look_from_outside, look, catch, fail, open_durable, roll_back, save_another, wait_for_commit,
)  # fmt: skip
AFTER: tuple[Action, ...] = (*BEFORE, fail_on_commit, save_again, send_task)


def new_picture(number: int) -> Picture:
    # The name of the file holds the number, so each rendition tells its picture.
    return Picture(number=number, image=ContentFile(drawn(number), name=f"n{number}.jpg"))


def random_ppoi(dice: random.Random) -> tuple[float, float]:
    return round(dice.random(), 2), round(dice.random(), 2)


def _from_outside(picture: Picture) -> Any:
    """Return the focal point of the row as another connection sees it; None: no row."""

    def read() -> Any:
        try:
            rows = Picture.objects.filter(pk=picture.pk)
            return rows.values_list("ppoi", flat=True).first()
        finally:
            connection.close()

    # Another thread has another connection.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(read).result()
