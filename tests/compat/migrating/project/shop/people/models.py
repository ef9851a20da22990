from pathlib import Path

from django.db import models
from django.dispatch import receiver
from versatileimagefield.fields import PPOIField, VersatileImageField
from versatileimagefield.image_warmer import VersatileImageFieldWarmer
from versatileimagefield.placeholder import OnDiscPlaceholderImage


class Person(models.Model):
    """Represents a person."""

    name_first = models.CharField("First Name", max_length=80)
    name_last = models.CharField("Last Name", max_length=100)
    headshot = VersatileImageField(
        "Headshot",
        upload_to="headshots/",
        ppoi_field="headshot_ppoi",
        width_field="width",
        height_field="height",
    )
    headshot_ppoi = PPOIField()
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    badge = VersatileImageField(
        upload_to="badges/",
        blank=True,
        placeholder_image=OnDiscPlaceholderImage(path=Path(__file__).parent / "badge.png"),
    )

    class Meta:
        verbose_name = "Person"
        verbose_name_plural = "People"


@receiver(models.signals.post_save, sender=Person)
def warm_person_headshot_images(sender, instance, **kwargs):
    """Ensures Person head shots are created post-save"""
    VersatileImageFieldWarmer(
        instance_or_queryset=instance,
        rendition_key_set="person_headshot",
        image_attr="headshot",
    ).warm()
