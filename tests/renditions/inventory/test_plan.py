"""`manage.py renditions plan`: what is there, what will be made, what can be taken away."""

import json
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import CommandError, call_command

from renditions.engine.warming import warm
from renditions.inventory import forecasts
from renditions.planning.keys import RenditionKey
from tests.app.models import Person

pytestmark = pytest.mark.django_db
FIELD = "app.Person.headshot"
NOTHING = {"files": 0, "bytes": 0}


def make(image, *keys):
    plans = [image.plan(RenditionKey.parse(key)) for key in keys]
    warm(image.storages, plans)
    return [plan.path for plan in plans]


@pytest.fixture
def plan(capsys):
    """A function that returns the document by label, and each of its keys by name."""

    def call(*labels):
        capsys.readouterr()
        call_command("renditions", "plan", *(labels or [FIELD]), "--json")
        document = json.loads(capsys.readouterr().out)
        assert document["errors"] == []
        return {
            each["label"]: {**each, "keys": {line["key"]: line for line in each["keys"]}}
            for each in document["fields"]
        }

    return call


def size_of(storage, *paths):
    return sum(storage.size(path) for path in paths)


def test_what_is_there_and_what_is_missing(media, picture, files, plan):
    people = [Person.objects.create(headshot=picture(f"{name}.jpg")) for name in "abc"]
    crops = [path for one in people[:2] for path in make(one.headshot, "crop__40x40")]
    before = files()

    found = plan()[FIELD]

    assert found["pictures"] == 3
    assert found["sampled"] == 3
    assert found["unreadable"] == 0
    crop, large = found["keys"]["crop__40x40"], found["keys"]["crop__120x60"]
    assert crop["kept"] == {"files": 2, "bytes": size_of(media, *crops)}
    assert crop["to_make"]["files"] == 1
    assert large["kept"] == NOTHING
    assert large["to_make"]["files"] == 3
    assert all(line["to_take_away"] == NOTHING for line in found["keys"].values())
    assert files() == before  # nothing was written


def test_the_estimate_is_what_the_renditions_have_when_they_are_made(media, picture, plan):
    """All pictures are in the sample, so it is exact."""
    people = [Person.objects.create(headshot=picture(f"{name}.png")) for name in "abc"]
    foreseen = plan()[FIELD]["keys"]
    for person in people:
        warm(person.headshot.storages, person.headshot.plans())
    made = plan()[FIELD]["keys"]

    for key in ("crop__120x60", "thumbnail__50x50", "filters__invert__crop__30x30"):
        assert foreseen[key]["to_make"]["files"] == made[key]["kept"]["files"] == 3
        assert foreseen[key]["to_make"]["bytes"] == made[key]["kept"]["bytes"] > 0
        assert foreseen[key]["to_make"]["cpu_s"] > 0
        assert made[key]["to_make"] == {"files": 0, "bytes": 0, "cpu_s": 0}


def test_an_estimate_is_scaled_from_the_sample(picture, plan, monkeypatch):
    monkeypatch.setattr(forecasts, "SAMPLE_PICTURES", 2)
    one = Person.objects.create(headshot=picture("a.png"))
    names = [f"people/{number}.png" for number in range(9)]
    for name in names:
        default_storage.save(name, picture("a.png"))
    Person.objects.bulk_create(Person(headshot=name) for name in names)

    found = plan()[FIELD]
    warm(one.headshot.storages, one.headshot.plans())
    path = one.headshot.plan(RenditionKey.parse("crop__40x40")).path

    assert found["sampled"] == 2
    assert found["keys"]["crop__40x40"]["to_make"]["files"] == 10
    assert found["keys"]["crop__40x40"]["to_make"]["bytes"] == 10 * default_storage.size(path)


def test_a_changed_key_set_says_what_goes_and_what_comes(media, picture, configure, plan):
    person = Person.objects.create(headshot=picture("a.jpg"))
    warm(person.headshot.storages, person.headshot.plans())
    old = [each.path for each in person.headshot.plans() if str(each.key) == "crop__40x40"]
    configure(KEY_SETS={"headshot": [("a", "crop__44x44"), ("b", "thumbnail__50x50")]})

    keys = plan()[FIELD]["keys"]

    assert keys["crop__44x44"]["to_make"]["files"] == 1
    assert keys["thumbnail__50x50"]["kept"]["files"] == 1
    assert keys["crop__40x40"]["to_take_away"] == {"files": 1, "bytes": size_of(media, *old)}
    gone = {"crop__40x40", "crop__120x60", "filters__invert__url", "filters__invert__crop__30x30"}
    assert {key for key in keys if keys[key]["to_take_away"]["files"]} == gone
    assert not any(keys[key]["to_make"]["files"] for key in gone)


def test_a_moved_focal_point_is_told_under_its_key(media, picture, plan):
    person = Person.objects.create(headshot=picture("a.jpg"))
    make(person.headshot, "crop__40x40", "thumbnail__50x50")
    Person.objects.update(headshot_ppoi="0.1x0.1")

    keys = plan()[FIELD]["keys"]

    assert keys["crop__40x40"]["to_take_away"]["files"] == 1
    assert keys["crop__40x40"]["to_make"]["files"] == 1
    assert keys["thumbnail__50x50"]["kept"]["files"] == 1


