"""Many pictures on a page share one call to the cache of records."""

import copy
import gc
import pickle
from datetime import datetime, timedelta
from weakref import ref

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.paginator import Paginator
from django.template import Context, Template
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework import serializers

from renditions.compat.utils import build_versatileimagefield_url_set
from renditions.engine import status
from renditions.engine.warming import warm
from renditions.errors import StoreUnavailable
from renditions.imaging.sizers import Crop
from renditions.planning.keys import RenditionKey, RenditionKeySet
from renditions.prefetch import prefetch_renditions
from renditions.records import project_recorder
from renditions.records.cache import CacheStore
from renditions.serializers import VersatileImageFieldSerializer
from tests.app.models import Article, Card, Person
from tests.compat.test_own_work import WebP
from tests.conftest import four_corners

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_demand", "_counting")]

KEYS = ["url", "crop__60x30", "40x40", "thumbnail__50x50", "thumbnail__9x9__webp",
        "filters__invert__url", "filters__invert__crop__30x30"]  # fmt: skip
KEY_SET = RenditionKeySet.parse([(key, key) for key in KEYS])


class CountingStore(CacheStore):
    """Counts the calls that read records, and the keys of each."""

    reads: list[int] = []
    is_silent = False

    def get_many(self, keys):
        self.reads.append(len(list(keys)))
        if self.is_silent:
            raise StoreUnavailable("no answer")
        return super().get_many(keys)


@pytest.fixture
def _counting(configure):
    configure(STORE=f"{__name__}.CountingStore")
    CountingStore.reads.clear()


@pytest.fixture
def reads():
    """The calls that read records, as the number of keys of each; nothing was read before."""
    return CountingStore.reads


@pytest.fixture
def people(picture):
    """Six people whose declared renditions are all made; nothing was read before."""
    for number in range(6):
        Person.objects.create(name=f"p{number}", headshot=picture(f"p{number}.jpg"))
    for person in Person.objects.all():
        warm(person.headshot.storages, person.headshot.plans())
    CountingStore.reads.clear()
    return Person.objects.order_by("pk")


@pytest.fixture
def articles(people, picture):
    """Three articles: two authors, and one article without; no rendition of a lead is made."""
    authors = [people[0], people[1], None]
    for number, author in enumerate(authors):
        Article.objects.create(author=author, lead=picture(f"lead{number}.jpg"))
    CountingStore.reads.clear()
    return Article.objects.order_by("pk")


def large(people):
    return [person.headshot.crop["120x60"].url for person in people]


# ---- calls of a page ---------------------------------------------------------------------------


def as_queryset(people):
    return people.all()


def as_list(people):
    return list(people)


def as_iterator(people):
    return people.iterator()


def as_generator(people):
    return (person for person in people)


def as_page(people):
    return Paginator(people, 4).page(1)


def as_object_list(people):
    return Paginator(people, 4).page(1).object_list


# A paginator counts first.
QUERIES = {as_queryset: 1, as_list: 1, as_iterator: 1, as_generator: 1, as_page: 2,
           as_object_list: 2}  # fmt: skip


@pytest.mark.parametrize("given_as", QUERIES)
def test_a_page_costs_one_call(people, reads, given_as, django_assert_num_queries):
    """All declared keys of all its pictures are recalled by the first URL."""
    with django_assert_num_queries(QUERIES[given_as]):
        page = prefetch_renditions(given_as(people), "headshot")
        assert reads == []
        urls = [list(person.headshot.urls(person.headshot.field.declared_key_set()).values())
                for person in page]  # fmt: skip

    assert len(urls) in (4, 6)
    # The declared set has five renditions beside the original.
    assert reads == [5 * len(urls)]


@pytest.mark.parametrize("given_as", [as_queryset, as_list, as_page, as_object_list])
def test_the_objects_themselves_are_prefetched(people, reads, given_as):
    """Not only those that are returned: a template loops over the queryset or the page."""
    page = given_as(people)
    prefetch_renditions(page, "headshot")

    large(page)

    assert len(reads) == 1


def test_without_a_prefetch_each_url_costs_a_call(people, reads):
    large(people)

    assert reads == [1] * 6


