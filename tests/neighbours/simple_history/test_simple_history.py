"""django-simple-history copies the fields of a model into a history model."""

import pytest
from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.state import ModelState, ProjectState
from django.urls import reverse

from tests.neighbours.admin_pages import assert_renditions_are_shown
from tests.neighbours.saves import assert_whole_or_nothing
from workers.models import WarmJob
from workers.targets import all_warmed_fields
from workers.testing import work_owed

from .models import Photo


def test_a_save_that_is_killed_is_whole_or_nothing(neighbour_db, picture):
    assert_whole_or_nothing(
        Photo, neighbour_db, lambda: Photo(image=picture()).save(using=neighbour_db)
    )


@pytest.fixture
def photo(db, picture) -> Photo:
    """Return a photo with two records in its history."""
    photo = Photo.objects.create(image=picture("a.jpg"))
    photo.image, photo.ppoi = picture("b.jpg"), (0.2, 0.8)
    photo.save()
    return photo


def test_a_history_model_is_not_warmed(photo):
    """Its rows hold the name of the file, and no picture."""
    assert [job.model_label for job in WarmJob.objects.all()] == ["project.Photo"]
    labels = {field.model._meta.label for field in all_warmed_fields()}
    assert "project.HistoricalPhoto" not in labels


def test_the_point_is_in_the_difference_as_text(photo):
    new, old = photo.history.all()

    changes = {change.field: (str(change.old), str(change.new)) for change in
               new.diff_against(old).changes}  # fmt: skip

    assert changes == {"image": ("photos/a.jpg", "photos/b.jpg"), "ppoi": ("0.5x0.5", "0.2x0.8")}


def test_the_admin_shows_the_point_as_text(photo, admin_client):
    page = admin_client.get(reverse("admin:project_photo_history", args=[photo.pk]))

    assert "0.2x0.8" in page.content.decode()
    assert "(0.2, 0.8)" not in page.content.decode()


def test_an_old_version_can_be_looked_at_and_saved_in_the_admin(photo, admin_client):
    """The form of a version shows the picture that it had."""
    url = reverse("admin:project_photo_simple_history", args=[photo.pk,
                  photo.history.last().history_id])  # fmt: skip

    assert "photos/a.jpg" in admin_client.get(url).content.decode()


def test_an_old_version_can_be_restored(photo):
    work_owed()
    photo.history.last().instance.save()

    assert (Photo.objects.get().image.name, Photo.objects.get().ppoi) == (
        "photos/a.jpg",
        (0.5, 0.5),
    )
    assert work_owed() == 1


def test_migrations_of_the_history_model_settle():
    """What is written by `makemigrations` is what the model has."""
    states = [
        ModelState.from_model(model).clone()
        for model in apps.get_app_config("project").get_models()
    ]
    assert states
    before, after = ProjectState(), ProjectState.from_apps(apps)
    for state in states:
        # As a migration file would: from the deconstructed fields.
        state.fields = {name: field.clone() for name, field in state.fields.items()}
        before.add_model(state)
    changes = MigrationAutodetector(before, after)._detect_changes()

    assert "project" not in changes


@pytest.mark.django_db
def test_the_admin_shows_the_renditions(admin_client):
    assert_renditions_are_shown(admin_client)
