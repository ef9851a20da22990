"""A save and its job are one commit, also in autocommit mode."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from django.core import serializers
from django.db import transaction
from django.db.models.signals import post_save, pre_save

from tests.app.models import Editor, Person
from workers.models import WarmJob


class Fault(Exception):
    """Raised by a receiver that runs after ours."""


@contextmanager
def failing_receiver() -> Iterator[None]:
    """Let every save of a person fail after its INSERT and after our receiver."""

    def fail(**kwargs: object) -> None:
        raise Fault

    post_save.connect(fail, sender=Person)
    try:
        yield
    finally:
        post_save.disconnect(fail, sender=Person)


@pytest.mark.django_db(transaction=True)
def test_an_inherited_field_is_enqueued_for_its_own_model(picture):
    """The picture of an editor, who is a person, has one job, for the person."""
    editor = Editor.objects.create(headshot=picture())

    job = WarmJob.objects.get()
    assert (job.model_label, job.object_pk) == ("app.Person", str(editor.pk))


@pytest.mark.django_db(transaction=True)
def test_a_deserialized_object_is_saved_with_its_job(picture):
    """Django saves it by a way of its own. The receiver that fails comes after the commit."""
    person = Person.objects.create(headshot=picture())
    text = serializers.serialize("json", [person])
    person.delete()
    [loaded] = serializers.deserialize("json", text)

    with failing_receiver(), pytest.raises(Fault):
        loaded.save()

    assert Person.objects.count() == 1
    assert WarmJob.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_vetoed_save_keeps_the_outer_transaction_usable():
    """As without this app: a project may catch the error of its receiver and go on."""

    def veto(instance: Person, **kwargs: object) -> None:
        if instance.name == "bad":
            raise Fault

    pre_save.connect(veto, sender=Person)
    try:
        with transaction.atomic():
            with suppress(Fault):
                Person.objects.create(name="bad")
            Person.objects.create(name="good")
    finally:
        pre_save.disconnect(veto, sender=Person)

    assert Person.objects.get().name == "good"
