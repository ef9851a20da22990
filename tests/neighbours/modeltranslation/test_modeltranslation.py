"""django-modeltranslation gives a model one column for each language, after all apps are ready.

`settings_first` has it before our apps in INSTALLED_APPS, `settings_last` after them.
"""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.urls import reverse
from django.utils.translation import override

from tests.conftest import four_corners
from tests.neighbours.saves import assert_whole_or_nothing
from workers.enqueue import enqueue_all
from workers.models import WarmJob
from workers.targets import warmed_fields
from workers.testing import work_owed

from .models import Article, Page

LANGUAGES = ("en", "de")


def jobs() -> set[str]:
    return set(WarmJob.objects.values_list("field_name", flat=True))


def made(page: Page, language: str) -> bool:
    image = getattr(page, f"image_{language}")
    return bool(image) and all(image.storage.exists(plan.path) for plan in image.plans())


def test_every_language_is_warmed():
    """The column without a language is a copy of one of them."""
    for model in (Page, Article):
        assert {field.name for field in warmed_fields(model)} == {"image_en", "image_de"}


def test_the_checks_are_silent():
    call_command("check", fail_level="WARNING")


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Page, Article])
@pytest.mark.parametrize("active", LANGUAGES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_picture_in_any_language_is_made(picture, model, active, language):
    """Whatever language the request has, and whatever the worker has."""
    with override(active):
        page = model.objects.create(**{f"image_{language}": picture("a.jpg")})

    assert jobs() == {f"image_{language}"}
    assert work_owed() == 1
    assert made(page, language)
    assert not WarmJob.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("active", LANGUAGES)
def test_the_attribute_without_a_language_is_that_of_the_active_one(picture, active):
    with override(active):
        page = Page(image=picture("a.jpg"), ppoi=(0.2, 0.8))
        page.save()
    assert jobs() == {f"image_{active}"}
    work_owed()

    with override(active):
        page = Page.objects.get()
        assert made(page, active)
        assert page.image.crop["120x60"].url.endswith("a-crop-c0-2__0-8-120x60-70.jpg")
        page.image = picture("b.jpg")
        page.save()
    assert jobs() == {f"image_{active}"}
    assert work_owed() == 1


@pytest.mark.django_db
def test_enqueue_all_finds_every_language(picture):
    Page.objects.create(image_en=picture("a.jpg"), image_de=picture("b.jpg"))
    WarmJob.objects.all().delete()

    assert enqueue_all(Page.objects.all()) == 2
    assert jobs() == {"image_en", "image_de"}


@pytest.mark.django_db
@pytest.mark.parametrize("cleared", LANGUAGES)
@pytest.mark.parametrize("active", LANGUAGES)
def test_clearing_one_language_keeps_the_point_of_the_others(picture, cleared, active):
    Page.objects.create(image_en=picture("a.jpg"), image_de=picture("b.jpg"), ppoi=(0.2, 0.8))
    with override(active):
        page = Page.objects.get()
        setattr(page, f"image_{cleared}", None)
        page.save()
        assert Page.objects.get().ppoi == (0.2, 0.8)

        page = Page.objects.get()
        page.image_en = page.image_de = None
        page.save()
        assert Page.objects.get().ppoi == (0.5, 0.5)


def test_a_save_that_is_killed_is_whole_or_nothing(neighbour_db, picture):
    def save() -> None:
        Page(image_de=picture()).save(using=neighbour_db)

    assert_whole_or_nothing(Page, neighbour_db, save)


@pytest.mark.django_db
def test_the_admin_saves_each_language(admin_client):
    """Each has a file input and the point, which is one value."""
    url = reverse("admin:project_page_add")
    html = admin_client.get(url).content.decode()
    assert 'name="image_en_0"' in html
    assert 'name="image_de_0"' in html

    def upload() -> SimpleUploadedFile:
        return SimpleUploadedFile("a.jpg", four_corners(100, 50))

    answer = admin_client.post(url, {"title_en": "one", "image_en_0": upload(),
                                     "image_en_1": "0.2x0.8", "image_de_1": "0.5x0.5"})  # fmt: skip
    assert answer.status_code == 302, answer.content.decode()
    page = Page.objects.get()
    assert (page.image_en.name, page.ppoi) == ("pages/a.jpg", (0.2, 0.8))

    url = reverse("admin:project_page_change", args=[page.pk])
    html = admin_client.get(url).content.decode()
    assert html.count('value="0.2x0.8"') == 2
    answer = admin_client.post(url, {"title_en": "one", "image_de_0": upload(),
                                     "image_en_1": "0.2x0.8", "image_de_1": "0.2x0.8"})  # fmt: skip
    assert answer.status_code == 302, answer.content.decode()
    page.refresh_from_db()
    assert page.image_de.name.startswith("pages/a_")
    assert page.ppoi == (0.2, 0.8)


@pytest.mark.django_db
def test_the_admin_shows_the_renditions_of_each_language(admin_client, picture):
    """Each language has a thumbnail and a state of its own; the field of the model has none."""
    page = Page.objects.create(title="one", image_en=picture("a.jpg"), image_de=picture("b.jpg"))
    work_owed()

    listed = admin_client.get(reverse("admin:project_page_changelist")).content.decode()
    assert listed.count('class="rendition-thumbnail"') == 2
    form = admin_client.get(reverse("admin:project_page_change", args=[page.pk])).content.decode()
    assert form.count('class="rendition-field"') == 2
