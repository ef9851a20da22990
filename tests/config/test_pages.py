"""The public pages, without broker, cache and workers."""

import re
from html.parser import HTMLParser

import pytest

from tests.conftest import four_corners
from tests.service.installation import Installation

PICTURE = four_corners(64, 48)


def token(web: Installation) -> str:
    """Return the CSRF token of the form, as a browser sends it."""
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', web.get("").text)
    assert found
    return found[1]


def test_form_adds_a_photo(web: Installation):
    """The form leads to the page of the new photo, which says that its renditions are queued."""
    data = {"title": "From the form", "csrfmiddlewaretoken": token(web)}
    answer = web.post("", data=data, files={"image": ("a.jpg", PICTURE)})

    assert re.fullmatch(rf"{web.address}photos/\d+/", answer.url)
    assert "From the form" in answer.text
    assert "queued 0/6" in answer.text
    assert "data-pending" in answer.text


def test_form_says_what_is_wrong(web: Installation):
    """After a file that is no picture, the form is shown again with the reason."""
    data = {"title": "Diary", "csrfmiddlewaretoken": token(web)}
    answer = web.post("", data=data, files={"image": ("a.jpg", b"Dear diary")})

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


def test_too_large_file_has_a_page(web: Installation):
    """A visitor who sends a file above the limit sees a page that names the limit."""
    answer = web.post("", files={"image": ("a.jpg", bytes(3 * 1024 * 1024))})

    assert answer.status_code == 413
    assert "larger than 1.0\xa0MB" in answer.text


@pytest.mark.parametrize("path", ["photos/999999/", "no/such/page", "media/photos/gone.jpg"])
def test_unknown_address_has_a_page_with_a_link_back(web: Installation, path: str):
    """An unknown address answers 404 with a page in the style of the gallery."""
    answer = web.get(path)

    assert answer.status_code == 404
    assert "gallery/gallery.css" in answer.text
    assert '<a class="button" href="/">' in answer.text


def test_form_needs_its_token(web: Installation):
    """Another site cannot make a visitor's browser upload (CSRF)."""
    answer = web.post("", data={"title": "x"}, files={"image": ("a.jpg", PICTURE)})

    assert answer.status_code == 403


def test_stranger_sees_no_form_by_default(closed_web: Installation):
    """By default, a visitor who is not logged in sees a link to the login instead of the form."""
    page = closed_web.get("").text

    assert "Log in to upload" in page
    assert "<form" not in page


def test_titles_are_text(web: Installation):
    """A title with HTML in it is shown as it was typed."""
    photo = web.upload(PICTURE, title="<script>alert(1)</script>").json()

    page = web.get(f"photos/{photo['id']}/").text

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_part_of_a_page_is_only_that_part(web: Installation):
    """The part that the script polls has no head and no form."""
    assert web.get("?part=1").text.lstrip().startswith('<ul class="grid">')


@pytest.mark.parametrize("language", ["de", "fr", "es"])
def test_pages_are_in_the_language_of_the_browser(web: Installation, language: str):
    """No English text is left on a translated page, apart from names."""
    photo = web.upload(PICTURE).json()
    titles = {each["title"] for each in web.get("api/photos/").json()["results"]}
    names = {*titles, *photo["image"], "API", "Original"}

    for path in ("", photo["page"], "no/such/page"):
        translated = web.get(path, headers={"Accept-Language": f"{language}-XX, en;q=0.5"})
        same = texts(translated.text) & texts(web.get(path).text)
        assert {text for text in same - names if "__" not in text} == set()
        assert f'<html lang="{language}">' in translated.text
        assert "Accept-Language" in translated.headers["Vary"]


def test_refusals_are_in_the_language_of_the_request(web: Installation):
    """Each answer is in its request's language, whatever the thread has served before."""
    large = {"image": ("a.jpg", bytes(3 * 1024 * 1024))}
    expected = {"en": "The file is larger than", "de": "Die Datei ist größer als"}

    for _ in range(8):
        for language, text in expected.items():
            headers = {"Accept-Language": language}
            assert text in web.post("", files=large, headers=headers).text
            assert text in web.post("api/photos/", files=large, headers=headers).json()["detail"]


def texts(page: str) -> set[str]:
    """Return the texts that a page shows."""
    found: set[str] = set()

    class Collector(HTMLParser):
        def handle_data(self, data: str) -> None:
            if re.search(r"[^\W\d_]", data):
                found.add(" ".join(data.split()))

    Collector().feed(page)
    return found


def test_pages_are_strict_with_browsers(web: Installation):
    """A page runs only scripts and styles that are files of the installation."""
    answer = web.get("")

    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert not re.search(r"<style|style=|<script(?! src)| on\w+=", answer.text)


def test_files_of_the_page_are_served(web: Installation):
    """The web server serves the style sheet and the script itself."""
    for path in re.findall(r'/(static/[^"]+)', web.get("").text):
        assert web.get(path).status_code == 200


def test_uploads_cannot_act_as_pages(web: Installation):
    """An uploaded file is served in a sandbox, so that it runs no script."""
    served = web.get(web.upload(PICTURE).json()["image"]["original"])

    assert served.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert served.headers["X-Content-Type-Options"] == "nosniff"


def test_a_missing_rendition_is_made(web: Installation):
    """Without a worker, a page shows renditions all the same, because its requests make them."""
    renditions = web.upload(PICTURE).json()["image"]

    for name in ("square", "square"):
        answer = web.get(renditions[name])
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_media_stays_in_its_folder(web: Installation):
    """No address below /media/ serves a file from another folder."""
    for path in ("media/../db.sqlite3", "media/%2e%2e/db.sqlite3", "media//etc/passwd"):
        assert web.get(path).status_code in (400, 404)
