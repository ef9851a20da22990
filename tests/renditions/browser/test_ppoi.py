"""The focal point as a person sets it: by mouse, finger and keyboard, in a real browser."""

import os
import re
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from playwright.sync_api import expect

from tests.app.models import Card, Person
from tests.conftest import four_corners

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SCREENSHOTS = Path(__file__).parents[3] / "var/screenshots"
# Playwright runs an event loop in this thread, where Django would refuse database queries.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture
def person(settings):
    settings.ROOT_URLCONF = "tests.renditions.browser.site"
    settings.MIDDLEWARE = ["tests.renditions.browser.site.strict", *settings.MIDDLEWARE]
    picture = ContentFile(four_corners(600, 400), "a.jpg")
    return Person.objects.create(name="Ada", headshot=picture)


@pytest.fixture
def open_page(browser, live_server, person):
    """Return a function that opens a page of the admin as its superuser.

    Whatever the policy forbids, and whatever goes wrong in a script, fails the test.
    """
    complaints = []
    contexts = []

    def open_it(url=None, **options):
        url = url or f"/admin/app/person/{person.pk}/change/"
        context = browser.new_context(**{"viewport": {"width": 1000, "height": 900}, **options})
        contexts.append(context)
        context.add_cookies([login(live_server)])
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(live_server.url + url)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert [text for text in complaints if "404" not in text] == []


def login(live_server):
    user, _ = get_user_model().objects.get_or_create(
        username="root", is_staff=True, is_superuser=True
    )
    client = Client()
    client.force_login(user)
    return {
        "name": "sessionid",
        "value": client.cookies["sessionid"].value,
        "url": live_server.url,
    }


def point(page):
    return page.get_by_role("slider", name="Focal point")


def value(page):
    return tuple(map(float, page.locator(".ppoi-input").input_value().split("x")))


def at(page, x, y):
    """Return the position of the share (x, y) of the picture on the screen."""
    box = page.locator(".ppoi-picture").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def near(found, wanted, by=0.011):
    return all(abs(a - b) <= by for a, b in zip(found, wanted, strict=True))


def save(page):
    page.locator("input[name=_continue]").click()
    page.wait_for_load_state()


def test_a_click_sets_the_point(open_page, person):
    """A save keeps it."""
    page = open_page()

    page.mouse.click(*at(page, 0.25, 0.75))

    assert near(value(page), (0.25, 0.75))
    save(page)
    person.refresh_from_db()
    assert near(person.headshot.ppoi, (0.25, 0.75))
    assert near(value(page), (0.25, 0.75))


def test_dragging_moves_the_point(open_page):
    """It stays inside the picture, wherever the mouse moves."""
    page = open_page()

    page.mouse.move(*at(page, 0.5, 0.5))
    page.mouse.down()
    page.mouse.move(*at(page, 0.7, 0.2), steps=5)
    assert near(value(page), (0.7, 0.2))
    page.mouse.move(*at(page, 1.5, -0.5), steps=5)
    page.mouse.up()
    page.mouse.move(*at(page, 0.1, 0.1), steps=5)

    assert value(page) == (1.0, 0.0)


def test_arrow_keys_move_the_point(open_page):
    """One press moves it by 0.01, with Shift by 0.1."""
    page = open_page()
    point(page).focus()

    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp", "Shift+ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)

    assert value(page) == (0.58, 0.59)
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    assert value(page) == (0.58, 0.59)


def test_a_finger_moves_the_point(open_page):
    """The page does not scroll meanwhile."""
    page = open_page(has_touch=True, is_mobile=True, viewport={"width": 400, "height": 800})
    page.locator(".ppoi-picture").scroll_into_view_if_needed()

    page.touchscreen.tap(*at(page, 0.3, 0.6))

    assert near(value(page), (0.3, 0.6), by=0.02)
    assert page.evaluate("getComputedStyle(document.querySelector('.ppoi-stage')).touchAction") == (
        "none"
    )


