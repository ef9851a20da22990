"""`{% picture %}` and the other tags: their HTML, what they cost, and what they show meanwhile."""

from html.parser import HTMLParser

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, Template
from django.template.backends.jinja2 import Jinja2
from django.test import RequestFactory
from rest_framework import serializers

from renditions import Picture
from renditions.engine.warming import warm
from renditions.html import picture as picture_tag
from renditions.image_warmer import VersatileImageFieldWarmer
from renditions.prefetch import prefetch_renditions
from renditions.records import project_recorder
from renditions.responsive import picture_data, rendition_url
from renditions.serializers import ResponsivePictureField
from tests.app.models import Card, Person, Story
from tests.renditions.test_prefetch import CountingStore

pytestmark = pytest.mark.django_db

LEAD = "/media/__sized__/stories/a-crop-down-c0-5__0-5"


@pytest.fixture
def story(picture) -> Story:
    """A story whose lead of 100x80 is warmed, so that its facts are known."""
    story = Story.objects.create(title="A & B", lead=picture("a.jpg", 100, 80))
    list(VersatileImageFieldWarmer(story, "lead", "lead").reports())
    return story


@pytest.fixture
def reads(configure):
    """The calls that read records, as the number of keys of each."""
    configure(STORE="tests.renditions.test_prefetch.CountingStore")
    CountingStore.reads.clear()
    return CountingStore.reads


