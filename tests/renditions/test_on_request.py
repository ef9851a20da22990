"""The view behind a 404 of the media path."""

from collections import Counter
from datetime import timedelta
from io import BytesIO
from urllib.parse import quote, unquote

import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import connections
from django.test import Client
from django.urls import include, path
from PIL import Image
from storages.backends.s3 import S3Storage

from renditions import conf
from renditions.engine.single_flight import Deadline, seat, turn
from renditions.imaging.facts import PictureFacts
from renditions.imaging.geometry import FocalPoint, Size
from renditions.meta import column_value
from renditions.planning.keys import RenditionKey
from renditions.planning.plans import Original, plan_key
from renditions.signing import read_token
from tests.app.models import Card, Person, Poster, Story
from tests.conftest import four_corners
from tests.service.servers import s3_options as s3_server_options

from .conftest import CountingStorage

pytestmark = pytest.mark.django_db

KEYS = [
    "crop__120x60", "thumbnail__50x50", "crop__40x40", "filters__invert__url",
    "filters__invert__crop__30x30", "thumbnail__60x60__webp",
    "thumbnail__70x", "crop__20x20@2x", "crop__20x20@1.5x__webp",
]  # fmt: skip


class CountingCache(LocMemCache):
    """A cache that counts the calls of its methods."""

    calls: Counter[str] = Counter()

    def add(self, *args, **kwargs):
        self.calls["add"] += 1
        return super().add(*args, **kwargs)

    def get(self, *args, **kwargs):
        self.calls["get"] += 1
        return super().get(*args, **kwargs)

    def set(self, *args, **kwargs):
        self.calls["set"] += 1
        return super().set(*args, **kwargs)


@pytest.fixture(autouse=True)
def _declared(configure, monkeypatch):
    """Only one field declares renditions."""
    monkeypatch.setattr(Poster._meta.get_field("image"), "warm", ())
    configure(
        KEY_SETS={
            "headshot": [(key, key) for key in KEYS],
            "hero": [("h", "crop__9x9")],
            "lead": {"widths": [40, 80, 160], "ratio": "2/1", "formats": ["webp"]},
        }
    )


@pytest.fixture
def person(picture) -> Person:
    """A person whose renditions are not made."""
    return Person.objects.create(headshot=picture())


@pytest.fixture
def storage(monkeypatch) -> CountingStorage:
    """The storage of the headshots, which counts calls."""
    counting = CountingStorage()
    monkeypatch.setattr(Person._meta.get_field("headshot"), "storage", counting)
    return counting


@pytest.fixture
def cache_calls(settings) -> Counter[str]:
    """The calls of the cache."""
    backend = f"{__name__}.CountingCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "counting"}}
    CountingCache.calls.clear()
    return CountingCache.calls


def address(image, key: str, ppoi: FocalPoint | None = None) -> str:
    """Return the URL of a rendition."""
    parsed = RenditionKey.parse(key)
    original = Original("", "default", image.name, ppoi or FocalPoint(*image.ppoi))
    return f"/media/{quote(plan_key(original, parsed, conf.style(parsed)).path)}"


class ReadingClient(Client):
    """Reads each answer to its end, and closes it, as a browser does."""

    def request(self, **request):
        response = super().request(**request)
        response.body = response.getvalue()
        # `close` would end the transaction of the test.
        for close in response._resource_closers:
            close()
        return response


@pytest.fixture
def client() -> ReadingClient:
    return ReadingClient()


def shown(response) -> Image.Image:
    """Return the picture of an answer."""
    assert response.status_code == 200
    return Image.open(BytesIO(response.body))


# --- Declared renditions ---


@pytest.mark.parametrize("key", KEYS)
def test_a_declared_rendition_is_made_and_served(client, person, key):
    """The answer is the file that is on the storage from then on."""
    url = address(person.headshot, key)

    response = client.get(url)

    assert response.status_code == 200
    wanted = "webp" if key.endswith("webp") else "jpeg"
    assert response.headers["Content-Type"] == f"image/{wanted}"
    name = unquote(url).removeprefix("/media/")
    with person.headshot.storage.open(name) as file:
        assert response.body == file.read()
    assert [plan.path for plan in person.headshot.plans() if _exists(plan.path)] == [name]


