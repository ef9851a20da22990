from django.db import models

from renditions.fields import VersatileImageField


class Photo(models.Model):
    image = VersatileImageField(upload_to="photos", warm="headshot")
