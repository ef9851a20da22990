"""The one model of the gallery."""

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from renditions.fields import PPOIField, VersatileImageField

from .uploads import check_picture, stored_name


class Photo(models.Model):
    """A photograph that a visitor or an editor uploaded."""

    title = models.CharField(_("title"), max_length=120)
    image = VersatileImageField(
        _("image"),
        upload_to=stored_name,
        ppoi_field="image_ppoi",
        warm="gallery",
        cleanup="all",
        db_index=True,
        validators=[check_picture],
    )
    image_ppoi = PPOIField(_("focal point of the image"))
    added_at = models.DateTimeField(_("added at"), auto_now_add=True)

    class Meta:
        verbose_name = _("photo")
        verbose_name_plural = _("photos")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("gallery:photo", args=[self.pk])