def test_a_screen_reader_reads_the_position_of_the_point(open_page):
    """It reads the name, the position and each move."""
    page = open_page()

    expect(point(page)).to_have_attribute("aria-valuetext", "50 % from the left, 50 % from the top")
    point(page).press("ArrowRight")
    expect(point(page)).to_have_attribute("aria-valuetext", "51 % from the left, 50 % from the top")
    expect(point(page)).to_have_attribute("aria-valuenow", "51")
    expect(page.get_by_label("Headshot:")).to_have_attribute("type", "file")


def test_crops_follow_the_point(open_page):
    """They have the sizes of the declared key sets."""
    page = open_page()
    crops = page.locator(".ppoi-crop")
    expect(crops).to_have_text(["120x60", "40x40", "30x30"])
    before = shown_in(page, 1)
    assert before["ratio"] == pytest.approx(1, abs=0.02)

    page.mouse.click(*at(page, 0.0, 0.5))
    left = shown_in(page, 1)
    page.mouse.click(*at(page, 0.999, 0.5))
    right = shown_in(page, 1)

    assert (left["left"], left["right"]) == pytest.approx((0, 2 / 3), abs=0.02)
    assert (before["left"], before["right"]) == pytest.approx((1 / 6, 5 / 6), abs=0.02)
    assert (right["left"], right["right"]) == pytest.approx((1 / 3, 1), abs=0.02)


def shown_in(page, number):
    """Return the part of the picture that a crop shows, as shares."""
    return (
        page.locator(".ppoi-crop")
        .nth(number)
        .evaluate(
            """crop => {
            const frame = crop.querySelector('.ppoi-frame').getBoundingClientRect();
            const image = crop.querySelector('img').getBoundingClientRect();
            const inner = frame.width - 2;
            const left = (frame.left + 1 - image.left) / image.width;
            return {left, right: left + inner / image.width, ratio: inner / (frame.height - 2)};
        }"""
        )
    )


def test_a_form_with_errors_keeps_the_point(open_page):
    page = open_page()
    page.mouse.click(*at(page, 0.2, 0.3))
    page.locator("#id_name").evaluate("field => field.value = 'x'.repeat(90)")

    save(page)

    expect(page.locator(".errorlist")).to_be_visible()
    assert near(value(page), (0.2, 0.3))
    expect(page.locator(".ppoi-picture")).to_be_visible()


def test_a_chosen_file_is_shown_at_once(open_page, person):
    """Its point starts at the centre."""
    page = open_page()
    page.mouse.click(*at(page, 0.2, 0.3))
    page.locator("input[type=file]").set_input_files(
        {"name": "b.png", "mimeType": "image/png", "buffer": four_corners(100, 200, "PNG")}
    )
    expect(page.locator(".ppoi-picture")).to_have_attribute("src", re.compile("^blob:"))
    page.wait_for_function("document.querySelector('.ppoi-picture').naturalHeight === 200")
    assert value(page) == (0.5, 0.5)

    page.mouse.click(*at(page, 0.8, 0.1))
    save(page)

    person.refresh_from_db()
    assert person.headshot.name == "people/b.png"
    assert near(person.headshot.ppoi, (0.8, 0.1))


def test_a_picture_can_be_cleared(open_page, person):
    """After the save, there is no point to set."""
    page = open_page()

    page.get_by_label("Clear").check()
    save(page)

    person.refresh_from_db()
    assert person.headshot.name == ""
    nothing_to_point_at(page)
    expect(page.locator("input[type=file]")).to_be_visible()


def test_an_empty_form_shows_the_picture_that_is_chosen(open_page):
    """It is shown before the save."""
    page = open_page("/admin/app/person/add/")
    nothing_to_point_at(page)

    page.locator("input[type=file]").set_input_files(
        {"name": "b.png", "mimeType": "image/png", "buffer": four_corners(200, 100, "PNG")}
    )

    expect(page.locator(".ppoi-stage")).to_be_visible()
    expect(page.locator(".ppoi-crop").first).to_be_visible()