@pytest.mark.parametrize("key", KEYS)
def test_a_rendition_of_a_heic_is_made_and_served(client, picture, key):
    """Its path has both extensions, and a browser gets a JPEG."""
    person = Person.objects.create(headshot=picture("a.heic"))
    url = address(person.headshot, key)

    response = client.get(url)

    wanted = "webp" if key.endswith("webp") else "jpeg"
    assert url.endswith(".webp" if wanted == "webp" else ".heic.jpg")
    assert response.headers["Content-Type"] == f"image/{wanted}"
    assert shown(response).format == wanted.upper()
    assert client.get(url.removesuffix(".jpg").removesuffix(".webp")).status_code == 404


def _exists(name: str) -> bool:
    return Person._meta.get_field("headshot").storage.exists(name)


def test_the_pixels_are_those_of_the_key(client, person):
    """The size is that of the key."""
    assert shown(client.get(address(person.headshot, "crop__120x60"))).size == (120, 60)


def test_a_browser_may_keep_it_and_run_nothing(client, person):
    """The headers say how long it may be kept, and that it is only a picture."""
    response = client.get(address(person.headshot, "crop__120x60"))

    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "Vary" not in response.headers


def test_the_settings_choose_the_headers(client, person, configure):
    """CACHE_CONTROL and CONTENT_TYPES hold here, too."""
    configure(CACHE_CONTROL="public, max-age=9", CONTENT_TYPES={"JPEG": "image/pjpeg"})
    response = client.get(address(person.headshot, "crop__120x60"))

    assert response.headers["Cache-Control"] == "public, max-age=9"
    assert response.headers["Content-Type"] == "image/pjpeg"


@pytest.mark.parametrize("header", ["ETag", "Last-Modified"])
def test_a_browser_that_has_it_gets_no_body(client, person, header):
    """A conditional request is answered with 304."""
    url = address(person.headshot, "crop__120x60")
    first = client.get(url)
    condition = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}[header]

    again = client.get(url, headers={condition: first.headers[header]})

    assert again.status_code == 304
    assert again.body == b""
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"]


def test_it_is_found_with_one_query(client, person, cache_calls, django_assert_num_queries):
    """An existing file costs the query for its row, and no call to the cache."""
    url = address(person.headshot, "crop__120x60")
    client.get(url)
    cache_calls.clear()

    with django_assert_num_queries(1):
        assert shown(client.get(url)).size == (120, 60)
    assert cache_calls == {}


def test_an_existing_file_is_served_as_it_is(client, person, storage):
    """A request that comes late does not render again."""
    url = address(person.headshot, "crop__120x60")
    content = four_corners(7, 7)
    storage.save(url.removeprefix("/media/"), ContentFile(content))

    assert client.get(url).body == content


def test_a_deleted_file_is_made_again(client, person, storage):
    """A record that the rendition was made does not stop it."""
    url = address(person.headshot, "crop__120x60")
    client.get(url)
    storage.delete(url.removeprefix("/media/"))

    assert shown(client.get(url)).size == (120, 60)


def test_head_makes_it_without_a_body(client, person):
    """HEAD has the headers of GET."""
    response = client.head(address(person.headshot, "crop__120x60"))

    assert response.status_code == 200
    assert int(response.headers["Content-Length"]) > 100
    assert response.body == b""


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options", "trace"])
def test_other_methods_are_refused(client, person, storage, method):
    """Only GET and HEAD make anything."""
    url = address(person.headshot, "crop__120x60")

    assert getattr(client, method)(url).status_code == 405
    assert storage.calls == {}


