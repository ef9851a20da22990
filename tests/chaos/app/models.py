"""The models of a run."""

from django.core.files.storage import storages
from django.db import models

from renditions.fields import PPOIField, VersatileImageField


def elsewhere():
    return storages["elsewhere"]


class Picture(models.Model):
    """A picture. Its `number` is drawn into it, so renditions of two pictures always differ."""

    number = models.BigIntegerField()
    image = VersatileImageField(upload_to="p", ppoi_field="ppoi", warm="eight", max_length=500)
    ppoi = PPOIField(max_length=50)


class Neighbour(models.Model):
    """A picture with the name of another one, on another storage."""

    number = models.BigIntegerField()
    image = VersatileImageField(upload_to="p", storage=elsewhere, warm="eight", max_length=500)


class Album(models.Model):
    """Photographs that are deleted together with it."""


class Photograph(models.Model):
    """A picture that is taken away with its renditions when no row shows it any more."""

    number = models.BigIntegerField()
    album = models.ForeignKey(Album, null=True, on_delete=models.CASCADE)
    image = VersatileImageField(
        upload_to="photographs",
        ppoi_field="ppoi",
        warm="three",
        cleanup="all",
        blank=True,
        max_length=500,
    )
    ppoi = PPOIField(max_length=50)


class Print(models.Model):
    """A picture whose renditions are taken away, and whose original stays."""

    number = models.BigIntegerField()
    image = VersatileImageField(
        upload_to="prints", warm="three", cleanup="renditions", blank=True, max_length=500
    )


class Poster(models.Model):
    """A row that shows the file of another model. It has no renditions."""

    number = models.BigIntegerField()
    image = models.ImageField(upload_to="posters", max_length=500)


class Label(models.Model):
    """A row of the project that has nothing to do with pictures."""

    name = models.CharField(max_length=50, unique=True)


class Trap(models.Model):
    """A picture that harms the process that renders it."""

    kind = models.CharField(max_length=30)
    image = VersatileImageField(upload_to="traps", warm="trap")
