"""From an instance to the target of its job and back, signatures, and databases with a ledger."""

import pytest

from renditions.imaging.sizers import Crop, Thumbnail
from renditions.planning.keys import InvalidSizeKey
from tests.app.models import Article, Author, Editor, Person
from tests.workers.conftest import enqueue_unsent
from workers import recovery
from workers.targets import (
    JobTarget,
    all_warmed_fields,
    databases_with_ledger,
    declares_the_same,
    field_of,
    image_of,
    planned_paths,
    signature,
    target_of,
    warmed_fields,
)

HEADSHOT = Person._meta.get_field("headshot")


def target(**changes: str) -> JobTarget:
    values = {"model_label": "app.Person", "object_pk": "1", "field_name": "headshot", **changes}
    return JobTarget("default", **values)


# ---- fields ------------------------------------------------------------------------------------


def test_only_fields_with_warm_are_found():
    assert warmed_fields(Person) == (HEADSHOT,)
    assert warmed_fields(Article) == ()


def test_a_child_has_the_field_of_its_parent():
    assert warmed_fields(Editor) == (HEADSHOT,)


def test_an_inherited_field_is_listed_once():
    assert list(all_warmed_fields()).count(HEADSHOT) == 1


@pytest.mark.parametrize(
    "changes",
    [{"model_label": "app.Gone"}, {"field_name": "gone"}, {"field_name": "name"}],
    ids=["model", "field", "other kind of field"],
)
def test_a_field_that_the_code_no_longer_has_is_none(db, changes):
    assert field_of(target(**changes)) is None
    assert image_of(target(**changes)) is None


# ---- instances ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Person, Editor, Author])
def test_the_target_is_that_of_the_model_that_declares_the_field(db, picture, model):
    instance = model.objects.create(headshot=picture())

    found = target_of(instance, HEADSHOT, "default")

    assert found == target(object_pk=str(instance.pk))
    assert image_of(found).name == instance.headshot.name


def test_an_instance_that_is_deleted_has_no_image(db):
    assert image_of(target(object_pk="404")) is None


def test_the_image_is_the_committed_one(db, picture):
    person = Person.objects.create(headshot=picture())
    person.headshot = "people/other.jpg"

    assert image_of(target(object_pk=str(person.pk))).name != "people/other.jpg"


def test_planned_paths_are_those_of_all_instances_with_the_original(db, picture):
    """A copied instance may have another focal point."""
    person = Person.objects.create(headshot=picture())
    [original] = {plan.original for plan in person.headshot.plans()}
    own = {plan.path for plan in person.headshot.plans()}
    Person.objects.create(headshot=person.headshot.name, headshot_ppoi=(0.0, 1.0))

    paths = planned_paths(original, "default")

    assert own < paths
    assert planned_paths(original, "default") == paths
    Person.objects.all().delete()
    assert planned_paths(original, "default") == set()


# ---- signatures --------------------------------------------------------------------------------


def test_a_signature_changes_with_the_picture_and_the_declaration_stays(db, picture):
    first, second = (Person.objects.create(headshot=picture()).headshot for _ in range(2))

    of_first, of_second = (signature(HEADSHOT, image.plans()) for image in (first, second))

    assert of_first != of_second
    assert declares_the_same(of_first, HEADSHOT)
    assert declares_the_same(of_second, HEADSHOT)


def test_a_signature_of_other_keys_is_another_declaration(settings, configure):
    before = signature(HEADSHOT)
    sets = settings.RENDITIONS["KEY_SETS"]
    configure(KEY_SETS={**sets, "headshot": [("wide", "crop__90x30")]})

    assert not declares_the_same(before, HEADSHOT)


def test_a_declaration_follows_the_registry(configure, registry):
    """A module of the project may register a sizer after the first save, or replace one."""
    configure(KEY_SETS={"headshot": [("wide", "looking__90x30")]})
    with pytest.raises(InvalidSizeKey):
        signature(HEADSHOT)
    registry.register_sizer("looking", Crop)
    before = signature(HEADSHOT)
    assert declares_the_same(before, HEADSHOT)

    registry.unregister_sizer("looking")
    registry.register_sizer("looking", Thumbnail)

    assert not declares_the_same(before, HEADSHOT)


def test_a_blank_signature_stands_for_any_declaration():
    assert declares_the_same("", HEADSHOT)


# ---- databases ---------------------------------------------------------------------------------


class NoLedgerThere:
    """A router that does not migrate the ledger to one database."""

    def allow_migrate(self, db, app_label, **hints):
        return not (db == "sqlite" and app_label == "rendition_workers")


@pytest.mark.parametrize("ledger_db", ["sqlite"], indirect=True)
@pytest.mark.django_db(transaction=True)
def test_a_database_without_a_ledger_is_not_swept(broker, ledger_db, settings):
    enqueue_unsent(2, ledger_db)
    settings.DATABASE_ROUTERS = [NoLedgerThere()]

    assert list(databases_with_ledger()) == ["default"]
    assert recovery.sweep() == 0