def test_keys_of_sets_that_the_field_does_not_warm_are_made_by_nobody(media, picture, plan):
    person = Person.objects.create(headshot=picture("a.jpg"))
    before = plan()[FIELD]["keys"]["thumbnail__100x100"]
    make(person.headshot, "thumbnail__100x100")
    after = plan()[FIELD]["keys"]["thumbnail__100x100"]

    assert before["warmed"] is after["warmed"] is False
    assert before["to_make"]["files"] == 0
    assert after["kept"]["files"] == 1


def test_a_changed_encoding_has_to_be_made_again(picture, configure, plan):
    """The file has the same path, and the record tells that other options made it."""
    person = Person.objects.create(headshot=picture("a.jpg"))
    make(person.headshot, "crop__40x40")
    assert plan()[FIELD]["keys"]["crop__40x40"]["kept"]["files"] == 1

    configure(PROGRESSIVE_JPEG=True)

    assert plan()[FIELD]["keys"]["crop__40x40"]["to_make"]["files"] == 1


def test_renditions_without_an_original_are_told_apart(media, picture, plan):
    person = Person.objects.create(headshot=picture("a.jpg"))
    make(person.headshot, "crop__40x40")
    Person.objects.all().delete()

    found = plan()

    assert found[FIELD]["pictures"] == 0
    gone = found["original is gone, storage default"]
    assert gone["keys"]["crop__40x40"]["to_take_away"]["files"] == 1


def test_rows_that_share_a_picture_count_once(picture, plan):
    person = Person.objects.create(headshot=picture("a.jpg"))
    Person.objects.bulk_create(
        [Person(headshot=person.headshot.name), Person(headshot=person.headshot.name)]
    )
    Person.objects.filter(pk=person.pk).update(headshot_ppoi="0.1x0.1")

    found = plan()[FIELD]

    assert found["pictures"] == 1
    assert found["keys"]["thumbnail__50x50"]["to_make"]["files"] == 1
    assert found["keys"]["crop__40x40"]["to_make"]["files"] == 2


def test_a_broken_picture_makes_the_sample_smaller(picture, plan):
    Person.objects.create(headshot=ContentFile(b"no picture", "bad.jpg"))
    broken = plan()[FIELD]
    assert broken["unreadable"] == 1
    assert broken["keys"]["crop__40x40"]["to_make"] == {"files": 1, "bytes": None, "cpu_s": None}

    Person.objects.create(headshot=picture("a.jpg"))
    found = plan()[FIELD]

    assert (found["sampled"], found["unreadable"]) == (2, 1)
    assert found["keys"]["crop__40x40"]["to_make"]["bytes"] > 0


def test_hidden_keys_are_counted_together(picture, configure, plan):
    configure(FILENAME_PROCESSOR="renditions.compat.processors.md5_16")
    person = Person.objects.create(headshot=picture("a.jpg"))
    make(person.headshot, "crop__9x9", "thumbnail__8x8", "crop__40x40")

    keys = plan()[FIELD]["keys"]

    assert keys["crop__40x40"]["kept"]["files"] == 1
    assert keys[forecasts.HIDDEN_KEY]["to_take_away"]["files"] == 2


def test_any_number_of_keys_takes_a_bounded_number_of_lines(picture, plan, monkeypatch):
    """A page can ask for any size on demand."""
    monkeypatch.setattr(forecasts, "MOST_KEYS", 12)
    person = Person.objects.create(headshot=picture("a.jpg"))
    make(person.headshot, *(f"crop__{side}x9" for side in range(1, 8)))

    keys = plan()[FIELD]["keys"]

    assert len(keys) == 13
    assert sum(line["to_take_away"]["files"] for line in keys.values()) == 7
    assert keys[forecasts.OTHER_KEYS]["to_take_away"]["files"] == 5


def test_the_table_says_the_same(picture, capsys):
    person = Person.objects.create(headshot=picture("a.jpg"))
    make(person.headshot, "crop__40x40", "crop__9x9")
    capsys.readouterr()

    call_command("renditions", "plan", FIELD)

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{FIELD}: 1 pictures"
    rows = {line.split()[0]: line.split()[1:] for line in lines[2:]}
    assert rows["crop__40x40"][0] == "1"
    assert rows["crop__40x40"][-2:] == ["-", "-"]
    assert rows["crop__9x9"][:2] == ["-", "-"]
    assert rows["crop__120x60"][-2:] == ["CPU)", "-"]
    assert lines[-1] == "  The estimate is from 1 pictures."


def test_all_fields_are_planned_by_default(picture, plan, capsys):
    Person.objects.create(headshot=picture("a.jpg"))
    call_command("renditions", "plan", "--json")

    labels = [each["label"] for each in json.loads(capsys.readouterr().out)["fields"]]
    assert {FIELD, "app.Card.back", "app.Article.lead"} < set(labels)


class Silent(FileSystemStorage):
    def exists(self, name):
        raise OSError("no route to host")

    listdir = exists


def test_a_storage_that_does_not_answer_is_named(picture, monkeypatch, capsys, tmp_path):
    person = Person.objects.create(headshot=picture("a.jpg"))
    monkeypatch.setattr(Person._meta.get_field("headshot"), "storage", Silent(Path(tmp_path)))

    with pytest.raises(CommandError) as caught:
        call_command("renditions", "plan", FIELD)

    assert person.pk
    assert caught.value.returncode == 1
    assert "no route to host" in capsys.readouterr().err