@pytest.mark.parametrize("processor", [None, "renditions.compat.processors.md5"])
@pytest.mark.parametrize("name", ["a-b-c.jpg", "a b.png", "ä__x__.jpg", "a", "a-crop-9x9.jpg"])
def test_every_name_is_found(client, picture, configure, name, processor):
    """The name of the original, its extension and a FILENAME_PROCESSOR do not matter."""
    configure(FILENAME_PROCESSOR=processor)
    content = picture(name)
    person = Person.objects.create(headshot_ppoi=(0.25, 1.0))
    person.headshot.save(name, content)
    for key in KEYS:
        assert client.get(address(person.headshot, key)).status_code == 200, key


def test_a_function_that_writes_what_looks_like_a_key_hides_it(client, picture, configure):
    """Its text has the focal point in it, so it is not that of another picture."""
    configure(FILENAME_PROCESSOR=f"{__name__}.as_it_is")
    person = Person.objects.create(headshot=picture(), headshot_ppoi=(0.25, 1.0))

    assert client.get(address(person.headshot, "crop__120x60")).status_code == 200


def test_a_field_without_a_focal_point_is_found(client, picture, monkeypatch):
    """Its renditions are centred."""
    monkeypatch.setattr(Card._meta.get_field("note"), "warm", ("headshot",))
    _forget(Card)
    card = Card.objects.create(title="one", image=picture(), note=picture("n.jpg"))

    assert shown(client.get(address(card.note, "crop__120x60"))).size == (120, 60)
    assert client.get(address(card.image, "crop__120x60")).status_code == 404


def test_the_renditions_of_a_placeholder_are_made(client, monkeypatch, django_assert_num_queries):
    """No row has its name; its field has."""
    field = Card._meta.get_field("back")
    monkeypatch.setattr(field, "warm", ("headshot",))
    _forget(Card)
    url = Card().back.crop["120x60"].url

    with django_assert_num_queries(0):
        assert shown(client.get(url)).size == (120, 60)


def _forget(model) -> None:
    from renditions.signals import field_added

    field_added.send(sender=model)


def test_a_responsive_picture_is_made(client, picture):
    """Its row knows its size, so a width that it does not need is no declared rendition."""
    story = Story.objects.create(lead=picture("a.jpg", 100, 60))
    plans = story.lead.plans()
    Story.objects.update(lead_meta=column_value(story.lead.name, FACTS))
    story = Story.objects.get()
    needed = {plan.path for plan in story.lead.plans()}

    assert 0 < len(needed) < len(plans)
    for plan in plans:
        status = client.get(story.lead.storage.url(plan.path)).status_code
        assert status == (200 if plan.path in needed else 404), plan.path


FACTS = PictureFacts(Size(100, 60), "#000000", "", is_animated=False, has_alpha=False)


# --- What is not declared ---


@pytest.mark.parametrize(
    "path",
    [
        "people/a.jpg",  # the original itself
        "people/b.jpg",
        "__sized__/people/a-crop-c0-5__0-5-121x60-70.jpg",
        "__sized__/people/a-crop-c0-5__0-5-120x60-70.jpg.webp",
        "__sized__/people/a-crop-c0-5__0-5-9x9-70.jpg",  # of a key set that no field warms
        "__sized__/people/a-thumbnail-120x60-70.jpg",
        "__sized__/people/a-mosaic-120x60-70.jpg",
        "people/__filtered__/a__sepia__.jpg",
        "__sized__/people/a-crop-c0-5__0-5-120x60-70.jpg/",
        "__sized__/people//a-crop-c0-5__0-5-120x60-70.jpg",
        "/__sized__/people/a-crop-c0-5__0-5-120x60-70.jpg",
        "__sized__/people/./a-crop-c0-5__0-5-120x60-70.jpg",
        "__sized__/people/../people/a-crop-c0-5__0-5-120x60-70.jpg",
        "__sized__/people/%2e%2e/people/a-crop-c0-5__0-5-120x60-70.jpg",
        "__sized__%2fpeople%2f..%2fa-crop-c0-5__0-5-120x60-70.jpg",
        "__sized__\\people\\a-crop-c0-5__0-5-120x60-70.jpg",
        "__sized__/people/a%00-crop-c0-5__0-5-120x60-70.jpg",
        "__sized__/people/a%0a-crop-c0-5__0-5-120x60-70.jpg",
        f"__sized__/{'a' * 300}-crop-c0-5__0-5-120x60-70.jpg",
        f"__sized__/{'ä' * 120}-crop-c0-5__0-5-120x60-70.jpg",
        f"__sized__/{'a/' * 5_000}a-crop-c0-5__0-5-120x60-70.jpg",
        f"__sized__/{'-crop-c' * 30}{'-0' * 20}.jpg",
        "_signed_/abc",
    ],
)
def test_anything_undeclared_costs_nothing(
    client, person, storage, cache_calls, django_assert_num_queries, path
):
    """It is a 404 without a query, and without a call to the storage or the cache."""
    with django_assert_num_queries(0):
        response = client.get(f"/media/{path}")

    assert response.status_code == 404
    assert storage.calls == cache_calls == {}


