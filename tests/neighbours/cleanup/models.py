from django.db import models

from renditions.fields import PPOIField, VersatileImageField


class Photo(models.Model):
    """django-cleanup takes the original, and we take the renditions."""

    title = models.CharField(max_length=80, blank=True)
    image = VersatileImageField(
        upload_to="photos", blank=True, ppoi_field="ppoi", warm="headshot", cleanup="renditions"
    )
    ppoi = PPOIField()

    def __str__(self) -> str:
        return self.title


class Print(models.Model):
    """We take everything, and django-cleanup wants to take the original, too."""

    image = VersatileImageField(
        upload_to="photos", blank=True, ppoi_field="ppoi", warm="headshot", cleanup="all"
    )
    ppoi = PPOIField()

    def __str__(self) -> str:
        return str(self.pk)
