"""What the old package pickled, into caches for example, loads in this one."""

import shutil

import pytest

from .test_comparison import new_project, run, with_alias

OLD_SIDE = """
import pickle
from pathlib import Path
import django; django.setup()
from django.core.files.base import ContentFile
from django.core.management import call_command
call_command("migrate", verbosity=0)
from shop.people.models import Person
from versatileimagefield.datastructures.filteredimage import DummyFilter
person = Person(name_first="a")
person.headshot.save("a.jpg", ContentFile(Path("pictures/landscape.jpg").read_bytes()), save=False)
person.headshot.ppoi = (0.25, 0.75)
person.save()
image = Person.objects.get().headshot
things = {
    "instance": Person.objects.get(),
    "queryset": Person.objects.all(),
    "image": image,
    "size": image.crop["33x44"],
    "own size": image.letterbox["33x44"],
    "filtered": image.filters.invert,
    "own filtered": image.filters.grey,
    "filtered size": image.filters.grey.crop["33x44"],
    "sizer": image.thumbnail,
    "own sizer": image.letterbox,
    "filters": image.filters,
    "dummy": DummyFilter(),
    "field": Person._meta.get_field("headshot"),
    "ppoi": image.ppoi,
    "empty": Person().badge,
}
for protocol in (2, 5):
    data = {name: pickle.dumps(thing, protocol) for name, thing in things.items()}
    Path(f"things.{protocol}").write_bytes(pickle.dumps(data))
"""

NEW_SIDE = """
import pickle, sys
from pathlib import Path
import django; django.setup()
from shop.people.models import Person
image = Person.objects.get().headshot
for protocol in (2, 5):
    data = pickle.loads(Path(f"things.{protocol}").read_bytes())
    things = {}
    for name, pickled in data.items():
        try:
            things[name] = pickle.loads(pickled)
        except Exception as error:
            sys.exit(f"{name}: {type(error).__name__}: {error}")
    for loaded in (things["instance"], things["queryset"][0]):
        assert loaded == Person.objects.get()
        assert loaded.headshot.ppoi == (0.25, 0.75) == loaded.headshot_ppoi
        assert loaded.headshot.crop["33x44"].url == image.crop["33x44"].url
        loaded.save()
    assert things["image"].name == image.name
    assert Person(headshot=things["image"]).headshot.crop["9x9"].url
    for name, wanted in {
        "size": image.crop["33x44"],
        "own size": image.letterbox["33x44"],
        "filtered": image.filters.invert,
        "own filtered": image.filters.grey,
        "filtered size": image.filters.grey.crop["33x44"],
    }.items():
        assert (things[name].name, things[name].url) == (wanted.name, wanted.url), name
        assert str(things[name]) == wanted.url
        things[name].clear_cache()
        assert things[name].storage.exists(things[name].name)
        again = pickle.loads(pickle.dumps(things[name]))
        assert again.url == wanted.url
    assert things["filtered"].crop["33x44"].url == image.filters.invert.crop["33x44"].url
    assert things["sizer"]["33x44"].url == image.thumbnail["33x44"].url
    assert things["own sizer"]["33x44"].url == image.letterbox["33x44"].url
    assert things["filters"].invert.url == image.filters.invert.url
    assert things["filters"].grey.crop["33x44"].url == image.filters.grey.crop["33x44"].url
    assert things["dummy"].url == ""
    assert things["field"] == Person._meta.get_field("headshot")
    assert things["empty"].name == ""
things["size"].delete()
assert not things["size"].storage.exists(things["size"].name)
print("loaded")
"""


@pytest.fixture(scope="module")
def pickled(tmp_path_factory):
    """A project of the old package and its pickles."""
    project = new_project(tmp_path_factory.mktemp("pickles") / "project")
    run(project, "-c", OLD_SIDE, old=True)
    return project


def test_pickles_of_the_old_package_load(pickled, tmp_path):
    """With the alias, because a pickle names the modules of the old package."""
    project = tmp_path / "project"
    shutil.copytree(pickled, project)
    with_alias(project)

    assert run(project, "-c", NEW_SIDE) == "loaded\n"
