"""What the run saves."""

from django.core.files.storage import storages
from django.db import models

from renditions.fields import PPOIField, VersatileImageField


def elsewhere():
    return storages["elsewhere"]


class Picture(models.Model):
    """Its `number` is drawn into its content: nobody else's rendition passes for its own."""

    number = models.BigIntegerField()
    image = VersatileImageField(upload_to="p", ppoi_field="ppoi", warm="eight", max_length=500)
    ppoi = PPOIField(max_length=50)


class Neighbour(models.Model):
    """The same names on another storage."""

    number = models.BigIntegerField()
    image = VersatileImageField(upload_to="p", storage=elsewhere, warm="eight", max_length=500)


class Trap(models.Model):
    """Harms whoever renders it."""

    kind = models.CharField(max_length=30)
    image = VersatileImageField(upload_to="traps", warm="trap")