@pytest.mark.parametrize(
    "path",
    [
        "__sized__/people/b-crop-c0-5__0-5-120x60-70.jpg",  # no row has this picture
        "__sized__/people/a-crop-c0-25__0-5-120x60-70.jpg",  # another focal point
        "__sized__/people/a-crop-c0-5__0-5-120x60-71.jpg",  # another quality
        "__sized__/people/a-crop-c0-5__0-5-120x60.jpg",
        "__sized__/a-crop-c0-5__0-5-120x60-70.jpg",
        "__sized__/PEOPLE/A-crop-c0-5__0-5-120x60-70.jpg",
        "__sized__/people/a%ff-crop-c0-5__0-5-120x60-70.jpg",
    ],
)
def test_a_name_that_no_row_has_costs_one_query(
    client, person, storage, cache_calls, django_assert_num_queries, path
):
    """It is a 404 without a call to the storage or the cache, which nothing may keep."""
    with django_assert_num_queries(1):
        response = client.get(f"/media/{path}")

    assert response.status_code == 404
    assert response.headers["Cache-Control"] == "no-store"
    assert storage.calls == cache_calls == {}


def test_each_field_that_can_have_it_costs_one_query(
    client, person, monkeypatch, django_assert_num_queries
):
    """A path does not tell which field has its original."""
    monkeypatch.setattr(Poster._meta.get_field("image"), "warm", ("headshot",))
    _forget(Poster)
    url = address(person.headshot, "crop__120x60").replace("people/a", "people/b")

    with django_assert_num_queries(2):
        assert client.get(url).status_code == 404


def test_a_former_focal_point_is_not_made(client, person):
    """Only the focal point that the row has now counts."""
    url = address(person.headshot, "crop__120x60")
    Person.objects.update(headshot_ppoi="0.1x0.1")

    assert client.get(url).status_code == 404


def test_a_name_with_many_dashes_is_no_query_without_end(
    client, person, configure, django_assert_num_queries
):
    """Each dash can end the name of an original if a function names the files."""
    configure(FILENAME_PROCESSOR=f"{__name__}.as_it_is")

    with django_assert_num_queries(0):
        assert client.get(f"/media/__sized__/people/{'a-' * 120}9.jpg").status_code == 404
    assert client.get(address(person.headshot, "crop__120x60")).status_code == 200


def as_it_is(text: str) -> str:
    return text.replace("crop", "cut")


# --- Storages ---


@pytest.mark.parametrize(
    ("base_url", "status"), [("/media/", 200), ("/private/", 404), ("https://cdn.example/", 404)]
)
def test_a_storage_with_other_urls_is_not_served(
    client, picture, tmp_path, monkeypatch, base_url, status
):
    """A private folder has the same paths as a public one."""
    folder = FileSystemStorage(tmp_path / "private", base_url)
    monkeypatch.setattr(Person._meta.get_field("headshot"), "storage", folder)
    person = Person.objects.create(headshot=picture())

    assert client.get(address(person.headshot, "crop__120x60")).status_code == status


