"""The panel of an object in the admin, in a browser: live, and with a button to try again."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import four_corners
from tests.service.processes import START_S
from tests.service.waiting import wait_for

from .conftest import ADMIN, PASSWORD, Gallery

pytestmark = pytest.mark.browser

WHOLE = four_corners(1000, 700)
CUT_OFF = WHOLE[: len(WHOLE) // 2]
REASON = "The upload is incomplete. Upload the file again."
# Those of the gallery for a photo of this size: six single ones, two of "card", four of "photo".
RENDITIONS = 12


def test_the_panel_is_live(page: Page, gallery: Gallery):
    """The panel goes from queued to done without a reload, and an edit in the form stays."""
    gallery.suspend_worker()
    open_photo(page, upload(page, "Harbour", WHOLE))
    expect(status(page)).to_have_text(f"queued 0/{RENDITIONS}")
    page.get_by_label("Title").fill("Not saved yet")
    page.evaluate("window.neverReloaded = true")

    gallery.resume_worker()

    expect(status(page)).to_have_text(f"done {RENDITIONS}/{RENDITIONS}")
    expect(panel(page).get_by_role("link")).to_have_count(RENDITIONS)
    expect(page.get_by_label("Title")).to_have_value("Not saved yet")
    assert page.evaluate("window.neverReloaded") is True


def test_polls_end_with_the_work(page: Page):
    """A panel whose state is final asks the server nothing more."""
    open_photo(page, upload(page, "Harbour", WHOLE))
    expect(status(page)).to_have_text(f"done {RENDITIONS}/{RENDITIONS}")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.wait_for_timeout(2_000)  # three times the time between two requests

    assert asked == []


def test_a_failure_is_tried_again_in_place(page: Page, gallery: Gallery):
    """The reason is read out, and the button makes the renditions without leaving the form."""
    photo = upload(page, "Storm", CUT_OFF)
    open_photo(page, photo)
    expect(status(page)).to_have_text(f"failed 0/{RENDITIONS}")
    expect(panel(page).get_by_text(REASON)).to_have_count(1)
    original(gallery, "storm").write_bytes(WHOLE)
    page.get_by_label("Title").fill("Not saved yet")
    page.evaluate("window.neverReloaded = true")

    # By keyboard: the focus is not lost when the button goes.
    button(page).focus()
    page.keyboard.press("Enter")

    expect(status(page)).to_have_text(f"done {RENDITIONS}/{RENDITIONS}")
    expect(button(page)).to_have_count(0)
    expect(status(page)).to_be_focused()
    expect(panel(page).get_by_text(REASON)).to_have_count(0)
    expect(page.get_by_label("Title")).to_have_value("Not saved yet")
    assert page.evaluate("window.neverReloaded") is True


def test_without_javascript_a_reload_shows_the_state(
    browser: Browser, page: Page, gallery: Gallery
):
    """The button is a button of a form: the page comes back and says what happened."""
    address = upload(page, "Fog", CUT_OFF)
    context = browser.new_context(base_url=gallery.address, java_script_enabled=False)
    plain = context.new_page()
    open_photo(plain, address)
    reload_until(plain, f"failed 0/{RENDITIONS}")
    original(gallery, "fog").write_bytes(WHOLE)

    button(plain).click()

    expect(plain.get_by_text("The renditions were queued again.")).to_be_visible()
    reload_until(plain, f"done {RENDITIONS}/{RENDITIONS}")
    context.close()


def test_after_the_end_of_the_session_the_form_is_not_lost(page: Page):
    """The button then says that the server refused it, and the edit is still there."""
    open_photo(page, upload(page, "Gale", CUT_OFF))
    expect(status(page)).to_have_text(f"failed 0/{RENDITIONS}")
    page.get_by_label("Title").fill("Not saved yet")
    page.context.clear_cookies(name="sessionid")

    button(page).click()

    expect(panel(page).get_by_role("alert")).to_contain_text("The server refused it.")
    expect(page.get_by_label("Title")).to_have_value("Not saved yet")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_every_screen_shows_list_and_panel(page: Page, tmp_path: Path, width: int, scheme: str):
    """Neither the list nor the panel makes the page scroll sideways on its own."""
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    addresses = {
        "done": upload(page, "Harbour", WHOLE),
        "failed": upload(page, "Storm", CUT_OFF),
    }
    for state, address in addresses.items():
        open_photo(page, address)
        expect(status(page)).to_contain_text(state)
        page.screenshot(path=tmp_path / f"{state}.png", full_page=True)
        box = panel(page).bounding_box()
        assert box
        assert box["x"] + box["width"] <= width
        inside = "panel => panel.scrollWidth <= panel.clientWidth"
        assert panel(page).evaluate(inside)

    page.goto("/admin/gallery/photo/")
    row = page.get_by_role("row").filter(has_text="Storm").first
    expect(row).to_contain_text(REASON)
    picture = page.locator("img.rendition-thumbnail").first
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 0
    page.screenshot(path=tmp_path / "list.png", full_page=True)


def upload(page: Page, title: str, content: bytes) -> str:
    """Add a photo; return the address of its page in the admin."""
    sent = {"name": f"{title.lower()}.jpg", "mimeType": "image/jpeg", "buffer": content}
    answer = page.request.post("/api/photos/", multipart={"title": title, "image": sent})
    return f"/admin/gallery/photo/{answer.json()['id']}/change/"


def open_photo(page: Page, address: str) -> None:
    # The form itself has a preview, which is missing if the picture is broken.
    page.route("**/*-thumbnail-300x300-*", lambda route: route.fulfill(body=WHOLE))
    page.goto(address)
    if "/login/" in page.url:
        page.get_by_label("Username").fill(ADMIN)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
    expect(panel(page)).to_be_visible()


def reload_until(page: Page, text: str) -> None:
    """Reload as a visitor does, until the status is this text."""

    def shown() -> bool:
        page.reload()
        return status(page).text_content() == text

    wait_for(shown, START_S, f"the panel says {text}")


def panel(page: Page) -> Locator:
    return page.get_by_role("region", name="Renditions")


def status(page: Page) -> Locator:
    return panel(page).get_by_role("status")


def button(page: Page) -> Locator:
    return panel(page).get_by_role("button", name="Try again: image")


def original(gallery: Gallery, stem: str) -> Path:
    """Return the newest file that was uploaded under this name."""
    files = (gallery.media / "photos").glob(f"{stem}*")
    return max(files, key=lambda file: file.stat().st_mtime)