def render(text: str, **context: object) -> str:
    return Template("{% load renditions %}" + text).render(Context(context))


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def elements(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Elements()
    parser.feed(html)
    return parser.found


# ---- the element -------------------------------------------------------------------------------


def test_a_responsive_picture_has_a_source_for_each_format(story):
    """The `<img>` has a real size, and is lazy; what is larger than the original is left out."""
    html = render('{% picture story.lead "lead" alt=story.title class="wide" %}', story=story)

    assert elements(html) == [
        ("picture", {}),
        (
            "source",
            {
                "type": "image/webp",
                "srcset": f"{LEAD}-40x20-70.jpg.webp 40w, {LEAD}-80x40-70.jpg.webp 80w",
                "sizes": "100vw",
            },
        ),
        (
            "img",
            {
                "src": f"{LEAD}-80x40-70.jpg",
                "alt": "A & B",
                "width": "80",
                "height": "40",
                "loading": "lazy",
                "decoding": "async",
                "class": "wide",
            },
        ),
    ]


def test_everything_is_escaped(story):
    """Neither a title nor a size can leave its attribute."""
    evil = '"><script>alert(1)</script>'

    html = render('{% picture story.lead "lead" alt=e sizes=e class=e %}', story=story, e=evil)

    assert [name for name, _ in elements(html)] == ["picture", "source", "img"]
    assert elements(html)[2][1]["alt"] == evil
    assert elements(html)[1][1]["sizes"] == evil


def test_attributes_are_passed_on(story):
    """Underscores become hyphens; None removes a default; True gives no value."""
    html = render(
        '{% picture story.lead "lead" loading="eager" fetchpriority="high" decoding=None'
        " data_id=3 hidden=True %}",
        story=story,
    )

    _, img = elements(html)[-1]
    assert img["loading"] == "eager"
    assert img["fetchpriority"] == "high"
    assert img["data-id"] == "3"
    assert "hidden" in img
    assert img["hidden"] is None
    assert "decoding" not in img


def test_without_formats_the_img_has_the_choice(story):
    html = picture_tag(story.lead, Picture(widths=[40, 80, 160], sizes="50vw"))

    [(name, img)] = elements(html)
    assert name == "img"
    assert img["srcset"] == (
        "/media/__sized__/stories/a-thumbnail-40x-70.jpg 40w, "
        "/media/__sized__/stories/a-thumbnail-80x-70.jpg 80w"
    )
    assert (img["sizes"], img["width"], img["height"]) == ("50vw", "80", "64")


def test_densities_are_of_one_size_on_the_page(story):
    html = picture_tag(
        story.lead, Picture(widths=[40], ratio="2/1", densities=[1, 2, 3], formats=["webp"])
    )

    (_, source), (_, img) = elements(html)[1:]
    assert source["srcset"] == (f"{LEAD}-40x20-70.jpg.webp 1x, {LEAD}-40x20%402x-70.jpg.webp 2x")
    assert "sizes" not in source
    assert (img["src"], img["width"], img["height"]) == (f"{LEAD}-40x20-70.jpg", "40", "20")


def test_one_key_is_one_img(story):
    [(name, img)] = elements(render('{% picture story.lead "thumbnail__50x50" %}', story=story))

    assert name == "img"
    assert img["src"] == "/media/__sized__/stories/a-thumbnail-50x50-70.jpg"
    assert (img["width"], img["height"], img["alt"]) == ("50", "40", "")
    assert not {"srcset", "sizes"} & img.keys()


def test_art_direction_shows_another_set_where_its_query_matches(story):
    """Each source has the shape of its own set, so that nothing moves."""
    html = render(
        '{% picture story.lead "lead" "(max-width: 40em)" square "print" "crop__10x10" %}',
        story=story,
        square=Picture(widths=[30], ratio=1, formats=["webp"]),
    )

    sources = [values for name, values in elements(html) if name == "source"]
    assert [source.get("media") for source in sources] == [
        "(max-width: 40em)", "(max-width: 40em)", "print", None,
    ]  # fmt: skip
    assert (sources[0]["width"], sources[0]["height"]) == ("30", "30")
    assert sources[0]["type"] == "image/webp"
    assert "type" not in sources[1]
    assert "width" not in sources[3]


def test_a_small_original_has_its_own_width(picture):
    story = Story.objects.create(lead=picture("tiny.jpg", 30, 30))
    list(VersatileImageFieldWarmer(story, "lead", "lead").reports())

    (_, source), (_, img) = elements(picture_tag(story.lead, "lead"))[1:]
    assert source["srcset"].endswith("30w")
    assert (img["width"], img["height"]) == ("30", "15")


def test_an_unknown_size_keeps_the_shape(picture):
    """Before the worker has looked, all widths are offered, and the place has the right shape."""
    story = Story.objects.create(lead=picture("a.jpg", 100, 80))

    (_, source), (_, img) = elements(picture_tag(story.lead, "lead"))[1:]
    assert [each.split()[1] for each in source["srcset"].split(", ")] == ["40w", "80w", "160w"]
    assert (img["width"], img["height"]) == ("160", "80")


def test_an_empty_field_is_no_picture():
    assert picture_tag(Story().lead, "lead") == ""
    assert rendition_url(Story().lead, "crop__10x10") == ""


def test_a_field_with_a_placeholder_shows_it(db):
    html = picture_tag(Card(title="x").back, "crop__10x10")

    [(_, img)] = elements(html)
    assert "__placeholder__" in img["src"]


def test_a_preload_is_of_the_first_format(story):
    html = render('{% preload story.lead "lead" sizes="50vw" media="screen" %}', story=story)

    assert elements(html) == [
        (
            "link",
            {
                "rel": "preload",
                "as": "image",
                "imagesrcset": f"{LEAD}-40x20-70.jpg.webp 40w, {LEAD}-80x40-70.jpg.webp 80w",
                "imagesizes": "50vw",
                "type": "image/webp",
                "media": "screen",
                "fetchpriority": "high",
            },
        )
    ]
    [(_, link)] = elements(render('{% preload story.lead "crop__10x10" %}', story=story))
    assert link["href"].endswith("10x10-70.jpg")


def test_the_tags_are_functions_of_jinja2(story):
    """The same HTML, and `class` is a name like any other."""
    engine = Jinja2(
        {
            "NAME": "jinja2", "DIRS": [], "APP_DIRS": False,
            "OPTIONS": {"extensions": ["renditions.jinja2.Renditions"]},
        }
    )  # fmt: skip
    template = engine.from_string(
        '{% set ours = prefetch_renditions([story], "lead") %}'
        '{{ picture(ours[0].lead, "lead", alt=story.title, class="wide") }}'
        '{{ preload(story.lead, "lead") }}{{ rendition_url(story.lead, "crop__10x10") }}'
    )

    assert template.render({"story": story}) == render(
        '{% picture story.lead "lead" alt=story.title class="wide" %}'
        '{% preload story.lead "lead" %}{% rendition_url story.lead "crop__10x10" %}',
        story=story,
    )


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ('"nosuch"', ImproperlyConfigured, "'nosuch' is neither"),
        ('"headshot"', ImproperlyConfigured, "'headshot' is a list of 6"),
        ('"corp__10x10"', ImproperlyConfigured, "No sizer is named 'corp'"),
        ('"lead" placeholder="blurr"', ValueError, "'blur', 'color' or None"),
        ('"lead" until_ready="never"', ValueError, "'original'"),
        ('"lead" "(max-width: 9em)"', ValueError, "pairs"),
        ('"lead" src="x"', ValueError, "'src'"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_the_remedy(story, arguments, error, told):
    with pytest.raises(error) as caught:
        render("{% picture story.lead " + arguments + " %}", story=story)

    assert told in str(caught.value)


# ---- what it costs -----------------------------------------------------------------------------


@pytest.fixture
def stories(picture):
    """A hundred stories whose facts are known."""
    lead = Story.objects.create(title="0", lead=picture("a.jpg", 100, 80))
    list(VersatileImageFieldWarmer(lead, "lead", "lead").reports())
    facts = {"lead": lead.lead.name, "lead_meta": lead.lead_meta}
    Story.objects.bulk_create([Story(title=str(n), **facts) for n in range(1, 100)])
    return list(Story.objects.all())


PAGE = (
    "{% for story in stories %}"
    '{% picture story.lead "lead" alt=story.title placeholder="blur" %}'
    '{% preload story.lead "lead" %}{% rendition_url story.lead "crop__40x20" %}'
    "{{ story.lead.thumbnail.50x50.width }}{% endfor %}"
)


def test_a_page_of_a_hundred_pictures_costs_nothing(
    stories, reads, django_assert_num_queries, monkeypatch
):
    """No query, no call to the cache, none to the storage."""
    storage = Story._meta.get_field("lead").storage
    asked = []
    for name in ("exists", "open", "size", "get_modified_time", "path", "listdir"):
        monkeypatch.setattr(storage, name, lambda *args, name=name: asked.append(name))

    with django_assert_num_queries(0):
        html = render(PAGE, stories=stories)

    assert html.count("<img") == 100
    assert html.count('<span class="renditions-blur"') == 100
    assert (reads, asked) == ([], [])


@pytest.mark.parametrize("policy", ["original", "nearest", "placeholder", "nothing"])
def test_a_prefetched_page_asks_the_cache_once(stories, reads, configure, policy):
    configure(STORE="tests.renditions.test_prefetch.CountingStore", UNTIL_READY=policy)

    html = render('{% prefetch_renditions stories "lead" %}' + PAGE, stories=stories)

    assert html.count("<img") == 100
    # The second call is for the one key that no key set declares.
    assert len(reads) == 2
    assert reads[0] <= 300


# ---- until it is ready -------------------------------------------------------------------------


def made(story: Story, *keys: str) -> None:
    """Make only these renditions of the story."""
    project_recorder().delete("default", [plan.path for plan in story.lead.plans()])
    plans = [plan for plan in story.lead.plans() if str(plan.key) in keys]
    warm(story.lead.storages, plans, force=True)


def shown(story: Story, policy: str, key_set: object = "lead") -> str:
    return picture_tag(story.lead, key_set, until_ready=policy, alt="A", class_="wide")


@pytest.mark.parametrize("policy", ["original", "nearest", "placeholder", "nothing"])
def test_files_that_are_not_made_are_not_offered(story, policy):
    """What is made is shown, whatever the project has chosen for the rest."""
    made(story, "crop-down__40x20__webp")

    [(_, img)] = elements(shown(story, policy))
    assert img["src"] == f"{LEAD}-40x20-70.jpg.webp"
    assert (img["width"], img["height"]) == ("80", "40")


def test_by_default_the_url_is_shown_as_it_will_be(story):
    made(story)

    assert len(elements(shown(story, "url"))) == 3


def test_the_original_stands_in(story):
    made(story)

    [(_, img)] = elements(shown(story, "original"))
    assert (img["src"], img["width"], img["height"]) == ("/media/stories/a.jpg", "100", "80")


def test_the_nearest_rendition_stands_in(story):
    """The one of another size that is most like it."""
    made(story, "crop-down__40x20__webp", "crop-down__80x40")

    [(_, img)] = elements(shown(story, "nearest", "crop__70x40"))
    assert (img["src"], img["width"]) == (f"{LEAD}-80x40-70.jpg", "80")
    [(_, img)] = elements(shown(story, "nearest", "crop__30x20"))
    assert img["src"] == f"{LEAD}-40x20-70.jpg.webp"


@pytest.mark.parametrize("policy", ["nearest", "placeholder"])
def test_a_box_of_the_same_size_stands_in(story, policy):
    """It says what it stands for, and has the colour of the picture."""
    made(story)

    (name, svg), (_, rect) = elements(shown(story, policy))
    assert name == "svg"
    assert (svg["width"], svg["height"], svg["aria-label"], svg["role"]) == ("80", "40", "A", "img")
    assert rect["fill"] == story.lead.meta.color


def test_the_box_shows_the_blur_if_that_is_wanted(story):
    made(story)

    html = picture_tag(story.lead, "lead", until_ready="placeholder", placeholder="blur")

    _, (name, box), (_, rect), blur, *_ = elements(html)
    assert (name, box["width"], rect["fill"]) == ("svg", "80", "none")
    assert blur == ("span", {"class": "renditions-blur"})
    story.lead_meta = {**story.lead_meta, "alpha": True}
    html = picture_tag(story.lead, "lead", until_ready="placeholder", placeholder="blur")
    assert [name for name, _ in elements(html)] == ["svg", "rect"]
    assert elements(html)[1][1]["fill"] != "none"


def test_nothing_stands_in(story):
    made(story)

    assert shown(story, "nothing") == ""


@pytest.mark.parametrize(
    ("policy", "url"),
    [
        ("url", f"{LEAD.replace('crop-down', 'crop')}-10x10-70.jpg"),
        ("original", "/media/stories/a.jpg"),
        ("nearest", f"{LEAD}-40x20-70.jpg.webp"),
        ("placeholder", ""),
        ("nothing", ""),
    ],
)
def test_the_url_of_one_rendition_has_the_same_choice(story, policy, url):
    made(story, "crop-down__40x20__webp")

    tag = '{% rendition_url story.lead "crop__10x10" until_ready=policy %}'
    assert render(tag, story=story, policy=policy) == url


def test_the_field_chooses_before_the_setting(story, configure, monkeypatch):
    made(story)
    configure(UNTIL_READY="nothing")
    assert picture_tag(story.lead, "lead") == ""

    monkeypatch.setattr(Story._meta.get_field("lead"), "chosen_until_ready", "original")
    assert "/media/stories/a.jpg" in picture_tag(story.lead, "lead")


def test_on_demand_makes_what_the_page_shows(story, on_demand):
    """Then everything is ready, and the choice is never needed."""
    made(story)
    story = Story.objects.get()

    assert len(elements(shown(story, "nothing"))) == 3
    assert picture_data(story.lead, "lead").ready


# ---- colour and blur ---------------------------------------------------------------------------


def test_a_blur_has_the_colours_of_the_picture(story):
    """Red and lime are at the top, blue and yellow below."""
    html = render('{% picture story.lead "lead" placeholder="blur" %}', story=story)

    span, _, _, _, blur, svg, *rects = elements(html)
    assert span == ("span", {"class": "renditions-picture"})
    assert blur == ("span", {"class": "renditions-blur"})
    assert (svg[1]["viewbox"], svg[1]["aria-hidden"]) == ("0 0 4 3", "true")
    corners = [rects[index][1]["fill"] for index in (0, 3, 8, 11)]
    red, lime, blue, yellow = ([int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in corners)
    assert red[0] > 150 > red[2]
    assert lime[1] > 150 > lime[0]
    assert blue[2] > 150 > blue[0]
    assert yellow[0] > 150 > yellow[2]
    assert "style=" not in html
    assert "data:" not in html


def test_a_colour_is_one_rectangle(story):
    html = render('{% picture story.lead "lead" placeholder="color" %}', story=story)

    [rect] = [values for name, values in elements(html) if name == "rect"]
    assert rect["fill"] == story.lead.meta.color


def test_a_transparent_picture_has_no_placeholder(story):
    """It would be seen through the picture."""
    story.lead_meta = {**story.lead_meta, "alpha": True}

    assert "<svg" not in picture_tag(story.lead, "lead", placeholder="blur")
    assert picture_data(story.lead, "lead").placeholder is None


def test_a_wrong_hash_in_the_column_gives_the_colour(story):
    """Other code can write to the column, and a page must not break."""
    for wrong in ("", "AAAA", "no base64!", "ä"):
        story.lead_meta = {**story.lead_meta, "thumbhash": wrong}
        assert story.lead_meta["color"] in picture_tag(story.lead, "lead", placeholder="blur")


# ---- for APIs ----------------------------------------------------------------------------------


DATA = {
    "src": f"{LEAD}-80x40-70.jpg",
    "srcset": {
        "image/webp": f"{LEAD}-40x20-70.jpg.webp 40w, {LEAD}-80x40-70.jpg.webp 80w",
        "image/jpeg": f"{LEAD}-80x40-70.jpg 80w",
    },
    "sizes": "100vw",
    "width": 80,
    "height": 40,
    "ready": True,
}


class StorySerializer(serializers.ModelSerializer):
    lead = ResponsivePictureField("lead")

    class Meta:
        model = Story
        fields = ["lead"]


def test_a_serializer_gives_the_data_of_the_page(story):
    answer = StorySerializer(story).data["lead"]

    assert answer.pop("placeholder") == {
        "color": story.lead.meta.color,
        "thumbhash": story.lead.meta.thumbhash,
    }
    assert answer == DATA


def test_urls_of_an_api_are_absolute_if_it_has_the_request(story):
    context = {"request": RequestFactory().get("/")}

    answer = StorySerializer(story, context=context).data["lead"]

    assert answer["src"] == f"http://testserver{LEAD}-80x40-70.jpg"
    assert answer["srcset"]["image/webp"].startswith(f"http://testserver{LEAD}-40x20")
    assert answer["srcset"]["image/webp"].count("http://testserver") == 2


def test_a_list_asks_the_cache_once(stories, reads):
    answers = StorySerializer(stories, many=True).data

    assert all(answer["lead"]["ready"] for answer in answers)
    assert len(reads) == 1


def test_what_is_not_made_is_not_ready(story):
    made(story, "crop-down__40x20__webp")

    assert picture_data(story.lead, "lead").ready is False


def test_an_empty_picture_has_no_files():
    data = picture_data(Story().lead, "lead")

    assert (data.src, data.srcset, data.width, data.placeholder) == ("", {}, None, None)


def test_the_synchronous_warmer_gives_the_same_data(picture):
    story = Story.objects.create(lead=picture("a.jpg", 100, 80))

    [data] = VersatileImageFieldWarmer(Story.objects.all(), "lead", "lead").pictures()

    assert (data.src, data.srcset, data.ready) == (DATA["src"], DATA["srcset"], True)
    assert data == picture_data(Story.objects.get(pk=story.pk).lead, "lead")


# ---- sizes of single renditions ----------------------------------------------------------------


def test_a_rendition_knows_its_size(story):
    """In a template and in Python, without a call to the storage."""
    assert render("{{ s.lead.thumbnail.50x50.width }}x{{ s.lead.crop.30x20.height }}", s=story) == (
        "50x20"
    )
    assert story.lead.filters.invert.width == 100
    assert (story.lead.width, story.lead.height) == (100, 80)


def test_the_record_knows_the_size_if_the_row_does_not(picture):
    """A thumbnail of a field without facts."""
    person = Person.objects.create(headshot=picture("a.jpg", 100, 80))
    assert person.headshot.thumbnail["50x50"].width is None
    warm(person.headshot.storages, person.headshot.plans())

    fresh = Person.objects.get()
    assert (fresh.headshot.thumbnail["50x50"].width, fresh.headshot.crop["40x40"].height) == (
        50,
        40,
    )
    prefetch_renditions([fresh], "headshot")
    assert fresh.headshot.thumbnail["50x50"].height == 40
