import reversion
from dirtyfields import DirtyFieldsMixin
from django.db import models
from django_lifecycle import AFTER_CREATE, BEFORE_SAVE, LifecycleModelMixin, hook
from model_utils import FieldTracker
from polymorphic.models import PolymorphicModel
from simple_history.models import HistoricalRecords

from renditions.fields import PictureMetaField, PPOIField, VersatileImageField


class Item(LifecycleModelMixin, DirtyFieldsMixin, PolymorphicModel):
    title = models.CharField(max_length=80, blank=True)

    history = HistoricalRecords(inherit=True)

    @hook(BEFORE_SAVE)
    def strip_title(self) -> None:
        self.title = self.title.strip()

    @hook(AFTER_CREATE)
    def look_at_the_changes(self) -> None:
        self.get_dirty_fields()


@reversion.register(follow=["item_ptr"])
class Photo(Item):
    image = VersatileImageField(
        upload_to="photos",
        blank=True,
        ppoi_field="ppoi",
        meta_field="image_meta",
        warm="headshot",
    )
    ppoi = PPOIField()
    image_meta = PictureMetaField()

    tracker = FieldTracker()


reversion.register(Item)