def test_a_folder_without_an_address_of_its_own_is_not_served(
    client, picture, tmp_path, monkeypatch
):
    """By default, its URL begins with that of MEDIA_ROOT, which it is not."""
    folder = FileSystemStorage(tmp_path / "private")
    monkeypatch.setattr(Person._meta.get_field("headshot"), "storage", folder)
    person = Person.objects.create(headshot=picture())

    assert client.get(address(person.headshot, "crop__120x60")).status_code == 404


class SignedStorage(FileSystemStorage):
    """Its URLs have a signature, as those of a private bucket."""

    def url(self, name: str | None) -> str:
        return f"{super().url(name)}?Signature=1"


class StorageWithoutUrls(FileSystemStorage):
    """Its files have no address."""

    def url(self, name: str | None) -> str:
        raise NotImplementedError


def test_a_storage_without_urls_is_not_served(client, picture, monkeypatch):
    """Its files are private, and a signed URL leads to the view."""
    monkeypatch.setattr(Person._meta.get_field("headshot"), "storage", StorageWithoutUrls())
    person = Person.objects.create(headshot=picture())

    assert client.get(address(person.headshot, "crop__120x60")).status_code == 404
    assert client.get(person.headshot.signed_url("crop__9x9")).status_code == 200


def test_a_storage_whose_urls_are_signed_is_not_served(client, picture, monkeypatch):
    """Without the signature, its files are private."""
    monkeypatch.setattr(Person._meta.get_field("headshot"), "storage", SignedStorage())
    person = Person.objects.create(headshot=picture())

    assert client.get(address(person.headshot, "crop__120x60")).status_code == 404


urlpatterns = [
    path("cdn/", include("renditions.urls"), {"storage": "public"}),
    path("other/", include("renditions.urls"), {"storage": "default"}),
]


@pytest.mark.urls(__name__)
def test_the_urlconf_can_name_the_storage(client, picture, settings, configure):
    """Then the URLs of the storage do not matter, and no other storage is served."""
    public = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": settings.MEDIA_ROOT / "public", "base_url": "https://cdn.example/"},
    }
    settings.STORAGES = {**settings.STORAGES, "public": public}
    person = Person.objects.create(headshot=picture())
    url = address(person.headshot, "crop__120x60").replace("/media/", "/cdn/")
    assert client.get(url).status_code == 404

    configure(STORAGE="public")

    assert client.get(url).status_code == 200
    assert (settings.MEDIA_ROOT / "public" / url.removeprefix("/cdn/")).exists()
    assert client.get(url.replace("/cdn/", "/other/")).status_code == 404


@pytest.mark.urls(__name__)
def test_the_urlconf_can_name_the_default_storage(client, person):
    """A field without a storage of its own has it."""
    url = address(person.headshot, "crop__120x60").replace("/media/", "/other/")

    assert client.get(url).status_code == 200
    # An URL of this site, because the storage has another path.
    assert shown(client.get(person.headshot.signed_url("crop__7x7"))).size == (7, 7)


@pytest.fixture(scope="module")
def s3_options():
    return s3_server_options("requests")


@pytest.fixture
def bucket(s3_options, settings):
    """A function that makes the default storage a bucket."""

    def use(**options):
        options = {**s3_options, "location": "media", **options}
        backend = "storages.backends.s3.S3Storage"
        settings.STORAGES = {
            **settings.STORAGES,
            "default": {"BACKEND": backend, "OPTIONS": options},
        }
        made.append(S3Storage(**s3_options).connection.Bucket("requests"))
        made[-1].create()

    made = []
    yield use
    for each in made:
        each.objects.all().delete()


