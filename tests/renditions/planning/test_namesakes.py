"""No two originals share a rendition, and no name is too long for one."""

import pytest

from renditions.engine.warming import warm
from renditions.planning.paths import namesake, shortened
from tests.app.models import Person


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("p/a", "p/a.jpg"),
        ("p/a.jpg", "p/a"),
        ("p/a.png", None),
        ("p/a.JPG", None),
        ("p/a.b.jpg", None),
        ("p.d/a", "p.d/a.jpg"),
        ("p/.jpg", None),
    ],
)
def test_a_name_without_extension_counts_as_jpg(name, other):
    """So exactly these two would have the same renditions."""
    assert namesake(name) == other
    assert other is None or namesake(other) == name


@pytest.mark.django_db
@pytest.mark.parametrize("names", [("a", "a.jpg"), ("a.jpg", "a")])
def test_the_second_of_two_namesakes_gets_another_name(picture, names):
    """Whoever uploads `a.jpg` does not replace the renditions of somebody's `a`."""
    first, second = (Person.objects.create(headshot=_named(picture, name)) for name in names)

    assert first.headshot.name == f"people/{names[0]}"
    paths = [{plan.path for plan in person.headshot.plans()} for person in (first, second)]
    assert not paths[0] & paths[1]


@pytest.mark.parametrize("stem", ["x" * 250, "\u7530" * 84, "\U0001f4f7" * 60])
@pytest.mark.django_db
def test_all_renditions_of_a_long_name_fit_the_disk(picture, stem, settings):
    """A name of letters of several bytes each is longer than it looks."""
    person = Person(headshot=_named(picture, f"{stem}.jpg"))
    person.save()

    assert person.headshot.name.endswith(".jpg")
    assert not warm(person.headshot.storage, person.headshot.plans()).failures


def test_a_name_that_fits_is_kept():
    """Nothing is cut that need not be."""
    name = f"p/{'x' * 176}.jpg"

    assert shortened(name) == name
    assert shortened(f"p/{'x' * 177}.jpg") == name


def _named(picture, name):
    content = picture()
    content.name = name
    return content
