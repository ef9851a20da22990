"""What other packages do, imitated in a few lines. `make neighbours` runs the packages themselves.

Each test names the package, and says what it imitates.
"""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminFileWidget
from django.contrib.auth import get_user_model
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, models
from django.db.models.options import Options
from django.db.models.signals import post_save
from django.test import RequestFactory

from renditions.fields import PPOIField, VersatileImageField
from tests.app.models import Article, Brochure, Card, Person
from tests.conftest import four_corners
from tests.neighbours.saves import assert_whole_or_nothing
from workers.enqueue import enqueue_all
from workers.models import WarmJob
from workers.targets import warmed_fields
from workers.testing import work_owed


def upload(name: str = "new.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, four_corners(100, 50))


# ---- django-cleanup -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_replaced_original_takes_its_renditions_along(picture):
    """django-cleanup makes a file object of the old name, gives it a stand-in for its instance, and
    tells a receiver of the project before it deletes the file.
    """
    person = Person.objects.create(headshot=picture("old.jpg"), headshot_ppoi=(0.2, 0.8))
    work_owed()
    old = person.headshot.__class__(person, person.headshot.field, person.headshot.name)
    made = [plan.path for plan in person.headshot.plans()]
    assert all(default_storage.exists(path) for path in made)

    def delete_old(**kwargs: Any) -> None:
        old.instance = type("FakeInstance", (), {})()
        old.delete_all_created_images()
        old.delete(save=False)

    post_save.connect(delete_old, sender=Person)
    try:
        person.headshot = picture("new.jpg")
        person.save()
    finally:
        post_save.disconnect(delete_old, sender=Person)

    assert not any(default_storage.exists(path) for path in made)
    assert person.headshot.name == "people/new.jpg"
    assert person.headshot_ppoi == (0.2, 0.8)


# ---- django-modeltranslation --------------------------------------------------------------------


@pytest.fixture
def late_model(transactional_db) -> Iterator[type[models.Model]]:
    """A model that gets another image field after all apps are ready, with its table."""

    class Leaflet(models.Model):
        image = VersatileImageField(upload_to="leaflets", blank=True, ppoi_field="ppoi")
        ppoi = PPOIField()

        class Meta:
            app_label = "app"

    class Folded(Leaflet):
        class Meta:
            app_label = "app"

    late = VersatileImageField(
        upload_to="leaflets", blank=True, null=True, ppoi_field="ppoi", warm="hero"
    )
    Leaflet.add_to_class("image_de", late)
    try:
        with connection.schema_editor() as editor:
            editor.create_model(Leaflet)
            editor.create_model(Folded)
        yield Folded
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Folded)
            editor.delete_model(Leaflet)
        for model in (Folded, Leaflet):
            del model._meta.apps.all_models["app"][model._meta.model_name]
        model._meta.apps.clear_cache()


@pytest.mark.django_db
@pytest.mark.parametrize("is_inherited", [False, True])
def test_a_field_that_comes_late_is_warmed(late_model, is_inherited):
    """django-modeltranslation adds fields to models when all models are prepared, in the `ready()`
    of its app, which may come after ours.
    """
    model = late_model if is_inherited else late_model.__base__

    instance = model.objects.create(image_de=upload())

    job = WarmJob.objects.get()
    assert (job.model_label, job.field_name) == ("app.Leaflet", "image_de")
    assert work_owed() == 1
    instance.delete()


@pytest.mark.django_db
def test_clearing_one_language_keeps_the_point_of_the_others(picture):
    """django-modeltranslation gives the fields of all languages the options of the first one, so
    they share one focal point.
    """
    brochure = Brochure.objects.create(
        cover_en=picture("en.jpg"), cover_de=picture("de.jpg"), ppoi=(0.2, 0.8)
    )

    brochure = Brochure.objects.get()
    brochure.cover_de = ""
    assert brochure.ppoi == (0.2, 0.8)
    brochure.save()
    assert Brochure.objects.get().cover_en.ppoi == (0.2, 0.8)

    brochure = Brochure.objects.defer("cover_en").get()
    brochure.cover_de = None
    brochure.save()
    assert Brochure.objects.get().cover_en.ppoi == (0.2, 0.8)

    brochure = Brochure.objects.get()
    brochure.cover_en.delete()
    assert Brochure.objects.get().ppoi == (0.5, 0.5)


class BrochureForm(forms.ModelForm):
    class Meta:
        model = Brochure
        fields = ("title", "cover_en", "cover_de")


@pytest.mark.django_db
@pytest.mark.parametrize("moved", ["cover_en", "cover_de"])
def test_a_shared_point_is_where_it_was_moved_to(picture, moved):
    """The form of a translated model has the point once for each language."""
    brochure = Brochure.objects.create(
        cover_en=picture("en.jpg"), cover_de=picture("de.jpg"), ppoi=(0.2, 0.8)
    )
    points = {"cover_en_1": "0.2x0.8", "cover_de_1": "0.2x0.8", f"{moved}_1": "0.9x0.1"}

    form = BrochureForm(data=points, instance=brochure)
    assert form.is_valid(), form.errors
    form.save()

    assert Brochure.objects.get().ppoi == (0.9, 0.1)


