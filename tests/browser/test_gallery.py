"""The gallery in a browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.conftest import four_corners

from .conftest import ADMIN, PASSWORD, Gallery

pytestmark = pytest.mark.browser

RENDITIONS = 6


def test_renditions_appear_by_themselves(page: Page, gallery: Gallery, tmp_path: Path):
    """After an upload, the page shows each rendition as it is made, without a reload."""
    gallery.suspend_worker()
    page.goto("/")
    _choose(page.get_by_label("Photograph"), "harbour-at-noon.jpg", four_corners(1800, 1200))
    # The page takes it from the name of the file.
    expect(page.get_by_label("Title")).to_have_value("harbour at noon")
    _upload(page, "Harbour", four_corners(1800, 1200))
    expect(page.get_by_role("heading", name="Harbour")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text(f"queued 0/{RENDITIONS}")
    page.screenshot(path=tmp_path / "queued.png", full_page=True)
    page.evaluate("window.neverReloaded = true")

    gallery.resume_worker()
    expect(page.get_by_role("status")).to_have_text("done")

    pictures = page.get_by_role("figure").get_by_role("img")
    expect(pictures).to_have_count(RENDITIONS)
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 0
    page.screenshot(path=tmp_path / "done.png", full_page=True)
    assert page.evaluate("window.neverReloaded") is True


def test_gallery_shows_the_card_as_soon_as_it_is_made(page: Page, gallery: Gallery, tmp_path: Path):
    """An open list shows the card of a new photo as it is made, without a reload."""
    gallery.suspend_worker()
    _upload(page, "Lighthouse", four_corners(900, 600))
    page.goto("/")
    card = page.get_by_role("listitem").filter(has_text="Lighthouse")
    expect(card).to_contain_text("queued")
    expect(card.locator("img")).to_have_count(0)

    gallery.resume_worker()
    expect(card).to_contain_text("done")

    expect(card.locator("img")).to_have_js_property("complete", True)
    assert "384x256" in card.locator("img").evaluate("image => image.currentSrc")
    page.screenshot(path=tmp_path / "gallery.png", full_page=True)


def test_failure_is_explained_and_retried_by_click(page: Page, gallery: Gallery, tmp_path: Path):
    """A page says why its picture failed; a repair and a retry in the admin make its renditions."""
    whole = four_corners(1000, 700)
    _upload(page, "Storm", whole[: len(whole) // 2])
    expect(page.get_by_role("status")).to_have_text("failed")
    reason = "The upload is incomplete. Upload the file again."
    expect(page.get_by_role("alert").first).to_contain_text(reason)
    photo = page.url
    page.screenshot(path=tmp_path / "failed.png", full_page=True)
    (original,) = (gallery.media / "photos").glob("storm*")
    original.write_bytes(whole)

    page.goto("/admin/rendition_workers/warmjob/")
    _log_in(page)
    row = page.get_by_role("row").filter(has_text="gallery.Photo")
    expect(row).to_contain_text("Failed")
    expect(row).to_contain_text(reason)
    page.screenshot(path=tmp_path / "admin.png", full_page=True)
    row.get_by_role("checkbox").check()
    page.get_by_label("Action:").select_option("Retry failed renditions")
    page.get_by_role("button", name="Run").or_(page.get_by_role("button", name="Go")).click()

    expect(page.get_by_text("1 failed job was queued again.")).to_be_visible()
    page.screenshot(path=tmp_path / "retried.png", full_page=True)
    page.goto(photo)
    expect(page.get_by_role("status")).to_have_text("done")
    expect(page.get_by_role("figure").get_by_role("img")).to_have_count(RENDITIONS)


def test_admin_shows_a_picture_as_soon_as_it_is_chosen(page: Page, tmp_path: Path):
    """An editor sees a chosen picture, and can set its focal point, before saving it."""
    page.goto("/admin/gallery/photo/add/")
    _log_in(page)
    page.get_by_label("Title").fill("Pier")
    _choose(page.get_by_label("Image"), "pier.jpg", four_corners(600, 400))
    picture = page.locator(".ppoi-picture")
    expect(picture).to_have_js_property("naturalWidth", 600)
    page.screenshot(path=tmp_path / "chosen.png", full_page=True)
    # The form has no second input for it, which would be ignored.
    expect(page.get_by_label("Focal point")).to_have_count(1)

    picture.click(position={"x": 30, "y": 30})
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("was added successfully")).to_be_visible()
    saved = page.request.get("/api/photos/").json()["results"][0]
    assert saved["title"] == "Pier"
    assert "crop-c0-0" in saved["image"]["square"]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize(
    "title", ["A title that was typed without thinking of phones, " * 2, "x" * 120],
    ids=["words", "one word"],
)  # fmt: skip
def test_no_title_is_too_long_for_a_page(page: Page, tmp_path: Path, width: int, title: str):
    """A page with a long title never scrolls sideways."""
    page.set_viewport_size({"width": width, "height": 844})
    sent = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": four_corners(90, 60)}
    fields = {"title": title[:120], "image": sent}
    photo = page.request.post("/api/photos/", multipart=fields).json()

    for name, address in {"gallery": "/", "photo": f"/photos/{photo['id']}/"}.items():
        page.goto(address)
        page.screenshot(path=tmp_path / f"{name}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", ["de", "fr", "es"])
def test_no_language_is_too_long_for_a_page(
    page: Page, gallery: Gallery, tmp_path: Path, width: int, language: str
):
    """Pages are in the language of the browser, and no text makes a page scroll sideways."""
    whole = four_corners(90, 60)
    contents = {"done": whole, "failed": whole[: len(whole) // 2]}
    addresses = {"gallery": "/"}
    for state, content in contents.items():
        sent = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": content}
        photo = page.request.post("/api/photos/", multipart={"title": state, "image": sent}).json()
        addresses[state] = f"/photos/{photo['id']}/"
    page.set_viewport_size({"width": width, "height": 844})
    page.set_extra_http_headers({"Accept-Language": language})

    for name, address in addresses.items():
        page.goto(address)
        if name in contents:
            expect(page.locator(f".state.{name}")).to_be_visible()
        page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        assert page.locator("html").get_attribute("lang") == language
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def _log_in(page: Page) -> None:
    page.get_by_label("Username").fill(ADMIN)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def _upload(page: Page, title: str, content: bytes) -> None:
    page.goto("/")
    page.get_by_label("Title").fill(title)
    _choose(page.get_by_label("Photograph"), f"{title.lower()}.jpg", content)
    page.get_by_role("button", name="Upload").click()
    page.wait_for_url("**/photos/*/")


def _choose(field: Locator, name: str, content: bytes) -> None:
    field.set_input_files({"name": name, "mimeType": "image/jpeg", "buffer": content})