def test_a_public_bucket_is_served(client, bucket, picture):
    """The CDN before it asks for the path that the file has in the bucket."""
    bucket(custom_domain="cdn.example", querystring_auth=False)
    person = Person.objects.create(headshot=picture())
    url = person.headshot.url_of(RenditionKey.parse("crop__120x60"))
    path = url.removeprefix("https://cdn.example")

    first, second = client.get(path), client.get(path)

    assert path == address(person.headshot, "crop__120x60")
    assert shown(first).size == shown(second).size == (120, 60)
    assert first.headers["Content-Length"] == str(len(first.body))
    assert first.headers["ETag"] == second.headers["ETag"]


def test_a_private_bucket_is_served_by_a_signed_url_only(client, bucket, picture):
    """Its own URLs are signed, so strangers have no right to its files."""
    bucket()
    person = Person.objects.create(headshot=picture())
    url = person.headshot.signed_url("crop__120x60", 60)

    assert shown(client.get(url)).size == (120, 60)
    assert client.get(url.partition("?")[0]).status_code == 404


# --- Failures and limits ---


def test_a_broken_picture_is_tried_once(client, storage):
    """The failure is permanent: 404, and the next request does not open the original."""
    person = Person.objects.create(headshot=ContentFile(b"not a picture", "b.jpg"))
    url = address(person.headshot, "crop__120x60")
    assert client.get(url).status_code == 404
    storage.calls.clear()

    assert client.get(url).status_code == 404
    assert storage.calls["open"] == 0


def test_a_missing_original_can_come_later(client, person, storage):
    """The failure is transient: 503, and the client is told when to come again."""
    storage.delete(person.headshot.name)
    url = address(person.headshot, "crop__120x60")
    for _ in range(2):
        response = client.get(url)
        assert response.status_code == 503
        assert 50 <= int(response.headers["Retry-After"]) <= 60
        assert response.headers["Cache-Control"] == "no-store"


def test_limits_hold(client, person, configure):
    """An original above MAX_PIXELS is not rendered."""
    configure(MAX_PIXELS=1_000)

    assert client.get(address(person.headshot, "crop__120x60")).status_code == 404


def test_a_request_waits_no_longer_than_the_setting(client, person, configure):
    """While another request makes the rendition, it is 503 after ON_REQUEST_WAIT_S."""
    configure(ON_REQUEST_WAIT_S=0)
    plan = person.headshot.plan(RenditionKey.parse("crop__120x60"))
    with turn(f"{plan.storage}\0{plan.path}", Deadline.after(0)):
        response = client.get(address(person.headshot, "crop__120x60"))

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert client.get(address(person.headshot, "crop__120x60")).status_code == 200


def test_no_more_than_the_setting_are_made_at_once(client, person, configure):
    """While ON_REQUEST_AT_ONCE others are made, it is 503."""
    configure(ON_REQUEST_WAIT_S=0, ON_REQUEST_AT_ONCE=1)
    with seat(1, Deadline.after(0)) as is_taken:
        assert is_taken
        assert client.get(address(person.headshot, "crop__120x60")).status_code == 503

    assert client.get(address(person.headshot, "crop__120x60")).status_code == 200


def test_it_works_without_the_cache(client, person, settings):
    """Each process then makes it by itself."""
    nowhere = "redis://127.0.0.1:1"
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": nowhere}}
    try:
        assert client.get(address(person.headshot, "crop__120x60")).status_code == 200
    finally:
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


def test_it_needs_no_login(client, person, settings):
    """The web server serves a made rendition without a login, too."""
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]

    assert client.get(address(person.headshot, "crop__120x60")).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_it_is_made(client, picture, monkeypatch):
    """With ATOMIC_REQUESTS, a request that waits would hold one."""
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    noting = NotingStorage()
    monkeypatch.setattr(Person._meta.get_field("headshot"), "storage", noting)
    person = Person.objects.create(headshot=picture())
    noting.seen.clear()

    assert client.get(address(person.headshot, "crop__120x60")).status_code == 200
    assert noting.seen == {False}


class NotingStorage(FileSystemStorage):
    """Notes whether a transaction is open when a file is opened."""

    seen: set[bool] = set()

    def open(self, *args, **kwargs):
        self.seen.add(connections["default"].in_atomic_block)
        return super().open(*args, **kwargs)


