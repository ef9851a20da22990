from django.db import models

from renditions.fields import PPOIField, VersatileImageField
from renditions.validators import validate_picture


class Photo(models.Model):
    title = models.CharField(max_length=80)
    image = VersatileImageField(
        upload_to="photos",
        blank=True,
        ppoi_field="ppoi",
        warm="headshot",
        validators=[validate_picture],
    )
    ppoi = PPOIField()

    def __str__(self) -> str:
        return self.title
