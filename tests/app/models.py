"""Models as a project would write them."""

from django.db import models

from renditions.fields import PPOIField, VersatileImageField


class Person(models.Model):
    """Warmed after a save."""

    name = models.CharField(max_length=80, blank=True)
    headshot = VersatileImageField(
        upload_to="people", blank=True, ppoi_field="headshot_ppoi", warm="headshot"
    )
    headshot_ppoi = PPOIField()

    def __str__(self) -> str:
        return self.name


class Editor(Person):
    """Inherits the warmed field across tables."""

    desk = models.CharField(max_length=80, blank=True)


class Article(models.Model):
    """Warmed by nobody but those who ask; reaches a picture across a relation."""

    author = models.ForeignKey(Person, null=True, on_delete=models.CASCADE)
    lead = VersatileImageField(upload_to="leads", blank=True)