# --- Signed URLs ---


@pytest.mark.parametrize(
    ("key", "file_format", "size"),
    [
        ("crop__311x207__webp", "WEBP", (311, 207)),
        ("311x207", "JPEG", (311, 207)),
        ("thumbnail__50x50", "JPEG", (50, 31)),
        ("filters__invert__url", "JPEG", (320, 200)),
    ],
)
def test_a_signed_url_makes_any_rendition(
    client, person, django_assert_num_queries, key, file_format, size
):
    """It needs no key set."""
    with django_assert_num_queries(0):
        url = person.headshot.signed_url(key)
    image = shown(client.get(url))

    assert (image.format, image.size) == (file_format, size)
    # The ordinary URL of the file: a web server that has it serves it without us.
    assert url.partition("?")[0] == address(person.headshot, key)


def test_a_signed_url_costs_no_call_when_it_is_written(
    person, storage, cache_calls, django_assert_num_queries
):
    """A page only computes it."""
    with django_assert_num_queries(0):
        person.headshot.signed_url("crop__311x207", expires_in=60)

    assert storage.calls == cache_calls == {}


def test_the_key_url_is_the_original(person):
    """Nothing has to be made, so nothing is signed."""
    assert person.headshot.signed_url("url") == person.headshot.url


def test_an_empty_picture_has_no_signed_url():
    """Without a placeholder there is nothing to show."""
    assert Person().headshot.signed_url("crop__9x9") == ""


def test_a_signed_url_of_a_placeholder(client):
    """An empty picture shows its placeholder in any size."""
    assert shown(client.get(Card().back.signed_url("crop__9x9"))).size == (9, 9)


def _changed(url: str) -> list[str]:
    """Return forged variants of a signed URL."""
    begin, _, token = url.partition("?signed=")
    payload, _, signature = token.partition(":")
    return [
        f"{begin}?signed=",
        f"{begin}?signed=a",
        f"{begin}?signed={payload}",
        f"{begin}?signed={payload}:",
        f"{begin}?signed={payload}:{'A' * len(signature)}",
        f"{begin}?signed={payload[:-2]}AA:{signature}",
        f"{begin}?signed={token}a",
        f"{begin}?signed=%00%ff:{signature}",
        f"{begin}?signed={'A' * 20_000}:{signature}",
        # Another file than the signed one.
        f"{begin.replace('311x207', '312x207')}?signed={token}",
        f"{begin.replace('/people/', '/people/../people/')}?signed={token}",
    ]


@pytest.mark.parametrize("number", range(len(_changed("?signed=:"))))
def test_a_forged_url_is_a_404(
    client, person, storage, cache_calls, django_assert_num_queries, number
):
    """It costs no query, and no call to the storage or the cache."""
    url = _changed(person.headshot.signed_url("crop__311x207__webp", 60))[number]
    storage.calls.clear()

    with django_assert_num_queries(0):
        response = client.get(url)

    assert response.status_code == 404
    assert storage.calls == cache_calls == {}


