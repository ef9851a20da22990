"""The API, without broker, cache and workers: uploads still work."""

import pytest

from tests.conftest import four_corners
from tests.service.installation import Installation

PICTURE = four_corners(64, 48)
NAMES = [
    "original",
    *("hero", "card", "square", "tall", "negative", "small"),
]


def test_upload_answers_with_the_photo(web: Installation):
    """An upload answers 201 with the address and the state of every rendition."""
    answer = web.upload(PICTURE, "harbour.jpg", title="Harbour")

    photo = answer.json()
    assert answer.status_code == 201
    assert list(photo) == ["id", "url", "page", "title", "image", "warm"]
    assert photo["title"] == "Harbour"
    assert list(photo["image"]) == NAMES
    assert all(url.startswith(f"{web.address}media/") for url in photo["image"].values())
    assert photo["warm"] == {"state": "queued", "created": [], "failed": []}
    assert web.get(f"api/photos/{photo['id']}/").json() == photo


def test_upload_says_where_the_photo_is(web: Installation):
    """The answer links to the photo in the API and to its page."""
    answer = web.upload(PICTURE, title="Harbour")

    photo = answer.json()
    assert answer.headers["Location"] == photo["url"]
    assert web.get(photo["url"]).json() == photo
    assert photo["page"] == f"{web.address}photos/{photo['id']}/"
    assert "Harbour" in web.get(photo["page"]).text


def test_original_is_kept_as_it_was_sent(web: Installation):
    """The address of the original serves the uploaded bytes unchanged."""
    sent = four_corners(64, 48, "PNG")

    served = web.get(web.upload(sent, "a.png").json()["image"]["original"])

    assert served.content == sent
    assert served.headers["Content-Type"] == "image/png"


def test_focal_point_decides_the_crops(web: Installation):
    """The crops of an upload with `ppoi` are made around that point."""
    image = web.upload(PICTURE, ppoi="0.2x0.8").json()["image"]

    assert "crop-c0-2__0-8-400x400" in image["square"]


@pytest.mark.parametrize("ppoi", ["2x0.5", "left", "0.5", "nanx0.5"])
def test_wrong_focal_point_is_refused(web: Installation, ppoi: str):
    """An invalid focal point answers 400 and names the field."""
    answer = web.upload(PICTURE, ppoi=ppoi)

    assert answer.status_code == 400
    assert list(answer.json()) == ["ppoi"]


@pytest.mark.parametrize(
    "content",
    [b"Dear diary", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%!PS-Adobe-3.0 EPSF-3.0\n"],
    ids=["text", "svg", "eps"],
)
def test_file_that_is_no_picture_is_refused(web: Installation, content: bytes):
    """A file of another kind with the name of a picture answers 400 with the reason."""
    answer = web.upload(content, "photo.jpg")

    (reason,) = answer.json()["image"]
    assert answer.status_code == 400
    assert len(reason) > 20


def test_missing_fields_are_named(web: Installation):
    """An upload without title and image answers 400 and names both."""
    answer = web.post("api/photos/", files={"other": ("a.txt", b"x")})

    assert answer.status_code == 400
    assert set(answer.json()) == {"title", "image"}


@pytest.mark.parametrize("size", [1024 * 1024 + 1, 3 * 1024 * 1024], ids=["just", "far"])
def test_too_large_file_is_refused(web: Installation, size: int):
    """A file above the limit answers 413 and names the limit."""
    content = PICTURE + bytes(size)

    answer = web.upload(content)

    assert answer.status_code == 413
    assert "1.0\xa0MB" in answer.json()["detail"]


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd.jpg", "..\\..\\boot.jpg", "/abs.jpg", "page.html", "x" * 400 + ".jpg",
     "смола.jpg", ".jpg", "noext", "a b?c#d%00.jpg"],
)  # fmt: skip
def test_hostile_names_become_harmless(web: Installation, name: str):
    """A file with a hostile name is stored in the folder of photos and served as a picture."""
    answer = web.upload(PICTURE, name)

    address = answer.json()["image"]["original"]
    folder, _, kept = address.removeprefix(f"{web.address}media/").partition("/")
    served = web.get(address)
    assert answer.status_code == 201
    assert folder == "photos"
    assert "/" not in kept
    assert served.headers["Content-Type"] == "image/jpeg"


def test_errors_are_in_the_language_of_the_client(web: Installation):
    """The reasons of a refused upload are translated."""
    files = {"image": ("a.jpg", b"Dear diary")}
    data = {"title": "Diary", "ppoi": "left"}
    answer = web.post("api/photos/", files=files, data=data, headers={"Accept-Language": "de"})

    errors = answer.json()
    assert "Die Datei ist kein Bild in einem zulässigen Format." in errors["image"][0]
    assert "ist kein Fokuspunkt" in errors["ppoi"][0]


def test_list_is_paged(web: Installation):
    """The list has 24 photos on a page, the newest first, and a link to the next page."""
    for number in range(25):
        assert web.upload(four_corners(8, 8), title=f"Number {number}").status_code == 201

    first = web.get("api/photos/").json()
    second = web.get(first["next"]).json()

    assert first["count"] >= 25
    assert [photo["title"] for photo in first["results"]][:2] == ["Number 24", "Number 23"]
    assert len(first["results"]) == 24
    assert second["results"][0]["title"] == "Number 0"


def test_unknown_photo_is_json(web: Installation):
    """An unknown photo answers 404 in JSON."""
    answer = web.get("api/photos/999999/")

    assert answer.status_code == 404
    assert "detail" in answer.json()


def test_only_users_upload_by_default(closed_web: Installation):
    """By default, only users who are logged in may upload."""
    answer = closed_web.upload(PICTURE)

    assert answer.status_code == 403
    assert "detail" in answer.json()


def test_requests_of_a_client_are_limited(closed_web: Installation):
    """A client that asks too often gets 429 and the time when it may ask again."""
    answers = [closed_web.get("api/photos/") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) <= 60