def test_a_page_without_creation_on_demand_costs_no_call(people, reads, configure):
    configure(ON_DEMAND=False)
    page = prefetch_renditions(people, "headshot")

    large(page)

    assert reads == []


def test_another_key_costs_one_more_call_for_all_pictures(people, reads):
    page = prefetch_renditions(people, "headshot")
    large(page)

    for _ in range(2):
        for person in page:
            str(person.headshot.thumbnail["50x50"])
            str(person.headshot.crop["7x7"])

    # Each person whose 7x7 was made just now is asked for once more.
    assert reads[:2] == [30, 6]


def test_another_key_is_recalled_for_its_own_field_only(articles, reads):
    page = prefetch_renditions(
        articles.select_related("author"), "lead", "author.headshot", key_set="hero"
    )
    page[0].author.headshot.picture.prefetched.find(RenditionKey.parse("7x7"))
    assert reads == [3 + 2 + 2]

    page[0].lead.picture.prefetched.find(RenditionKey.parse("7x7"))

    assert reads == [7, 3]


def test_other_keys_of_a_set_cost_one_more_call_together(people, reads):
    """Some may be known already, and one was made meanwhile."""
    page = prefetch_renditions(people, "headshot")
    large(page)
    page[0].headshot.crop["120x60"].clear_cache()
    key_set = RenditionKeySet.parse([(key, key) for key in ("120x60", "50x50", "thumbnail__9x9")])

    page[0].headshot.picture.prefetched.recall(key_set.renditions)
    page[1].headshot.picture.prefetched.recall(key_set.renditions)

    assert reads == [30, 2 * 6 + 1]


def test_the_first_key_need_not_be_declared(people, reads):
    """It is recalled together with the declared ones."""
    page = prefetch_renditions(people, "headshot")
    page[3].headshot.create_on_demand = True
    for person in page:
        person.headshot.crop["7x7"].plan  # noqa: B018
    assert reads == []

    known = page[3].headshot.picture.prefetched.find(RenditionKey.parse("crop__7x7"))

    assert known.text is None
    assert reads == [36]


@pytest.mark.parametrize(
    ("key_set", "expected"),
    [("hero", 1), ([("a", "crop__1x1"), ("b", "url"), ("c", "crop__120x60")], 2), (KEY_SET, 6)],
)
def test_a_key_set_can_be_chosen(people, reads, key_set, expected):
    page = prefetch_renditions(people, "headshot", key_set=key_set)

    page[0].headshot.picture.prefetched.find(KEY_SET.renditions[0])

    assert reads == [6 * len({*page[0].headshot.picture.prefetched.wanted, KEY_SET.renditions[0]})]
    assert len(page[0].headshot.picture.prefetched.wanted) == expected


def test_several_fields_and_relations_share_one_call(articles, reads, django_assert_num_queries):
    """Authors that are not loaded cost one query; with select_related there is none."""
    keys = [("a", "crop__120x60")]
    with django_assert_num_queries(2):
        page = prefetch_renditions(articles, "lead", "author.headshot", key_set=keys)
    large(article.author for article in page if article.author)
    assert reads == [3 + 2]

    reads.clear()
    with django_assert_num_queries(1):
        page = prefetch_renditions(
            articles.select_related("author"), "lead", "author.headshot", key_set=keys
        )
        large(article.author for article in page if article.author)
    assert reads == [3 + 2]


def test_a_picture_that_two_objects_show_is_recalled_once(people, reads):
    page = prefetch_renditions([*people.all(), *people.all()], "headshot")

    large(page)

    assert reads == [30]


def test_objects_of_several_models_may_be_mixed(people, articles, reads):
    """Each has a field of this name."""

    class Plain:
        """Computes its relation."""

        author = people[2]

    objects = [*articles, Plain()]
    page = prefetch_renditions(objects, "author.headshot")
    large(each.author for each in page if each.author)

    assert reads == [3 * 5]


@pytest.mark.parametrize("objects", [[], Person.objects.none()])
def test_nothing_costs_nothing(objects, reads):
    assert prefetch_renditions(objects, "headshot", "headshot") == []
    assert reads == []


# ---- the same URLs -----------------------------------------------------------------------------