def test_a_forged_token_costs_one_hash(client, person, monkeypatch):
    """Nothing of it is decoded."""
    from renditions import signing

    def fail(*args: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(signing.RenditionKey, "parse", fail)
    monkeypatch.setattr("django.core.signing.b64_decode", fail)

    assert read_token("AAAA:BBBB") is None


def test_a_key_that_is_no_longer_known_is_a_404(client, person, registry):
    """A release can drop a filter whose URLs are still in pages."""
    url = person.headshot.signed_url("filters__invert__crop__9x9")
    registry.unregister_filter("invert")

    assert client.get(url).status_code == 404


def test_another_project_cannot_sign(client, person, settings):
    """The signature depends on SECRET_KEY."""
    url = person.headshot.signed_url("crop__311x207")
    settings.SECRET_KEY = "another"

    assert client.get(url).status_code == 404


def test_keys_can_be_rotated(client, person, settings):
    """An URL that a former key signed is valid as long as the key is in SECRET_KEY_FALLBACKS."""
    url = person.headshot.signed_url("crop__311x207")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "new"

    assert client.get(url).status_code == 200
    assert person.headshot.signed_url("crop__311x207") != url


@pytest.mark.parametrize("expires_in", [1, 1.5, 60, timedelta(days=1)])
def test_an_url_expires_between_once_and_twice_the_time(person, expires_in):
    """It stays the same meanwhile, so that browsers and CDNs can keep the file."""
    url = person.headshot.signed_url("crop__311x207", expires_in)
    ticket = read_token(url.partition("?signed=")[2])
    seconds = expires_in.total_seconds() if isinstance(expires_in, timedelta) else expires_in

    assert seconds - 0.5 < ticket.left_s <= 2 * seconds + 1


def test_an_url_stays_the_same_for_a_while(person, monkeypatch):
    """It changes once in `expires_in`."""
    urls = []
    for now in (1_000_000.0, 1_000_019.0, 1_000_020.0):
        monkeypatch.setattr("renditions.signing.time.time", lambda now=now: now)
        urls.append(person.headshot.signed_url("crop__311x207", 30))

    assert urls[0] == urls[1] != urls[2]


def test_an_expired_url_is_gone(
    client, person, storage, cache_calls, monkeypatch, django_assert_num_queries
):
    """It is answered without any work."""
    from renditions import signing

    url = person.headshot.signed_url("crop__311x207", 60)
    now = signing.time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now + 121)
    storage.calls.clear()

    with django_assert_num_queries(0):
        response = client.get(url)

    assert response.status_code == 410
    assert response.headers["Cache-Control"] == "no-store"
    assert storage.calls == cache_calls == {}


def test_a_cache_keeps_it_no_longer_than_the_url_is_valid(client, person, configure):
    """The setting CACHE_CONTROL does not prolong it."""
    configure(CACHE_CONTROL="public, max-age=99999")
    response = client.get(person.headshot.signed_url("crop__311x207", 30))

    kept_s = int(response.headers["Cache-Control"].removeprefix("public, max-age="))
    assert 28 <= kept_s <= 60


@pytest.mark.parametrize("expires_in", [0, -1, 0.5, timedelta(0)])
def test_an_expiry_must_be_a_time(person, expires_in):
    """An URL that is never valid is a mistake."""
    with pytest.raises(ValueError, match="less than a second"):
        person.headshot.signed_url("crop__311x207", expires_in)


@pytest.mark.urls("tests.workers.foreign_urls")
def test_a_signed_url_needs_the_view(person):
    """The error names the remedy."""
    with pytest.raises(ImproperlyConfigured, match=r"include\('renditions.urls'\)"):
        person.headshot.signed_url("crop__311x207")


def test_a_private_storage_is_served_by_a_signed_url(client, picture, tmp_path, monkeypatch):
    """The project has signed it, and the view reads the file itself."""
    folder = FileSystemStorage(tmp_path / "private", "/private/")
    monkeypatch.setattr(Person._meta.get_field("headshot"), "storage", folder)
    person = Person.objects.create(headshot=picture())
    url = person.headshot.signed_url("crop__311x207")

    assert url.startswith("/media/")
    assert shown(client.get(url)).size == (311, 207)


def test_a_signed_url_leads_to_the_cdn_of_the_storage(client, picture, tmp_path, monkeypatch):
    """If the path is that of the view, the CDN asks the view for what it lacks."""
    folder = FileSystemStorage(tmp_path / "public", "https://cdn.example/media/")
    monkeypatch.setattr(Person._meta.get_field("headshot"), "storage", folder)
    person = Person.objects.create(headshot=picture())
    url = person.headshot.signed_url("crop__311x207")

    assert url.startswith("https://cdn.example/media/__sized__/people/")
    assert client.get(url.removeprefix("https://cdn.example")).status_code == 200
