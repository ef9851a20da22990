from django.db import models

from renditions.fields import PPOIField, VersatileImageField


class Photo(models.Model):
    image = VersatileImageField(upload_to="photos", blank=True, ppoi_field="ppoi", warm="headshot")
    ppoi = PPOIField()
