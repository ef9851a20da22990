from django.db import models
from polymorphic.models import PolymorphicModel

from renditions.fields import PPOIField, VersatileImageField


class Item(PolymorphicModel):
    title = models.CharField(max_length=80, blank=True)
    cover = VersatileImageField(upload_to="items", blank=True, warm="hero")


class Photo(Item):
    image = VersatileImageField(upload_to="photos", blank=True, ppoi_field="ppoi", warm="headshot")
    ppoi = PPOIField()


class Note(Item):
    text = models.TextField(blank=True)
