"""Wagtail edits pages and snippets by forms of its own, and keeps revisions as JSON."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from wagtail.models import Locale, Page, Site

from tests.conftest import four_corners
from tests.neighbours.saves import assert_whole_or_nothing
from workers.enqueue import enqueue_all
from workers.models import WarmJob
from workers.testing import work_owed

from .models import Advert, Banner, PicturePage

pytestmark = pytest.mark.django_db


def upload(name: str = "a.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, four_corners(100, 50))


def sent(client: Any, url: str, data: dict[str, Any]) -> None:
    answer = client.post(url, data)
    assert answer.status_code == 302, answer.content.decode()


@pytest.fixture
def home(db) -> Page:
    """The page that Wagtail's migrations make, with the rows around it."""
    Locale.objects.create(language_code="en")
    root = Page.add_root(instance=Page(title="Root", slug="root"))
    home = root.add_child(instance=Page(title="Home", slug="home"))
    Site.objects.create(hostname="testserver", root_page=home, is_default_site=True)
    return home


@pytest.fixture
def page(home, picture) -> PicturePage:
    page = PicturePage(title="one", image=picture("a.jpg"), ppoi=(0.2, 0.8))
    home.add_child(instance=page)
    work_owed()
    return page


# ---- killed saves -------------------------------------------------------------------------------


def test_a_save_of_a_page_that_is_killed_is_whole_or_nothing(neighbour_db, picture):
    """It writes the row of the page, that of its own model, and rows of Wagtail."""
    Locale.objects.get_or_create(language_code="en")

    def save() -> None:
        # Not as a child, because the parent counts its children in a statement of its own.
        PicturePage.add_root(instance=PicturePage(title="one", image=picture()))

    assert_whole_or_nothing(PicturePage, neighbour_db, save, at_least=8)


@pytest.mark.parametrize("model", [Advert, Banner])
def test_a_save_of_a_snippet_that_is_killed_is_whole_or_nothing(neighbour_db, picture, model):
    """With drafts and without."""
    assert_whole_or_nothing(model, neighbour_db, lambda: model(text="one", image=picture()).save())


# ---- pages --------------------------------------------------------------------------------------


def test_a_page_is_written_in_the_admin(admin_client, home):
    """A draft stores the file and enqueues, and the published page has the same."""
    url = reverse("wagtailadmin_pages:add", args=["project", "picturepage", home.pk])
    html = admin_client.get(url).content.decode()
    assert 'name="image_0"' in html
    assert 'class="ppoi-input"' in html
    assert "renditions/ppoi.js" in html

    data = {"title": "one", "slug": "one", "image_0": upload(), "image_1": "0.2x0.8",
            "comments-TOTAL_FORMS": "0", "comments-INITIAL_FORMS": "0"}  # fmt: skip
    sent(admin_client, url, data)
    page = PicturePage.objects.get()
    assert (page.image.name, page.ppoi) == ("pages/a.jpg", (0.2, 0.8))
    assert not page.live
    assert WarmJob.objects.count() == 1
    assert work_owed() == 1

    url = reverse("wagtailadmin_pages:edit", args=[page.pk])
    html = admin_client.get(url).content.decode()
    assert 'value="0.2x0.8"' in html
    data.pop("image_0")
    sent(admin_client, url, {**data, "image_1": "0.9x0.1", "action-publish": "yes"})
    page.refresh_from_db()
    assert (page.image.name, page.ppoi, page.live) == ("pages/a.jpg", (0.9, 0.1), True)
    assert work_owed() == 1


def test_a_revision_brings_its_picture_and_its_point_back(page, picture):
    first = page.save_revision()
    page.image, page.ppoi = picture("b.jpg"), (0.9, 0.1)
    page.save_revision().publish()
    work_owed()
    assert PicturePage.objects.get().image.name == "pages/b.jpg"

    first.publish()

    now = PicturePage.objects.get()
    assert (now.image.name, now.ppoi) == ("pages/a.jpg", (0.2, 0.8))
    work_owed()
    assert not WarmJob.objects.exists()
    assert all(now.image.storage.exists(plan.path) for plan in now.image.plans())


def test_a_draft_shows_its_own_picture(page, picture):
    page.image, page.ppoi = picture("b.jpg"), (0.9, 0.1)
    page.save_revision()

    draft = PicturePage.objects.get().get_latest_revision_as_object()

    assert (draft.image.name, draft.image.ppoi) == ("pages/b.jpg", (0.9, 0.1))
    assert draft.image.crop["120x60"].name.startswith("__sized__/pages/b-crop-c0-9__0-1")
    assert PicturePage.objects.get().image.name == "pages/a.jpg"


def test_revisions_can_be_compared(admin_client, page):
    first = page.save_revision()
    page.ppoi = (0.9, 0.1)
    second = page.save_revision()
    args = [page.pk, first.pk, second.pk]

    answer = admin_client.get(reverse("wagtailadmin_pages:revisions_compare", args=args))

    assert answer.status_code == 200


def test_a_copied_page_is_warmed(page, home):
    copy = page.copy(update_attrs={"slug": "two", "title": "two"})

    assert (copy.image.name, copy.ppoi) == ("pages/a.jpg", (0.2, 0.8))
    work_owed()
    assert not WarmJob.objects.exists()


def test_pages_of_their_model_are_enqueued(page):
    page.image.delete_all_created_images()

    assert enqueue_all(PicturePage.objects.all()) == 1
    assert enqueue_all(Page.objects.all().specific()) == 0


# ---- snippets -----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Advert, Banner])
def test_a_snippet_is_written_in_the_admin(admin_client, model):
    """With drafts and without."""
    prefix = model.snippet_viewset.url_namespace
    url = reverse(f"{prefix}:add")
    assert 'name="image_0"' in admin_client.get(url).content.decode()
    publish = {"action-publish": "yes"} if model is Banner else {}
    data = {"text": "one", "image_0": upload(), "image_1": "0.2x0.8", **publish}
    sent(admin_client, url, data)
    snippet = model.objects.get()
    assert snippet.image.name.endswith("s/a.jpg")
    assert snippet.ppoi == (0.2, 0.8)
    work_owed()

    url = reverse(f"{prefix}:edit", args=[snippet.pk])
    assert 'value="0.2x0.8"' in admin_client.get(url).content.decode()
    sent(admin_client, url, {"text": "one", "image_1": "0.9x0.1", **publish})
    assert model.objects.get().ppoi == (0.9, 0.1)
    assert work_owed() == 1
    answer = admin_client.post(url, {"text": "", "image_1": "0.3x0.3", **publish})
    assert 'value="0.3x0.3"' in answer.content.decode()
