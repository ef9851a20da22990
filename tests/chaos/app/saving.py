"""Views of the project that save a picture while its receivers act.

A note `tried` comes before each save. A note after it has the result that Django guarantees: the
change is `kept` or `gone`. If the process is killed in between, both are possible.
"""

from contextlib import suppress

from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.http import HttpRequest, HttpResponse, JsonResponse

from . import receivers
from .models import Picture
from .receivers import Fault, Mode, Save, Stage, acting, note

# This module is imported after the start of all apps: these receivers run after ours.
receivers.connect(is_early=False)

UNDONE_SHARE = 0.1  # of the transactions that the view itself rolls back


@transaction.non_atomic_requests
def save(request: HttpRequest, mode: str, seed: int, number: int) -> HttpResponse:
    """Save picture `number` in autocommit, or in a transaction of the view."""
    picture, how = _tried(Mode(mode), seed, number)
    ways = {Mode.AUTOCOMMIT: _plainly, Mode.ATOMIC: _in_atomic, Mode.SAVEPOINT: _in_savepoint}
    with acting(how), suppress(Fault, TransactionManagementError):
        ways[how.mode](picture, how)
    return JsonResponse({})


def save_in_request(request: HttpRequest, seed: int, number: int) -> HttpResponse:
    """Save picture `number` in the transaction of the request, which commits after this view."""
    picture, how = _tried(Mode.REQUEST, seed, number)
    with acting(how):
        is_kept = _inside(picture, how)
    return JsonResponse({"is_kept": is_kept, "ppoi": picture.image.ppoi})


def _tried(mode: Mode, seed: int, number: int) -> tuple[Picture, Save]:
    known = Picture.objects.filter(number=number).first()
    how = Save(mode, seed, again=known is not None)
    picture = known or receivers.new_picture(number)
    picture.image.ppoi = receivers.random_ppoi(how.dice(number, "ppoi"))
    note("tried", number=number, mode=mode)
    return picture, how


def _plainly(picture: Picture, how: Save) -> None:
    try:
        picture.save()
    except Fault as fault:
        _gone(picture) if fault.stage is Stage.BEFORE else _kept(picture)
    except Exception as error:
        _surprised(how, error)
        raise
    else:
        _kept(picture)


def _in_atomic(picture: Picture, how: Save) -> None:
    try:
        with transaction.atomic():
            is_kept = _inside(picture, how)
    except Fault as fault:
        # Hooks run after the commit.
        is_kept = fault.stage is Stage.HOOK
    if is_kept:
        _kept(picture)


def _in_savepoint(picture: Picture, how: Save) -> None:
    """Save in a savepoint; a failed one is rolled back, and the transaction commits."""
    is_kept = False
    try:
        with (
            transaction.atomic(),
            suppress(Fault, TransactionManagementError),
            transaction.atomic(),
        ):
            is_kept = _inside(picture, how)
    except Fault:
        # A hook, after the commit.
        pass
    if is_kept:
        _kept(picture)


def _inside(picture: Picture, how: Save) -> bool:
    """Save inside a transaction; return whether the transaction can commit it."""
    try:
        picture.save()
        if how.dice(picture.number, "view").random() < UNDONE_SHARE:
            raise Fault(Stage.VIEW)
    except Exception as error:
        _gone(picture)
        # A receiver that catches an error of the database dooms the transaction.
        if not isinstance(error, (Fault, TransactionManagementError)):
            _surprised(how, error)
        raise
    if connection.needs_rollback:
        _gone(picture)
        return False
    return True


def _kept(picture: Picture) -> None:
    note("kept", number=picture.number, ppoi=picture.image.ppoi)


def _gone(picture: Picture) -> None:
    note("gone", number=picture.number)


def _surprised(how: Save, error: Exception) -> None:
    note("surprise", mode=how.mode, error=f"{type(error).__name__}: {error}"[:200])
