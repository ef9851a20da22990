from django.db import models

from renditions.fields import PPOIField, VersatileImageField


class Album(models.Model):
    title = models.CharField(max_length=80)
    cover = VersatileImageField(upload_to="albums", blank=True)

    def __str__(self) -> str:
        return self.title


class Photo(models.Model):
    album = models.ForeignKey(Album, null=True, blank=True, on_delete=models.CASCADE)
    title = models.CharField(max_length=80)
    image = VersatileImageField(upload_to="photos", blank=True, ppoi_field="ppoi", warm="headshot")
    ppoi = PPOIField()

    def __str__(self) -> str:
        return self.title
