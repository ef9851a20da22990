"""A model with our field, and the same model with Django's own."""

from django.core.files.storage import InMemoryStorage
from django.db import models

from renditions.fields import PictureMetaField, VersatileImageField

from ..environment import Environment


class Photo(models.Model):
    """Warmed after a save."""

    title = models.CharField(max_length=80)
    image = VersatileImageField(
        upload_to="photos", blank=True, warm=Environment.of_this_process().keys
    )

    class Meta:
        app_label = "app"

    def __str__(self) -> str:
        return self.title


class Cover(models.Model):
    """Another model with jobs: the page of the operator counts them by model."""

    image = VersatileImageField(upload_to="covers", blank=True, warm="small")

    class Meta:
        app_label = "app"

    def __str__(self) -> str:
        return str(self.image)


class Portrait(models.Model):
    """One more."""

    image = VersatileImageField(upload_to="portraits", blank=True, warm="small")

    class Meta:
        app_label = "app"

    def __str__(self) -> str:
        return str(self.image)


class Story(models.Model):
    """Shown as a responsive picture. Nothing warms it."""

    lead = VersatileImageField(upload_to="stories", meta_field="lead_meta")
    lead_meta = PictureMetaField()

    class Meta:
        app_label = "app"

    def __str__(self) -> str:
        return str(self.lead)


class MemoryPhoto(models.Model):
    """Its files are in the memory of the process, and a save enqueues nothing."""

    image = VersatileImageField(upload_to="memory", storage=InMemoryStorage())

    class Meta:
        app_label = "app"

    def __str__(self) -> str:
        return str(self.image)


class PlainPhoto(models.Model):
    """The same without us."""

    title = models.CharField(max_length=80)
    image = models.ImageField(upload_to="plain", blank=True)

    class Meta:
        app_label = "app"

    def __str__(self) -> str:
        return self.title
