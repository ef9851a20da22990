"""What the tests of the engine share: a picture on a storage that counts, and its plans."""

import pytest
from django.core.files.base import ContentFile

from renditions import conf
from renditions.engine import warming
from renditions.imaging.geometry import CENTRE
from renditions.planning.keys import RenditionKeySet
from renditions.planning.plans import Original, plan_key_set
from renditions.records import project_recorder
from tests.conftest import four_corners
from tests.renditions.conftest import CountingStorage

THREE = ("crop__60x30", "thumbnail__40x40", "filters__invert__url")


@pytest.fixture
def disk(tmp_path):
    return CountingStorage(tmp_path / "disk")


@pytest.fixture
def photo(disk):
    """A picture of 320x200 at `p/a.jpg`."""
    disk.save("p/a.jpg", ContentFile(four_corners(320, 200)))
    disk.calls.clear()
    return "p/a.jpg"


@pytest.fixture
def decodes(monkeypatch):
    """A list that gets the number of recipes of each picture that is opened."""
    opened = []
    real = warming.open_picture

    def counting(file, recipes, limits):
        opened.append(len(recipes))
        return real(file, recipes, limits)

    monkeypatch.setattr(warming, "open_picture", counting)
    return opened


def plans(name, *keys, ppoi=CENTRE):
    key_set = RenditionKeySet.parse([(key, key) for key in keys or THREE])
    return plan_key_set(Original("app.Model.field", "disk", name, ppoi), key_set, conf.style)


def results(report):
    return [outcome.result for outcome in report.outcomes]


def record_of(plan):
    return project_recorder().recall([plan]).get(plan.path)
