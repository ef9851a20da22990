"""Responsive pictures in a browser: which files it loads, and what is seen until they arrive."""

import math
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import pytest
from PIL import Image, ImageStat
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.conftest import CORNERS
from tests.service.waiting import wait_for

from .conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("album")]

WAIT_S = 15

# How wide the gallery shows a picture on screens of these widths, CSS pixels. It follows from the
# `sizes` of the two pictures in `config/settings.py`.
CARD = {390: 390 - 32, 768: 768 * 0.46, 1280: 363}
PHOTO = {390: 390 - 32, 768: 768 * 0.92, 1280: 800}
SCREENS = [(width, density) for width in CARD for density in (1, 2)]


def chosen(widths: Sequence[int], shown: float, density: float) -> int:
    """Return the candidate that Chromium loads, as the HTML standard lets a browser choose.

    It is the smallest that has a pixel for each of the screen. On a dense screen, it is the next
    smaller one if that is nearer, by their ratio.
    """
    for smaller, larger in pairwise(widths):
        if smaller / shown >= density:
            return smaller
        if larger / shown >= density:
            middle = math.sqrt(smaller / shown * larger / shown)
            return smaller if 1 < density < middle else larger
    return widths[-1]


@pytest.mark.parametrize(("width", "density"), SCREENS)
def test_a_browser_loads_the_one_file_that_fits(
    visitor: Visitor, album: list[str], width: int, density: int
):
    """In the list of all photos, it loads one file for each picture, as wide as its place."""
    page = visitor(viewport={"width": width, "height": 800}, device_scale_factor=density)
    loaded = note_pictures(page)
    page.goto("/")
    cards = page.get_by_role("listitem").filter(has=page.locator("img"))
    scroll_to_the_end(page)

    sources = [current_source(card.locator("img")) for card in cards.all()]
    assert sorted(loaded) == sorted(sources)
    fitting = chosen([384, 768], CARD[width], density)
    for title in ("wide", "square", "transparent"):
        image = cards.filter(has_text=title).locator("img")
        assert f"-{fitting}x{fitting * 2 // 3}-" in current_source(image), title
        assert current_source(image).endswith(".webp")
        assert shown_width(image) == pytest.approx(CARD[width], rel=0.05)


@pytest.mark.parametrize(("width", "density"), SCREENS)
def test_what_is_preloaded_is_what_is_shown(visitor: Visitor, width: int, density: int):
    """The page of a photo loads its large picture once, as wide as its place."""
    page = visitor(viewport={"width": width, "height": 800}, device_scale_factor=density)
    loaded = note_pictures(page)
    page.goto("/")
    page.get_by_role("link").filter(has_text="square").click()
    page.wait_for_url("**/photos/*/")
    loaded.clear()
    page.reload()
    image = page.get_by_role("img", name="square", exact=True)

    source = current_source(image)
    fitting = chosen([400, 800, 1600], PHOTO[width], density)
    assert f"-thumbnail-{fitting}x-" in source
    assert loaded.count(source) == 1
    assert [each for each in loaded if "thumbnail" in each and "200x200" not in each] == [source]
    assert shown_width(image) == pytest.approx(PHOTO[width], rel=0.05)


