from io import StringIO

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from renditions.engine.warming import Result
from renditions.image_warmer import VersatileImageFieldWarmer, cli_progress_bar
from renditions.planning.keys import InvalidSizeKey, InvalidSizeKeySet
from tests.app.models import Article, Card, Person

from .conftest import opened

pytestmark = pytest.mark.django_db

THREE = [("full", "url"), ("crop", "60x30"), ("thumb", "thumbnail__9x9")]


@pytest.fixture
def person(picture):
    return Person.objects.create(name="one", headshot=picture("a.jpg"))


def test_an_instance_is_warmed(person):
    made, failed = VersatileImageFieldWarmer(person, "headshot", "headshot").warm()

    assert (made, failed) == (6, [])
    assert opened(default_storage, person.headshot.crop["120x60"].name).size == (120, 60)
    assert opened(default_storage, person.headshot.crop["40x40"].name).size == (40, 40)


def test_existing_renditions_are_counted(person):
    """The second run makes nothing and returns the same numbers."""
    warmer = VersatileImageFieldWarmer(person, THREE, "headshot")

    assert warmer.warm() == warmer.warm() == (3, [])


def test_two_names_of_one_key_count_twice(person):
    """There is one file for two entries."""
    pairs = [("a", "60x30"), ("b", "crop__60x30")]

    assert VersatileImageFieldWarmer(person, pairs, "headshot").warm() == (2, [])


def test_an_unsaved_focal_point_is_used(person):
    person.headshot.ppoi = (0, 0)

    VersatileImageFieldWarmer(person, THREE, "headshot").warm()

    assert default_storage.exists("__sized__/people/a-crop-c0-0__0-0-60x30-70.jpg")


def test_a_queryset_is_warmed(picture):
    people = [Person.objects.create(headshot=picture(f"{name}.jpg")) for name in "abc"]

    made, failed = VersatileImageFieldWarmer(Person.objects.all(), THREE, "headshot").warm()

    assert (made, failed) == (9, [])
    assert all(default_storage.exists(p.headshot.crop["60x30"].name) for p in people)


def test_a_queryset_is_read_in_chunks(picture, monkeypatch):
    monkeypatch.setattr("renditions.image_warmer.CHUNK_ROWS", 2)
    for name in "abcde":
        Person.objects.create(headshot=picture(f"{name}.jpg"))
    queryset = Person.objects.all()

    VersatileImageFieldWarmer(queryset, THREE, "headshot").warm()

    assert queryset._result_cache is None


def test_blank_pictures_and_null_relations_are_skipped(picture):
    """They are not failures."""
    person = Person.objects.create()
    Article.objects.create(author=None, lead=picture("a.jpg"))
    Article.objects.create(author=person)

    articles = Article.objects.all()
    assert VersatileImageFieldWarmer(person, THREE, "headshot").warm() == (0, [])
    assert VersatileImageFieldWarmer(articles, THREE, "author.headshot").warm() == (0, [])
    assert VersatileImageFieldWarmer(articles, THREE, "lead").warm() == (3, [])


def test_a_dotted_name_follows_relations(person):
    article = Article.objects.create(author=person)

    assert VersatileImageFieldWarmer(article, THREE, "author.headshot").warm() == (3, [])
    assert default_storage.exists(person.headshot.crop["60x30"].name)


def test_a_failure_names_the_rendition(person, picture):
    """It has the path on the storage, and the other pictures are still made."""
    bad = Person.objects.create(headshot=ContentFile(b"no picture", "bad.jpg"))
    Person.objects.create(headshot=picture("c.jpg"))

    made, failed = VersatileImageFieldWarmer(Person.objects.all(), THREE, "headshot").warm()

    assert made == 7
    assert failed == [bad.headshot.crop["60x30"].name, bad.headshot.thumbnail["9x9"].name]


def test_reports_give_the_reasons(person):
    """There is one report for each picture."""
    default_storage.delete(person.headshot.name)

    [report] = VersatileImageFieldWarmer(person, THREE, "headshot").reports()

    assert report.of(Result.FAILED)
    assert "The original file is missing. people/a.jpg" in str(next(iter(report.failures.values())))


