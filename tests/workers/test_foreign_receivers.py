"""A project's receivers, forms and transactions behave as they do without us.

Each test runs the same receivers on a plain model and on a warmed one, and compares what they saw.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.core import serializers
from django.db import IntegrityError, connections, models, transaction
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.test import AsyncClient, Client

from tests.app.models import Album, Editor, Person, PlainEditor, PlainPerson
from tests.workers.concurrency import Call, run_and_close
from workers.models import WarmJob

PAIRS = [(PlainPerson, Person), (PlainEditor, Editor)]


class Fault(Exception):
    """Raised by a receiver of the project."""


@contextmanager
def receiver(signal: Any, sender: Any, function: Callable[..., None]) -> Iterator[None]:
    signal.connect(function, sender=sender, weak=False)
    try:
        yield
    finally:
        signal.disconnect(function, sender=sender)


def view_of(using: str, model: type[models.Model], pk: object) -> dict[str, Any]:
    """What a receiver can tell about the transaction that it is in."""
    connection = connections[using]
    row = model._base_manager.using(using).filter(pk=pk)
    return {
        "in a transaction": connection.in_atomic_block,
        "savepoints": len(connection.savepoint_ids),
        "to be rolled back": connection.needs_rollback if connection.in_atomic_block else False,
        "hooks": len(connection.run_on_commit),
        "the row is there": pk is not None and row.exists(),
        "others see the row": pk is not None and Call(row.all().exists).result(),
    }


def watched(model: type[models.Model], using: str, act: Callable[[], Any]) -> list[Any]:
    """Return what receivers of `model` see while `act` runs."""
    seen: list[Any] = []

    def note(signal: Any, instance: models.Model, **kwargs: Any) -> None:
        name = {pre_save: "pre_save", post_save: "post_save", post_delete: "post_delete"}[signal]
        seen.append((name, view_of(using, model, instance.pk)))
        transaction.on_commit(lambda: seen.append((name, "committed")), using=using)

    with (
        receiver(pre_save, model, note),
        receiver(post_save, model, note),
        receiver(post_delete, model, note),
    ):
        act()
    return seen


def ways_to_save(using: str) -> dict[str, Callable[[type[models.Model]], None]]:
    def plainly(model: type[models.Model]) -> None:
        instance = model(name="one", headshot="people/one.jpg")
        instance.save(using=using)
        instance.name = "two"
        instance.save(using=using)
        instance.save(using=using, update_fields=["headshot"])

    def in_atomic(model: type[models.Model]) -> None:
        with transaction.atomic(using=using):
            plainly(model)

    def in_savepoints(model: type[models.Model]) -> None:
        with transaction.atomic(using=using), transaction.atomic(using=using):
            plainly(model)
            with suppress(Fault), transaction.atomic(using=using):
                model(name="gone").save(using=using)
                raise Fault

    def in_a_fixture(model: type[models.Model]) -> None:
        instance = model(name="one", headshot="people/one.jpg")
        instance.save(using=using)
        [loaded] = serializers.deserialize("json", serializers.serialize("json", [instance]))
        loaded.save(using=using)

    def forced(model: type[models.Model]) -> None:
        instance = model(name="one", headshot="people/one.jpg")
        instance.save(using=using, force_insert=True)
        instance.save(using=using, force_update=True)

    def and_deleted(model: type[models.Model]) -> None:
        instance = model(name="one", headshot="people/one.jpg")
        instance.save(using=using)
        instance.delete(using=using)

    return {
        "plainly": plainly,
        "in atomic": in_atomic,
        "in savepoints": in_savepoints,
        "in a fixture": in_a_fixture,
        "forced": forced,
        "and deleted": and_deleted,
    }


@pytest.mark.parametrize("way", ways_to_save(""))
@pytest.mark.parametrize("pair", PAIRS, ids=["one table", "two tables"])
def test_receivers_see_what_they_see_without_us(ledger_db, pair, way):
    """Transaction, order, savepoints and visibility are those of a plain model."""
    act = ways_to_save(ledger_db)[way]
    plain, warmed = (watched(model, ledger_db, lambda model=model: act(model)) for model in pair)

    # Our own message is one more hook inside a transaction, and nothing that a receiver can see.
    for seen in (plain, warmed):
        for _, view in seen:
            if isinstance(view, dict):
                view.pop("hooks")
    assert warmed == plain


def ways_to_write(using: str) -> dict[str, Callable[[type[models.Model], Any], None]]:
    def insert(model: type[models.Model], file: Any) -> None:
        model(headshot=file).save(using=using)

    def insert_with_key(model: type[models.Model], file: Any) -> None:
        model(pk=77, headshot=file).save(using=using)

    def update(model: type[models.Model], file: Any) -> None:
        instance = model()
        instance.save(using=using)
        instance.headshot = file  # type: ignore[attr-defined]
        instance.save(using=using)

    return {"insert": insert, "insert with key": insert_with_key, "update": update}


@pytest.mark.parametrize("way", ways_to_write(""))
def test_fields_and_storages_see_what_they_see_without_us(ledger_db, picture, monkeypatch, way):
    """A field of the project may use the database in a save, and a storage may be slow.

    Outside of `atomic()` both run outside of a transaction, and so hold no lock.
    """
    connection = connections[ledger_db]

    def watched(model: type[models.Model]) -> list[Any]:
        seen: list[Any] = []
        name, image = model._meta.get_field("name"), model._meta.get_field("headshot")

        def pre_save(instance: Any, add: bool) -> str:
            with transaction.atomic(using=ledger_db, durable=True):
                seen.append(("name", add, model._base_manager.using(ledger_db).count()))
            return "from pre_save"

        def upload_to(instance: Any, filename: str) -> str:
            seen.append(("headshot", connection.in_atomic_block))
            return f"people/{filename}"

        monkeypatch.setattr(name, "pre_save", pre_save)
        monkeypatch.setattr(image, "upload_to", upload_to)
        ways_to_write(ledger_db)[way](model, picture())
        assert model._base_manager.using(ledger_db).get().name == "from pre_save"  # type: ignore[attr-defined]
        return seen

    assert watched(Person) == watched(PlainPerson)
    assert WarmJob.objects.using(ledger_db).count() == 1


def test_a_receiver_that_catches_an_error_does_not_lose_the_save(ledger_db, picture):
    """A project's receiver may try an INSERT and catch that it is there already."""
    Person(pk=1, name="taken").save(using=ledger_db)

    def insert_again(instance: Person, **kwargs: Any) -> None:
        if instance.pk != 1:
            with suppress(IntegrityError):
                Person.objects.using(ledger_db).bulk_create([Person(pk=1)])

    with receiver(post_save, Person, insert_again):
        person = Person(headshot=picture())
        person.save(using=ledger_db)

    assert Person.objects.using(ledger_db).filter(pk=person.pk).exists()
    assert WarmJob.objects.using(ledger_db).filter(object_pk=str(person.pk)).exists()


