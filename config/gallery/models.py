"""What the gallery keeps."""

from django.db import models
from django.urls import reverse

from renditions.fields import PPOIField, VersatileImageField

from .uploads import check_picture, stored_name


class Photo(models.Model):
    """A photograph that somebody uploaded."""

    title = models.CharField(max_length=120)
    image = VersatileImageField(
        upload_to=stored_name, ppoi_field="image_ppoi", warm="gallery", validators=[check_picture]
    )
    image_ppoi = PPOIField("focal point of the image")
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Return the address of the photo's own page."""
        return reverse("gallery:photo", args=[self.pk])