def test_force_renders_existing_renditions_again(person):
    VersatileImageFieldWarmer(person, THREE, "headshot").warm()

    warmer = VersatileImageFieldWarmer(person, THREE, "headshot", force=True)
    [report] = warmer.reports()
    assert len(report.of(Result.CREATED)) == 2


@pytest.mark.parametrize("subject", [["invalid"], None, "x", Person, Person.objects, (1,)])
def test_only_instances_and_querysets_are_warmed(subject):
    """A manager or a list is refused with a message that names the remedy."""
    with pytest.raises(ValueError, match="QuerySet"):
        VersatileImageFieldWarmer(subject, THREE, "headshot")


@pytest.mark.parametrize(
    ("key_set", "error"),
    [
        ("nope", ImproperlyConfigured),
        (("test_thumb", "thumbnail__100x100"), InvalidSizeKeySet),
        ([("a", "thumbnail")], InvalidSizeKey),
        ([("a", "nope__1x1")], InvalidSizeKey),
    ],
)
def test_a_wrong_key_set_is_found_before_the_first_picture(person, key_set, error):
    with pytest.raises(error):
        VersatileImageFieldWarmer(person, key_set, "headshot")


@pytest.mark.parametrize("path", ["name", "nope"])
def test_a_name_of_another_field_is_an_error(person, path):
    with pytest.raises((ValueError, AttributeError), match=path):
        VersatileImageFieldWarmer(person, THREE, path).warm()


@pytest.mark.parametrize(
    ("start", "end", "bar"),
    [
        (0, 100, "-" * 50 + "] 0/100 (0%)"),
        (20, 100, "#" * 10 + "-" * 40 + "] 20/100 (20%)"),
        (1, 3, "#" * 17 + "-" * 33 + "] 1/3 (33%)"),
        (100, 100, "#" * 50 + "] 100/100 (100%)"),
        (0, 0, "#" * 50 + "] 0/0 (100%)"),
    ],
)
def test_the_bar_is_fifty_characters_wide(start, end, bar):
    """It is drawn over itself."""
    out = StringIO()

    cli_progress_bar(start, end, out=out)

    assert out.getvalue() == f"\r[{bar}"


def test_progress_is_drawn_on_standard_output(picture, capsys):
    """It counts empty pictures, too, and ends with a new line."""
    for name in "abcd":
        Person.objects.create(headshot=picture(f"{name}.jpg") if name != "c" else "")

    VersatileImageFieldWarmer(Person.objects.all(), THREE, "headshot", verbose=True).warm()

    drawn = capsys.readouterr().out
    assert [part.split("] ")[1] for part in drawn.strip().split("\r")] == [
        "3/12 (25%)",
        "6/12 (50%)",
        "9/12 (75%)",
        "12/12 (100%)",
    ]
    assert drawn.endswith("\n")


def test_an_empty_queryset_draws_nothing(capsys):
    VersatileImageFieldWarmer(Person.objects.none(), THREE, "headshot", verbose=True).warm()

    assert capsys.readouterr().out == ""


def test_progress_is_drawn_only_if_verbose(person, capsys):
    VersatileImageFieldWarmer(person, THREE, "headshot").warm()

    assert capsys.readouterr().out == ""


def test_a_quiet_run_needs_no_count_query(person, django_assert_num_queries):
    """A COUNT of millions of rows is expensive."""
    warmer = VersatileImageFieldWarmer(Person.objects.all(), THREE, "headshot")
    # The first time, the ledger is asked whether a failed job is settled by it.
    warmer.warm()
    with django_assert_num_queries(1):
        warmer.warm()


def test_the_renditions_of_a_placeholder_are_made_once(picture):
    """All empty pictures share them."""
    for _ in range(3):
        Card.objects.create(image=picture("a.jpg"))

    reports = list(VersatileImageFieldWarmer(Card.objects.all(), THREE, "back").reports())

    assert len(reports) == 1
    assert default_storage.exists("__sized__/__placeholder__/placeholder-crop-c0-5__0-5-60x30.png")


def test_select_related_saves_a_query_for_each_picture(person):
    for _ in range(3):
        Article.objects.create(author=person)
    queryset = Article.objects.select_related("author")

    warmer = VersatileImageFieldWarmer(queryset, THREE, "author.headshot")
    warmer.warm()
    with CaptureQueriesContext(connection) as queries:
        warmer.warm()

    assert len(queries) == 1
