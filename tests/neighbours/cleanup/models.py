from django.db import models

from renditions.fields import PPOIField, VersatileImageField


class Photo(models.Model):
    title = models.CharField(max_length=80, blank=True)
    image = VersatileImageField(upload_to="photos", blank=True, ppoi_field="ppoi", warm="headshot")
    ppoi = PPOIField()

    def __str__(self) -> str:
        return self.title