@pytest.fixture
def cards(picture, registry):
    """Cards with and without pictures; sizers and filters of all kinds are registered."""

    class Square(Crop):
        filename_key = "square"

    registry.register_sizer("square", Square)
    registry.register_sizer("own", WebP)
    Card.objects.create(title="a", image=picture("a.jpg"), note=picture("n.png"), ppoi="0.1x0.9")
    Card.objects.create(title="b", image=picture("b c.jpg"), back=picture("b.jpg"))
    Card.objects.create(title="c", image=picture("\u00fc.jpg"), stamp=picture("s.gif"))
    return Card.objects.order_by("pk")


FIELDS = ("image", "back", "stamp", "note")
SIZERS = st.sampled_from(["crop", "thumbnail", "square", "own"])
FILTERS = st.sampled_from(["", "filters__invert__"])
FORMATS = st.sampled_from(["", "__webp", "__png"])
SIZES = st.sampled_from(["10x10", "20x10"])
RENDITIONS = st.one_of(
    st.tuples(FILTERS, SIZERS, SIZES, FORMATS)
    .filter(lambda parts: parts[1] != "own" or not parts[3])
    .map(lambda parts: f"{parts[0]}{parts[1]}__{parts[2]}{parts[3]}"),
    st.sampled_from(["url", "filters__invert__url"]),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(RENDITIONS, min_size=1, max_size=4), st.booleans(), st.booleans())
def test_all_urls_are_the_same_with_and_without_a_prefetch(cards, configure, keys, known, made):
    """Whether the keys were named or not, the files exist or not, they are made or not."""
    key_set = RenditionKeySet.parse([(key, key) for key in dict.fromkeys(keys)])

    def urls(page):
        return [
            {**image.urls(key_set), **{key: image.url_of(RenditionKey.parse(key)) for key in keys}}
            for card in page
            for image in (getattr(card, name) for name in FIELDS)
            if image or image.placeholder
        ]

    configure(ON_DEMAND=made)
    without = urls(cards.all())
    prefetched = prefetch_renditions(cards.all(), *FIELDS, key_set=key_set if known else None)

    assert urls(prefetched) == without
    assert urls(prefetched) == without
    configure(ON_DEMAND=False)
    assert urls(cards.all()) == without


def test_pages_of_two_storages_are_kept_apart(card, field_storage, reads, tmp_path, picture):
    """Two fields have a file of one name, and only one of the renditions is made."""
    field_storage("note", FileSystemStorage(tmp_path / "other", base_url="/other/"))
    card = Card.objects.get()
    card.note = picture("a.jpg")
    card.save()
    assert card.note.name == card.image.name
    warm(card.note.storages, [card.note.plan(RenditionKey.parse("crop__9x9"))])

    [card] = prefetch_renditions([Card.objects.get()], "image", "note", key_set=[("a", "9x9")])
    known = {
        name: getattr(card, name).picture.prefetched.find(RenditionKey.parse("9x9")).is_made
        for name in ("image", "note")
    }

    assert known == {"image": False, "note": True}
    assert card.image.crop["9x9"].url.startswith("/media/")
    assert card.note.crop["9x9"].url.startswith("/other/")
    assert default_storage.exists(card.image.crop["9x9"].name)


# ---- what changes after the prefetch -----------------------------------------------------------


def test_a_missing_rendition_is_made_once(people, reads):
    """It costs no second look before it is made, and one after it."""
    page = prefetch_renditions(people, "headshot", key_set=[("a", "crop__7x7")])
    url = page[0].headshot.crop["7x7"].url
    assert default_storage.exists(url.removeprefix("/media/"))
    # The second one is that of the executor.
    assert reads == [6, 1]

    str(page[0].headshot.crop["7x7"])
    str(page[0].headshot.crop["7x7"])

    assert reads == [6, 1, 1]


def test_a_failure_is_not_tried_again(people, reads):
    """Neither at once, nor by the next page; then it waits as without a prefetch."""
    person = people[0]
    default_storage.delete(person.headshot.name)
    for _ in range(2):
        [person] = prefetch_renditions([people[0]], "headshot", key_set=[("a", "7x7")])
        for _ in range(2):
            assert person.headshot.crop["7x7"].url
    # Prefetch, executor and its count of attempts, one more look; then the prefetch alone.
    assert reads == [1, 1, 1, 1, 1]


