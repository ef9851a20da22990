"""The public pages, where neither broker nor cache nor worker is there."""

import re

import pytest

from .conftest import Service, picture


def token(web: Service) -> str:
    """Return the form's token, as a browser would send it."""
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', web.get("").text)
    assert found
    return found[1]


def test_form_adds_a_photo(web: Service):
    """The form leads to the page of the new photo, which says that its renditions are owed."""
    data = {"title": "From the form", "csrfmiddlewaretoken": token(web)}
    answer = web.post("", data=data, files={"image": ("a.jpg", picture())})

    assert re.fullmatch(rf"{web.address}photos/\d+/", answer.url)
    assert "From the form" in answer.text
    assert "queued 0/8" in answer.text
    assert "data-pending" in answer.text


def test_form_says_what_is_wrong(web: Service):
    """A file that is no picture brings the form back with the reason."""
    data = {"title": "Diary", "csrfmiddlewaretoken": token(web)}
    answer = web.post("", data=data, files={"image": ("a.jpg", b"Dear diary")})

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


def test_too_large_a_file_has_a_page(web: Service):
    """A browser that sends too much is shown the limit."""
    answer = web.post("", files={"image": ("a.jpg", bytes(3 * 1024 * 1024))})

    assert answer.status_code == 413
    assert "larger than 1.0\xa0MB" in answer.text


@pytest.mark.parametrize("path", ["photos/999999/", "no/such/page", "media/photos/gone.jpg"])
def test_what_is_not_there_has_a_page_with_a_way_back(web: Service, path: str):
    """An address that leads nowhere is answered in the gallery's style."""
    answer = web.get(path)

    assert answer.status_code == 404
    assert "gallery/gallery.css" in answer.text
    assert '<a class="button" href="/">' in answer.text


def test_form_needs_its_token(web: Service):
    """Another site cannot post in a visitor's name."""
    answer = web.post("", data={"title": "x"}, files={"image": ("a.jpg", picture())})

    assert answer.status_code == 403


def test_stranger_sees_no_form_by_default(closed_web: Service):
    """Where only users upload, a stranger is led to the login instead."""
    page = closed_web.get("").text

    assert "Log in to upload" in page
    assert "<form" not in page


def test_titles_are_text(web: Service):
    """A title with markup in it is shown as it was typed."""
    photo = web.upload(picture(), title="<script>alert(1)</script>").json()

    page = web.get(f"photos/{photo['id']}/").text

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_part_of_a_page_is_that_part_alone(web: Service):
    """What the script asks for again and again holds no head and no form."""
    assert web.get("?part=1").text.lstrip().startswith('<ul class="grid">')


def test_pages_are_strict_with_browsers(web: Service):
    """No page runs a script or takes a style that is not a file of ours."""
    answer = web.get("")

    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert not re.search(r"<style|style=|<script(?! src)| on\w+=", answer.text)


def test_files_of_the_page_are_served(web: Service):
    """Style and script come from the web server itself."""
    for path in re.findall(r'/(static/[^"]+)', web.get("").text):
        assert web.get(path).status_code == 200


def test_uploads_cannot_act_as_pages(web: Service):
    """What somebody uploaded is served in a sandbox."""
    served = web.get(web.upload(picture()).json()["image"]["original"])

    assert served.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert served.headers["X-Content-Type-Options"] == "nosniff"


def test_media_stays_in_its_folder(web: Service):
    """No address under the media leads out of it."""
    for path in ("media/../db.sqlite3", "media/%2e%2e/db.sqlite3", "media//etc/passwd"):
        assert web.get(path).status_code in (400, 404)
