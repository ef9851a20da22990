from django.db import models
from django_lifecycle import AFTER_CREATE, AFTER_SAVE, LifecycleModel, hook

from renditions.fields import PPOIField, VersatileImageField

# Names of images that have changed.
noted: list[str] = []


class Photo(LifecycleModel):
    title = models.CharField(max_length=80, blank=True)
    image = VersatileImageField(upload_to="photos", blank=True, ppoi_field="ppoi", warm="headshot")
    ppoi = PPOIField()

    @hook(AFTER_CREATE)
    def give_a_title(self) -> None:
        self.title = self.title or f"Photo {self.pk}"
        self.save(update_fields=["title"])

    @hook(AFTER_SAVE, when="image", has_changed=True, on_commit=True)
    def note_change(self) -> None:
        noted.append(self.image.name)

    def __str__(self) -> str:
        return self.title