@pytest.mark.parametrize("placeholder", ["", "blur"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_moves_while_pictures_arrive(
    visitor: Visitor, site: str, width: int, placeholder: str
):
    """On a page of many pictures and a slow network, the browser measures no layout shift."""
    page = visitor(base_url=site, viewport={"width": width, "height": 800})
    slow_network(page)
    observe(page, "layout-shift")
    rules = "img{max-width:100%;height:auto}.half,.half img{width:50%}.word{width:3em}"
    page.goto("/many/?" + query(rules=rules, placeholder=placeholder))
    scroll_to_the_end(page)

    assert page.locator("img").count() >= 20
    assert page.locator(".renditions-blur").count() == (16 if placeholder else 0)
    assert page.evaluate("window.seen") == []


def test_a_shift_would_be_measured(visitor: Visitor, site: str):
    """The test above can fail: a picture that has lost its size moves the page."""
    page = visitor(base_url=site)
    slow_network(page)
    observe(page, "layout-shift")
    page.goto("/many/?" + query(rules="img{height:auto;aspect-ratio:auto!important}"))
    scroll_to_the_end(page)

    assert page.evaluate("window.seen.length") > 0


def test_a_strict_policy_forbids_none_of_it(browser: Browser, site: str):
    """Under `default-src 'self'`, no picture and no placeholder violates the policy."""
    context = browser.new_context(base_url=site)
    page = context.new_page()
    page.add_init_script(
        "window.seen = []; document.addEventListener('securitypolicyviolation',"
        " event => window.seen.push(event.violatedDirective))"
    )

    for name in ("ways", "many"):
        answer = page.goto(f"/{name}/?placeholder=blur")
        assert answer
        assert answer.headers["content-security-policy"] == "default-src 'self'"
        assert page.locator(".renditions-blur").count() > 0
        scroll_to_the_end(page)
        assert page.evaluate("window.seen") == []
    # A violation would be seen.
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    wait_for(lambda: page.evaluate("window.seen.length === 1"), WAIT_S, "it is seen")
    context.close()


# ---- the blur ----------------------------------------------------------------------------------


@pytest.mark.parametrize("title", ["wide", "tall"])
def test_the_blur_is_seen_until_the_file_arrives(visitor: Visitor, site: str, title: str):
    """It has the colours of the picture at its corners, fills its place, and needs no script."""
    page = visitor(base_url=site, java_script_enabled=False)
    arrive = hold_pictures(page)
    page.goto("/one/?" + query(only=title, placeholder="blur"), wait_until="domcontentloaded")
    image = page.locator("img")

    before = screenshot(image)
    for name, corner in CORNERS.items():
        assert distance(corner_colour(before, corner), name) < 90, name
    # It is blurred: the middle is of none of the four colours.
    middle = before.getpixel((before.width // 2, before.height // 2))
    assert min(distance(middle, name) for name in CORNERS) > 90
    assert around(page, image) == {(255, 255, 255)}

    arrive.set()
    page.wait_for_load_state("load")
    after = screenshot(image)
    for name, corner in CORNERS.items():
        assert distance(corner_colour(after, corner), name) < 20, name
    assert around(page, image) == {(255, 255, 255)}


def test_a_colour_is_seen_until_the_file_arrives(visitor: Visitor, site: str):
    """The whole place has one colour."""
    page = visitor(base_url=site)
    hold_pictures(page)
    page.goto("/one/?" + query(only="wide", placeholder="color"), wait_until="domcontentloaded")

    (colour,) = {colour for _, colour in screenshot(page.locator("img")).getcolors() or []}
    assert colour != (255, 255, 255)


def test_a_transparent_picture_has_no_blur(visitor: Visitor, site: str):
    """The page is seen through it, before and after."""
    page = visitor(base_url=site)
    arrive = hold_pictures(page)
    page.goto("/one/?" + query(only="transparent", placeholder="blur"), wait_until="commit")
    image = page.locator("img")

    assert distance(corner_colour(screenshot(image), (0, 0)), "white") == 0
    arrive.set()
    page.wait_for_load_state("load")
    after = screenshot(image)
    assert distance(corner_colour(after, (0, 0)), "blue") < 30
    assert after.getpixel((after.width // 2, after.height // 2)) == (255, 255, 255)


@pytest.mark.parametrize(
    "rules",
    [
        "",
        "img{max-width:100%;height:auto}",
        "img{width:100%;height:auto}",
        "img{display:block;width:100%;height:auto}",
        "img{display:block;margin:auto}",
        "img{width:60px;height:auto}",
        "img{float:right}",
        ".place{aspect-ratio:1}img{display:block;width:100%;height:100%;object-fit:cover}",
        ".place{position:relative;height:90px}.renditions-picture{position:static}"
        "img{position:absolute;inset:0;width:100%;height:100%;object-fit:cover}",
        ".place{display:grid}img{width:100%;height:auto}",
        ".place{display:flex}",
        ".place{overflow:auto;white-space:nowrap;width:200px}",
        ".link{display:block;overflow:hidden;border-radius:20px}img{width:100%;height:auto}",
    ],
)
@pytest.mark.parametrize("title", ["wide", "small"])
def test_a_page_places_a_blurred_picture_as_any_other(
    visitor: Visitor, site: str, title: str, rules: str
):
    """The blur is exactly behind the picture, which is where it would be without a blur."""
    page = visitor(base_url=site)
    rules = f"body{{margin:30px}}.place{{width:400px;background:#fed}}{rules}"
    page.goto("/one/?" + query(only=title, rules=rules))
    expected = page.locator("img").bounding_box()

    page.goto("/one/?" + query(only=title, rules=rules, placeholder="blur"))

    assert page.locator("img").bounding_box() == expected
    assert page.locator(".renditions-blur").bounding_box() == expected


# ---- what the tests need -----------------------------------------------------------------------


def query(**values: str) -> str:
    return urlencode({name: value for name, value in values.items() if value})


def note_pictures(page: Page) -> list[str]:
    """Return a list to which the address of each picture is added when it is requested."""
    requested: list[str] = []
    page.on(
        "request",
        lambda request: requested.append(request.url) if "/media/" in request.url else None,
    )
    return requested


def scroll_to_the_end(page: Page) -> None:
    """Scroll so that all lazy pictures are loaded, and wait for them."""
    for image in page.locator("img:visible").all():
        image.scroll_into_view_if_needed()
    all_loaded = "[...document.images].every(image => image.hidden || image.complete)"
    # Not `wait_for_function`, which a strict policy forbids: it evaluates a text in the page.
    wait_for(lambda: page.evaluate(all_loaded), WAIT_S, "all pictures are loaded", every_s=0.1)


def current_source(image: Locator) -> str:
    expect(image).to_have_js_property("complete", True)
    return str(image.evaluate("image => image.currentSrc"))


def shown_width(image: Locator) -> float:
    box = image.bounding_box()
    assert box
    return box["width"]


def slow_network(page: Page) -> None:
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 150,
            "downloadThroughput": 200_000,
            "uploadThroughput": 200_000,
        },
    )


def observe(page: Page, kind: str) -> None:
    """Collect the browser's own measurements of this kind in `window.seen`."""
    page.add_init_script(
        "window.seen = []; new PerformanceObserver(list => window.seen.push("
        "...list.getEntries().map(each => each.toJSON())))"
        f".observe({{type: '{kind}', buffered: true}})"
    )


def hold_pictures(page: Page) -> "Held":
    held = Held()
    page.route("**/media/**", held.hold)
    return held


class Held:
    """Requests for pictures that get no answer until `set` is called."""

    def __init__(self) -> None:
        self._routes: list[Route] = []
        self._may_pass = False

    def hold(self, route: Route) -> None:
        if self._may_pass:
            route.continue_()
        else:
            self._routes.append(route)

    def set(self) -> None:
        self._may_pass = True
        for route in self._routes:
            route.continue_()


def screenshot(element: Locator) -> Image.Image:
    return Image.open(BytesIO(element.screenshot())).convert("RGB")


def corner_colour(picture: Image.Image, corner: tuple[int, int]) -> tuple[float, ...]:
    """Return the mean colour of a ninth of the picture; (1, 0) is the top right corner."""
    width, height = picture.width // 3, picture.height // 3
    left = (picture.width - width) * corner[0]
    top = (picture.height - height) * corner[1]
    return tuple(ImageStat.Stat(picture.crop((left, top, left + width, top + height))).mean)


def distance(colour: Any, name: str) -> float:
    """Return the largest difference of a channel."""
    wanted = Image.new("RGB", (1, 1), name).getpixel((0, 0))
    return max(abs(a - b) for a, b in zip(colour, wanted, strict=True))


def around(page: Page, image: Locator) -> set[Any]:
    """Return the colours of a frame of 4 px around the picture, a pixel apart from it."""
    box = image.bounding_box()
    assert box
    left, top = box["x"] - 5, box["y"] - 5
    width, height = box["width"] + 10, box["height"] + 10
    whole = Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB")
    frame = whole.crop((int(left), int(top), int(left + width), int(top + height)))
    frame.paste("white", (4, 4, frame.width - 4, frame.height - 4))
    return {colour for _, colour in frame.getcolors() or []}