def test_a_failure_is_tried_again_later(people, monkeypatch):
    name = people[0].headshot.name
    default_storage.delete(name)
    str(people[0].headshot.crop["7x7"])
    default_storage.save(name, ContentFile(four_corners(320, 200)))

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(seconds=status.RETRY_AFTER_S + 1)

    monkeypatch.setattr(status, "datetime", Later)
    [person] = prefetch_renditions([people[0]], "headshot")
    path = person.headshot.crop["7x7"].name

    assert default_storage.exists(path)


def rename(person):
    person.headshot = "people/p1.jpg"


def move(person):
    person.headshot.ppoi = (0.25, 0.25)


def reload(person):
    person.refresh_from_db()


def delete_all(person):
    person.headshot.delete_all_created_images()


def delete_one(person):
    person.headshot.crop["120x60"].delete()


def clear_one(person):
    person.headshot.crop["120x60"].clear_cache()


@pytest.mark.parametrize("change", [rename, move, reload, delete_all, delete_one, clear_one])
def test_what_was_prefetched_is_dropped_by_a_change(people, reads, change):
    """The record is asked for again, and a missing file is made."""
    page = prefetch_renditions(people, "headshot")
    large(page)
    change(page[0])
    reads.clear()

    path = page[0].headshot.crop["120x60"].name

    assert default_storage.exists(path)
    assert path == page[0].headshot.plan(RenditionKey.parse("crop__120x60")).path
    assert reads[0] == 1
    reads.clear()
    large(page[1:])
    assert reads == []


def test_a_changed_setting_renders_again(people, configure):
    """The record tells that the file was made with other settings."""
    configure(PROGRESSIVE_JPEG=True)
    [person] = prefetch_renditions([people[0]], "headshot")
    before = default_storage.get_modified_time(person.headshot.crop["120x60"].plan.path)

    path = person.headshot.crop["120x60"].name

    assert default_storage.get_modified_time(path) > before


def test_a_record_of_another_path_is_not_believed(people, reads):
    """The cache returned it under a wrong key."""
    [person] = prefetch_renditions([people[0]], "headshot")
    key = RenditionKey.parse("crop__120x60")
    records = person.headshot.picture.prefetched
    records.known[key] = records.find(key)._replace(text=records.find(key).text.replace("p0", "x"))

    assert records.find(key).record is None


def test_a_silent_store_breaks_no_page(people, monkeypatch, caplog):
    monkeypatch.setattr(CountingStore, "is_silent", True)
    page = prefetch_renditions(people, "headshot")

    assert all(large(page))
    assert "no answer" in caplog.text


# ---- where it is kept --------------------------------------------------------------------------


def test_nothing_of_it_is_pickled(people, reads):
    page = prefetch_renditions(people, "headshot")
    large(page)
    person = pickle.loads(pickle.dumps(page[0]))

    assert person.headshot.picture.prefetched is None
    assert b"Prefetched" not in pickle.dumps(page[0])
    assert person.headshot.crop["120x60"].url == page[0].headshot.crop["120x60"].url


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_an_instance_can_be_copied(people, copied):
    page = prefetch_renditions(people, "headshot")

    assert large([copied(page[0])]) == large([page[0]])


def test_no_instance_keeps_the_others_alive(people):
    page = prefetch_renditions(people.all(), "headshot")
    large(page)
    first, gone = page[0], ref(page[1])
    del page
    gc.collect()

    assert gone() is None
    assert large([first])


# ---- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "options", "error", "message"),
    [
        (["name"], {}, ValueError, "'name' of Person is a str. Name a VersatileImageField."),
        (["nope"], {}, AttributeError, "nope"),
        (["headshot"], {"key_set": "nope"}, ImproperlyConfigured, "No rendition key set 'nope'"),
    ],
)
def test_a_wrong_name_is_an_error(people, names, options, error, message):
    with pytest.raises(error, match=message):
        prefetch_renditions(people, *names, **options)


# ---- templates ---------------------------------------------------------------------------------


def rendered(template, **context):
    return Template("{% load renditions %}" + template).render(Context(context))


