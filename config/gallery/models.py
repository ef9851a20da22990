"""The one model of the gallery."""

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from renditions.fields import PPOIField, VersatileImageField
from renditions.meta import PictureMetaField

from .uploads import check_picture, stored_name


class Photo(models.Model):
    """A photograph that a visitor or an editor uploaded."""

    title = models.CharField(_("title"), max_length=120)
    image = VersatileImageField(
        _("image"),
        upload_to=stored_name,
        ppoi_field="image_ppoi",
        # Known at once, so that a page keeps the right place free before the worker has begun.
        width_field="image_width",
        height_field="image_height",
        meta_field="image_meta",
        warm=["card", "photo", "gallery"],
        cleanup="all",
        db_index=True,
        validators=[check_picture],
    )
    image_ppoi = PPOIField(_("focal point of the image"))
    image_width = models.PositiveIntegerField(_("width of the image"), null=True, editable=False)
    image_height = models.PositiveIntegerField(_("height of the image"), null=True, editable=False)
    image_meta = PictureMetaField(_("facts of the image"))
    added_at = models.DateTimeField(_("added at"), auto_now_add=True)

    class Meta:
        verbose_name = _("photo")
        verbose_name_plural = _("photos")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("gallery:photo", args=[self.pk])