def test_a_receiver_may_open_a_durable_transaction(ledger_db, picture):
    """In autocommit a receiver is outside of any transaction."""

    def durable(**kwargs: Any) -> None:
        with transaction.atomic(using=ledger_db, durable=True):
            pass

    with receiver(post_save, Person, durable), receiver(pre_save, Person, durable):
        Person(headshot=picture()).save(using=ledger_db)

    assert WarmJob.objects.using(ledger_db).count() == 1


def test_a_receiver_that_fails_leaves_the_row_and_its_job(ledger_db, picture):
    """Without us the row is committed before `post_save`. Its job is committed with it."""

    def fail(**kwargs: Any) -> None:
        raise Fault

    with receiver(post_save, Person, fail), pytest.raises(Fault):
        Person(headshot=picture()).save(using=ledger_db)

    assert Person.objects.using(ledger_db).count() == 1
    assert WarmJob.objects.using(ledger_db).count() == 1
    assert not connections[ledger_db].in_atomic_block


def test_a_task_sent_by_a_receiver_finds_the_row(ledger_db, picture):
    """A receiver may tell another process about the row at once."""
    found: list[bool] = []

    def tell(instance: Person, **kwargs: Any) -> None:
        rows = Person.objects.using(ledger_db).filter(pk=instance.pk)
        found.append(Call(rows.exists).result())

    with receiver(post_save, Person, tell):
        Person(headshot=picture()).save(using=ledger_db)

    assert found == [True]


@pytest.mark.django_db(transaction=True)
def test_an_async_save_is_one_like_any_other(picture):
    """`asave()` enqueues as `save()` does, and its receivers are outside of a transaction."""
    seen: list[bool] = []

    def note(using: str, **kwargs: Any) -> None:
        seen.append(connections[using].in_atomic_block)

    async def save() -> None:
        await Person(headshot=picture()).asave()

    with receiver(post_save, Person, note):
        run_and_close(save())

    assert seen == [False]
    assert WarmJob.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("atomic_requests", [True, False])
def test_a_view_has_the_transaction_that_it_asked_for(settings, atomic_requests):
    """With `ATOMIC_REQUESTS` and without: a save inside a view changes nothing about it."""
    settings.ROOT_URLCONF = "tests.workers.foreign_urls"
    handler = connections["default"].settings_dict
    before, handler["ATOMIC_REQUESTS"] = handler["ATOMIC_REQUESTS"], atomic_requests
    try:
        plain, warmed = (Client().get(f"/{name}/").json() for name in ("plain", "warmed"))
    finally:
        handler["ATOMIC_REQUESTS"] = before

    assert warmed == plain == {"post_save": atomic_requests, "after": atomic_requests}


@pytest.mark.django_db(transaction=True)
def test_a_many_to_many_receiver_sees_no_transaction_of_ours():
    """`m2m_changed` runs as it does without us."""
    seen: list[bool] = []

    def note(using: str, action: str, **kwargs: Any) -> None:
        seen.append(connections[using].in_atomic_block)

    album = Album.objects.create()
    person = Person.objects.create(headshot="people/one.jpg")
    plain = PlainPerson.objects.create(headshot="people/one.jpg")
    with receiver(m2m_changed, Album.people.through, note):
        album.people.add(person)
    with receiver(m2m_changed, Album.plain_people.through, note):
        album.plain_people.add(plain)

    assert seen[: len(seen) // 2] == seen[len(seen) // 2 :]


@pytest.mark.django_db(transaction=True)
def test_an_async_view_may_save(settings):
    """The row and its job are there when the answer is."""
    settings.ROOT_URLCONF = "tests.workers.foreign_urls"

    async def ask() -> Any:
        return await AsyncClient().get("/async/")

    assert run_and_close(ask()).status_code == 200
    assert WarmJob.objects.count() == 1
