"""A storage of their own for renditions: private originals, public renditions."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage

from renditions import conf
from renditions.checks import check_fields, check_storages
from renditions.engine.adoption import Verdict, adopt
from renditions.engine.status import Look, are_current, survey
from renditions.engine.warming import warm
from renditions.image_warmer import VersatileImageFieldWarmer
from renditions.storage import Storages
from tests.app.models import Card, Person
from tests.conftest import four_corners

pytestmark = pytest.mark.django_db


@pytest.fixture
def public(settings, tmp_path):
    """The storage of all renditions."""
    settings.STORAGES = {
        **settings.STORAGES,
        "public": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "public", "base_url": "https://cdn.test/"},
        },
    }
    settings.RENDITIONS = {**settings.RENDITIONS, "STORAGE": "public"}
    return FileSystemStorage(tmp_path / "public")


@pytest.fixture
def person(picture_file):
    return Person.objects.create(headshot=picture_file)


@pytest.fixture
def picture_file():
    return ContentFile(four_corners(320, 200), "one.jpg")


def files_of(storage, folder=""):
    folders, files = storage.listdir(folder)
    return sorted(
        [*(f"{folder}{file}" for file in files)]
        + [path for name in folders for path in files_of(storage, f"{folder}{name}/")]
    )


def paths_of(image):
    return sorted(plan.path for plan in image.plans())


def test_renditions_are_made_on_their_storage_at_the_same_paths(person, settings, public):
    image = person.headshot
    report = warm(image.storages, image.plans())

    assert not report.failures
    assert [path for path in files_of(public) if "unfinished" not in path] == paths_of(image)
    assert not any(image.storage.exists(path) for path in paths_of(image))
    settings.RENDITIONS = {**settings.RENDITIONS, "STORAGE": None}
    assert paths_of(image) == sorted(plan.path for plan in report.existing)


def test_a_page_links_to_their_storage(person, public):
    """Creation on demand, too: the first access makes the file there."""
    image = person.headshot
    image.create_on_demand = True

    url = image.crop["40x40"].url

    assert url.startswith("https://cdn.test/__sized__/people/one")
    assert public.exists(image.crop["40x40"].name)
    assert not image.url.startswith("https://cdn.test/")
    assert not image.storage.exists(image.crop["40x40"].name)


def test_records_adoption_and_status_know_it(person, public):
    image = person.headshot
    warm(image.storages, image.plans())
    conf.cache().clear()

    assert set(adopt(image.storages, image.plans(), dry_run=False).values()) == {Verdict.ADOPTED}
    assert all(status.is_made for status in survey(image.storages, image.plans()))
    assert are_current(image.storages, image.plans(), Look.FILES)
    public.delete(paths_of(image)[0])
    assert not are_current(image.storages, image.plans(), Look.FILES)
    # The same path on the storage of the originals has a record of its own.
    assert not are_current(Storages.both_on(image.storage), image.plans(), Look.FILES)


def test_deletion_takes_the_renditions_and_not_the_original(person, public):
    image = person.headshot
    warm(image.storages, image.plans())

    image.delete_all_created_images()

    assert not [path for path in files_of(public) if "unfinished" not in path]
    assert image.storage.exists(image.name)


def test_the_warmer_uses_it(person, public):
    made, failed = VersatileImageFieldWarmer(person, "headshot", "headshot").warm()

    assert made
    assert not failed
    assert all(map(public.exists, paths_of(person.headshot)))


def test_renditions_of_a_placeholder_are_on_it(public, settings):
    """The placeholder itself stays with the originals."""
    field = Card._meta.get_field("back")
    key_set = Person._meta.get_field("headshot").declared_key_set()

    report = field.warm_placeholder(key_set)

    assert report.existing
    assert all(public.exists(plan.path) for plan in report.existing)
    assert field.storage.exists(field.placeholder_image_name)
    assert not public.exists(field.placeholder_image_name)


@pytest.mark.parametrize("form", ["alias", "storage", "function"])
def test_a_field_may_have_one_of_its_own(person, settings, public, monkeypatch, form):
    settings.RENDITIONS = {**settings.RENDITIONS, "STORAGE": None}
    own = InMemoryStorage()
    given = {"alias": "public", "storage": own, "function": lambda: own}[form]
    field = Person._meta.get_field("headshot")
    monkeypatch.setattr(field, "chosen_rendition_storage", given)

    report = warm(person.headshot.storages, person.headshot.plans())

    used = public if form == "alias" else own
    assert not report.failures
    assert all(used.exists(plan.path) for plan in report.existing)


def test_it_is_in_no_migration(monkeypatch):
    """It changes no column."""
    field = Person._meta.get_field("headshot")
    monkeypatch.setattr(field, "chosen_rendition_storage", "public")

    assert "rendition_storage" not in field.deconstruct()[3]


def test_an_unknown_alias_is_an_error_of_check(settings, monkeypatch):
    settings.RENDITIONS = {**settings.RENDITIONS, "STORAGE": "nowhere"}
    assert [message.id for message in check_storages(None)] == ["renditions.E018"]

    settings.RENDITIONS = {**settings.RENDITIONS, "STORAGE": None}
    monkeypatch.setattr(Person._meta.get_field("headshot"), "chosen_rendition_storage", "nowhere")
    assert [message.id for message in check_fields(None)] == ["renditions.E018"]
    assert not check_storages(None)


def test_two_originals_with_one_rendition_are_a_warning(settings, public, monkeypatch):
    assert not check_storages(None)

    monkeypatch.setattr(Card._meta.get_field("note"), "storage", InMemoryStorage())

    [message] = check_storages(None)
    assert message.id == "renditions.W019"
    assert "app.Card.note" in message.msg