SHOW = "{% for p in people %}{{ p.headshot.crop.120x60 }} {% endfor %}"


@pytest.mark.parametrize(
    "tag",
    [
        '{% prefetch_renditions people "headshot" %}',
        '{% prefetch_renditions people "headshot" key_set="headshot" %}',
        '{% prefetch_renditions manager.all "headshot" as people %}',
    ],
)
def test_a_template_prefetches(people, reads, tag, django_assert_num_queries):
    """The tag prints nothing."""
    expected = " ".join([*large(people), ""])
    reads.clear()
    context = {"manager": Person.objects} if "manager" in tag else {"people": people.all()}

    with django_assert_num_queries(1):
        shown = rendered(tag + SHOW, **context)

    assert shown == expected
    assert reads == [30]


def test_a_template_prefetches_a_page(people, reads):
    page = Paginator(people, 4).page(1)

    rendered('{% prefetch_renditions people "headshot" %}' + SHOW, people=page)
    rendered('{% prefetch_renditions people.object_list "headshot" %}' + SHOW, people=page)

    assert reads == [20, 20]


# ---- Django REST framework ---------------------------------------------------------------------

PAIRS = [("full", "url"), ("large", "crop__120x60"), ("small", "thumbnail__50x50")]


class PersonSerializer(serializers.ModelSerializer):
    headshot = VersatileImageFieldSerializer(sizes=PAIRS)

    class Meta:
        model = Person
        fields = ("name", "headshot")


class ArticleSerializer(serializers.ModelSerializer):
    author = PersonSerializer()
    face = VersatileImageFieldSerializer(sizes=PAIRS, source="author.headshot", default=None)

    class Meta:
        model = Article
        fields = ("author", "face")


def test_a_serializer_of_one_object_costs_one_call(people, reads):
    data = PersonSerializer(people[0]).data

    assert reads == [2]
    assert data["headshot"]["large"] == large(people)[0]


@pytest.mark.parametrize("given_as", [as_queryset, as_list, as_page, as_object_list])
def test_a_serializer_of_a_list_costs_one_call(people, reads, given_as, django_assert_num_queries):
    with django_assert_num_queries(QUERIES[given_as]):
        data = PersonSerializer(given_as(people), many=True).data

    assert reads == [2 * len(data)]
    assert [each["headshot"]["large"] for each in data] == large(people)[: len(data)]


def test_a_serializer_uses_what_the_view_has_prefetched(people, reads):
    _ = PersonSerializer(prefetch_renditions(people, "headshot"), many=True).data

    assert reads == [30]


def test_a_serializer_without_creation_on_demand_costs_no_call(people, reads, configure):
    configure(ON_DEMAND=False)

    _ = PersonSerializer(people, many=True).data

    assert reads == []


def test_a_serializer_follows_relations(articles, reads, django_assert_num_queries):
    """Each field costs one call, and no more queries than the objects need."""
    with django_assert_num_queries(1):
        data = ArticleSerializer(articles.select_related("author"), many=True).data

    assert [bool(each["author"]) for each in data] == [True, True, False]
    assert [each["face"] for each in data] == [
        each["author"] and each["author"]["headshot"] for each in data
    ]
    # The second field shows the same pictures.
    assert reads == [4]


def test_a_serializer_may_read_from_an_iterator(people, reads):
    """Its objects are gone when they are read, so each picture costs a call."""
    data = PersonSerializer(people.iterator(), many=True).data

    assert len(data) == 6
    assert reads == [2] * 6


def test_the_old_function_costs_one_call(people, reads):
    build_versatileimagefield_url_set(people[0].headshot, PAIRS)

    assert reads == [2]


def test_a_new_record_is_seen_by_the_next_page(people):
    key = RenditionKey.parse("crop__7x7")
    [before] = prefetch_renditions([people[0]], "headshot", key_set=[("a", "crop__7x7")])
    assert before.headshot.picture.prefetched.find(key).text is None
    project_recorder().record_created({before.headshot.plan(key): None}, "v")

    [after] = prefetch_renditions([people[0]], "headshot", key_set=[("a", "crop__7x7")])

    assert after.headshot.picture.prefetched.find(key).is_made
