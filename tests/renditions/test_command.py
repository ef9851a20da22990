import os
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db.models import Manager

from renditions import conf
from renditions.planning.keys import RenditionKey
from renditions.records import project_recorder
from tests.app.models import Person
from tests.conftest import four_corners

from .conftest import CountingStorage

pytestmark = pytest.mark.django_db
FIELD = "app.Person.headshot"
HEADSHOT = ["crop__120x60", "thumbnail__50x50", "crop__40x40", "filters__invert__url",
            "filters__invert__crop__30x30"]  # fmt: skip


@pytest.fixture
def person(picture):
    return Person.objects.create(name="one", headshot=picture("a.jpg"))


def run(*args, **options):
    call_command("renditions", *args, **options)


def known(person):
    plans = [person.headshot.plan(RenditionKey.parse(key)) for key in HEADSHOT]
    return len(project_recorder().recall(plans))


def test_warm_makes_what_the_field_declares(person, capsys):
    run("warm", FIELD, verbosity=0)

    assert capsys.readouterr().out == f"{FIELD}: 5 created.\n"
    assert default_storage.exists(person.headshot.crop["120x60"].name)


@pytest.mark.parametrize("args", [("-v0", "warm", FIELD), ("warm", FIELD, "-v0")])
def test_verbosity_may_stand_before_or_after_the_subcommand(person, capsys, args):
    run(*args)

    assert capsys.readouterr().out == f"{FIELD}: 5 created.\n"


def test_warm_takes_other_sets(person, capsys):
    """`--set` names one or several key sets."""
    run("warm", FIELD, "--set", "hero", "--set", "headshot", verbosity=0)

    assert capsys.readouterr().out == f"{FIELD}: 6 created.\n"


def test_warm_says_what_failed_and_exits_with_1(person, capsys):
    Person.objects.create(headshot=ContentFile(b"no picture", "bad.jpg"))

    with pytest.raises(CommandError) as caught:
        run("warm", FIELD, verbosity=0)

    assert caught.value.returncode == 1
    output = capsys.readouterr()
    assert output.out == f"{FIELD}: 5 created, 5 failed.\n"
    assert "__sized__/people/bad-thumbnail-50x50-70.jpg: The file is not a picture" in output.err


def test_warm_can_be_forced(person, capsys):
    """`--force` renders current renditions again."""
    run("warm", FIELD, verbosity=0)
    run("warm", FIELD, verbosity=0)
    run("warm", FIELD, "--force", verbosity=0)

    assert [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()] == [
        "5 created.",
        "5 current.",
        "5 created.",
    ]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("warm", "nope"), r"'nope' is not a field\. Write app.Model.field\.$"),
        (("warm", "Person.headshot"), r"is not a field\. Write app.Model.field\.$"),
        (("warm", "app.Nope.headshot"), "is not a field"),
        (("warm", "app.Person.nope"), "is not a field"),
        (("warm", "app.Person.name"), "is not a VersatileImageField"),
        (("warm", "app.Article.lead"), "declares no rendition key set"),
        (("warm", FIELD, "--set", "nope"), "No rendition key set 'nope'"),
        (("adopt", "app.Article.lead"), "declares no rendition key set"),
        (("adopt", FIELD, "--set", "nope"), "No rendition key set 'nope'"),
        (("adopt", "app.Person.name"), "is not a VersatileImageField"),
    ],
)
def test_a_wrong_call_is_refused(person, args, message):
    """The message names the fault and the remedy."""
    with pytest.raises(CommandError, match=message):
        run(*args)


@pytest.fixture
def rendered(person):
    """A picture with renditions, one of them damaged and one missing, and without records."""
    run("warm", FIELD, verbosity=0)
    path = person.headshot.crop["40x40"].name
    default_storage.delete(path)
    default_storage.save(path, ContentFile(four_corners(40, 40)[:300]))
    default_storage.delete(person.headshot.crop["120x60"].name)
    conf.cache().clear()
    return person


def test_adopt_adopts_good_files(rendered, capsys):
    """It counts missing files, and prints the reason for each refusal."""
    capsys.readouterr()

    run("adopt", FIELD)

    output = capsys.readouterr()
    assert output.out == (f"{FIELD}: 3 adopted, 1 missing, 1 refused: damaged or incomplete.\n")
    assert output.err.endswith(
        "__sized__/people/a-crop-c0-5__0-5-40x40-70.jpg: refused: damaged or incomplete\n"
    )
    assert known(rendered) == 3
    # The cache of the tests is local to this process.
    assert "Configure a shared cache first" in output.err


def test_adopt_renders_nothing(rendered, monkeypatch):
    monkeypatch.delattr("renditions.engine.warming.open_picture")

    run("adopt", FIELD)

    assert not default_storage.exists(rendered.headshot.crop["120x60"].name)


def test_a_dry_run_changes_nothing(rendered, capsys):
    """It prints the same counts."""
    capsys.readouterr()

    run("adopt", FIELD, "--dry-run")

    assert capsys.readouterr().out == (
        f"{FIELD}: 3 adopted, 1 missing, 1 refused: damaged or incomplete. "
        "(dry run: nothing was changed)\n"
    )
    assert known(rendered) == 0


def test_adopt_without_fields_adopts_for_every_field_with_warm(rendered, capsys):
    capsys.readouterr()

    run("adopt")

    assert capsys.readouterr().out.startswith(f"{FIELD}: 3 adopted")


def test_adopt_refuses_a_file_older_than_its_original(rendered, capsys):
    """It may show the picture before the original was replaced."""
    for key in HEADSHOT:
        path = Path(default_storage.path(rendered.headshot.plan(RenditionKey.parse(key)).path))
        if path.exists():
            os.utime(path, (1, 1))

    run("adopt", FIELD)

    assert "4 refused: older than the original" in capsys.readouterr().out


def test_adopt_lists_no_folder(rendered, monkeypatch, tmp_path):
    """On an object store, a list of a large folder can take minutes."""
    storage = CountingStorage(tmp_path / "media")
    monkeypatch.setattr(Person._meta.get_field("headshot"), "storage", storage)

    run("adopt", FIELD)

    assert storage.calls["listdir"] == 0
    assert storage.calls["get_modified_time"] <= 7


def test_adopt_continues_if_the_storage_does_not_answer(rendered, monkeypatch, capsys, tmp_path):
    class Away(CountingStorage):
        def exists(self, name):
            raise OSError("no route to host")

    monkeypatch.setattr(Person._meta.get_field("headshot"), "storage", Away(tmp_path / "media"))
    capsys.readouterr()

    run("adopt", FIELD)

    assert capsys.readouterr().out == f"{FIELD}: 5 refused: the storage did not answer.\n"


def test_adopt_does_not_count_empty_pictures(db, capsys):
    Person.objects.create()

    run("adopt", FIELD)

    assert capsys.readouterr().out == f"{FIELD}: no pictures.\n"


def test_adopt_continues_after_an_invalid_name(rendered, capsys):
    Person.objects.bulk_create([Person(headshot="../../x.jpg")])

    run("adopt", FIELD, "-v0")

    assert "6 missing" in capsys.readouterr().out


def test_warm_includes_rows_that_the_default_manager_hides(person, capsys, monkeypatch):
    """A default manager may return only published rows."""

    class Hiding(Manager):
        def get_queryset(self):
            return super().get_queryset().none()

    manager = Hiding()
    manager.model = Person
    monkeypatch.setitem(vars(Person._meta), "default_manager", manager)

    run("warm", FIELD, verbosity=0)

    assert capsys.readouterr().out == f"{FIELD}: 5 created.\n"