@pytest.mark.parametrize("model", ["person", "author"])
def test_the_point_survives_an_add_form_that_comes_back(open_page, tmp_path, model):
    """The same file is chosen again, with our file input and with one of the project."""
    chosen = tmp_path / "chosen.jpg"
    chosen.write_bytes(four_corners(300, 300))
    page = open_page(f"/admin/app/{model}/add/")
    page.locator("input[name=name]").fill("bad")
    page.locator("input[type=file]").set_input_files(chosen)
    page.mouse.click(*at(page, 0.25, 0.75))
    assert near(value(page), (0.25, 0.75))
    save(page)
    assert near(value(page), (0.25, 0.75))

    page.locator("input[name=name]").fill("good")
    page.locator("input[type=file]").set_input_files(chosen)
    expect(page.locator(".ppoi-picture")).to_be_visible()
    assert near(value(page), (0.25, 0.75))
    save(page)

    assert near(Person.objects.get(name="good").headshot.ppoi, (0.25, 0.75))


def test_a_new_row_of_an_inline_has_its_own_point(open_page):
    """The admin copies a hidden template and sends an event."""
    page = open_page()
    page.evaluate(
        """() => {
            const row = document.createElement('div');
            const field = document.querySelector('.versatileimagefield').cloneNode(true);
            field.querySelector('.ppoi-input').value = '';
            row.id = 'row';
            row.append(field);
            document.querySelector('form#person_form').append(row);
            row.dispatchEvent(new CustomEvent('formset:added', {bubbles: true}));
        }"""
    )

    page.locator("#row").get_by_role("slider").press("ArrowLeft")

    assert page.locator("#row .ppoi-input").input_value() == "0.49x0.5"
    assert page.locator(".ppoi-input").first.input_value() == "0.5x0.5"


@pytest.mark.parametrize("content", [None, b"no picture"])
def test_a_message_replaces_a_broken_picture(open_page, person, content):
    """The rest of the form works."""
    default_storage.delete(person.headshot.name)
    if content:
        default_storage.save(person.headshot.name, ContentFile(content))

    page = open_page()

    expect(page.get_by_role("alert")).to_have_text("This picture cannot be shown.")
    nothing_to_point_at(page)
    page.locator("#id_name").fill("Bob")
    save(page)
    person.refresh_from_db()
    assert person.name == "Bob"


def test_a_chosen_file_that_is_no_picture_has_no_point(open_page):
    """After that, a chosen picture has one again."""
    page = open_page()
    chooser = page.locator("input[type=file]")

    chooser.set_input_files({"name": "b.png", "mimeType": "image/png", "buffer": b"no picture"})

    expect(page.get_by_role("alert")).to_be_visible()
    nothing_to_point_at(page)
    page.screenshot(path=SCREENSHOTS / "ppoi-broken.png")
    good = four_corners(100, 200, "PNG")
    chooser.set_input_files({"name": "b.png", "mimeType": "image/png", "buffer": good})
    expect(point(page)).to_be_visible()
    expect(page.locator(".ppoi-help")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


def nothing_to_point_at(page):
    """Assert that no point, no crops and no hint are visible."""
    for part in (".ppoi-point", ".ppoi-crops", ".ppoi-help"):
        expect(page.locator(part)).to_be_hidden()


def test_the_choice_of_nine_points_needs_no_script(open_page, person):
    card = Card.objects.create(title="one", image=ContentFile(four_corners(60, 40), "a.jpg"))
    page = open_page(f"/admin/app/card/{card.pk}/change/", java_script_enabled=False)

    page.get_by_role("combobox", name="Focal point").select_option(label="Bottom left")
    save(page)

    card.refresh_from_db()
    assert card.ppoi == (0.0, 1.0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1000, 400])
def test_the_widget_is_readable_in_both_themes(open_page, theme, width):
    """The contrast of text is sufficient in the light and the dark theme."""
    page = open_page(color_scheme=theme, viewport={"width": width, "height": 900})
    point(page).focus()
    page.keyboard.press("Shift+ArrowLeft")

    ink, paper = page.evaluate(
        """() => [
            getComputedStyle(document.querySelector('.ppoi-help')).color,
            getComputedStyle(document.body).backgroundColor,
        ]"""
    )

    assert contrast(ink, paper) >= 4.5
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"ppoi-{theme}-{width}.png")


def contrast(one, other):
    """Return the contrast ratio of WCAG 2.2, 1-21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