@pytest.mark.django_db
def test_a_second_language_takes_the_point_that_there_is(picture):
    """An upload for one more language does not move the point of the others."""
    brochure = Brochure.objects.create(cover_en=picture("en.jpg"), ppoi=(0.2, 0.8))
    form = BrochureForm(instance=brochure)
    points = {name: value for name, value in sent_by_browser(form).items() if name.endswith("_1")}

    form = BrochureForm(data=points, files={"cover_de_0": upload()}, instance=brochure)
    assert form.is_valid(), form.errors
    form.save()

    assert Brochure.objects.get().ppoi == (0.2, 0.8)


def sent_by_browser(form: forms.ModelForm) -> dict[str, str]:
    """Return what a browser without JavaScript sends if nothing is changed."""
    sent = {}
    for bound in form:
        for widget in bound.subwidgets:
            parts = widget.data.get("subwidgets") or [widget.data]
            sent |= {part["name"]: part["value"] for part in parts if part["type"] == "hidden"}
    return {name: value for name, value in sent.items() if value is not None}


@pytest.mark.django_db
def test_a_field_that_others_translate_is_not_warmed(late_model):
    """django-modeltranslation links the field of a language to the field that it translates. That
    one shows the picture of the active language, which is another one in the worker.
    """
    image, late = (late_model._meta.get_field(name) for name in ("image", "image_de"))
    image.warm = ("hero",)
    late_model._meta._expire_cache()
    assert warmed_fields(late_model) == (image, late)

    late.translated_field = image
    late_model._meta._expire_cache()

    assert warmed_fields(late_model) == (late,)


# ---- django-model-utils -------------------------------------------------------------------------


def test_a_model_may_replace_how_it_is_saved(ledger_db, picture, monkeypatch):
    """`FieldTracker` of django-model-utils replaces `save_base` on the class of the model."""
    save_base = Person.save_base

    def tracked(self: Person, *args: Any, **kwargs: Any) -> None:
        save_base(self, *args, **kwargs)

    monkeypatch.setattr(Person, "save_base", tracked)

    assert_whole_or_nothing(
        Person, ledger_db, lambda: Person(headshot=picture()).save(using=ledger_db)
    )


# ---- django-polymorphic -------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_base_queryset_may_return_children(picture):
    """A queryset of django-polymorphic yields an instance of the class that each row is of."""
    Person.objects.create(headshot=picture())
    WarmJob.objects.all().delete()

    class Polymorphic(models.QuerySet):
        def iterator(self, chunk_size: int | None = None) -> Iterator[models.Model]:
            return iter([Person.objects.get()])

    assert enqueue_all(Polymorphic(Article)) == 1
    assert WarmJob.objects.get().model_label == "app.Person"


# ---- django-simple-history ----------------------------------------------------------------------


@pytest.mark.django_db
def test_a_history_shows_changes_of_the_point():
    """django-simple-history copies each field into a history model, whose `tracked_fields` are the
    fields themselves. The difference of two versions has those that are editable.
    """
    point = Card._meta.get_field("ppoi")
    copied = copy.copy(point)
    history = type("HistoricalCard", (), {"tracked_fields": [point], "_meta": Options(None)})

    copied.contribute_to_class(history, "ppoi", private_only=True)

    assert [field.editable for field in history.tracked_fields] == [True]
    # A migration that was written before stays right, and a form has no field for the point.
    assert copied.deconstruct() == point.deconstruct()
    assert not point.editable


# ---- django-unfold, and any admin with formfield_overrides --------------------------------------


class UnfoldImageWidget(AdminFileWidget):
    pass


@pytest.mark.django_db
@pytest.mark.parametrize(
    "overrides",
    [
        {models.ImageField: {"widget": UnfoldImageWidget}},
        {models.FileField: {"widget": forms.FileInput}},
        {VersatileImageField: {"widget": UnfoldImageWidget(attrs={"class": "mine"})}},
        {VersatileImageField: {"form_class": forms.ImageField}},
        {models.ImageField: {"label": "A picture"}},
    ],
)
def test_the_admin_of_a_project_may_choose_widgets(overrides, picture):
    """django-unfold sets a file widget for all image fields by `formfield_overrides`."""

    class CardAdmin(admin.ModelAdmin):
        formfield_overrides = overrides

    card = Card.objects.create(title="one", image=picture())
    request = RequestFactory().get("/")
    request.user = get_user_model()(is_superuser=True, is_active=True)
    form_class = CardAdmin(Card, admin.AdminSite()).get_form(request)
    assert "cards/a.jpg" in form_class(instance=card).as_p()

    name = "image" if "form_class" in next(iter(overrides.values())) else "image_0"
    data = {"title": "two", "image_1": "0.25x0.75"}
    form = form_class(data=data, files={name: upload()}, instance=card)
    assert form.is_valid(), form.errors
    form.save()

    card.refresh_from_db()
    assert (card.title, card.image.name) == ("two", "cards/new.jpg")
    assert card.ppoi == ((0.5, 0.5) if name == "image" else (0.25, 0.75))
