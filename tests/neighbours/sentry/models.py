from django.db import models

from renditions.fields import VersatileImageField


class Photo(models.Model):
    image = VersatileImageField(upload_to="photos", warm="hero")


class Trap(models.Model):
    """Its renditions kill the process that makes them."""

    image = VersatileImageField(upload_to="traps", warm="deadly")
