from django.db import models
from wagtail.admin.panels import FieldPanel
from wagtail.models import DraftStateMixin, Page, RevisionMixin
from wagtail.snippets.models import register_snippet

from renditions.fields import PPOIField, VersatileImageField


class PicturePage(Page):
    image = VersatileImageField(upload_to="pages", blank=True, ppoi_field="ppoi", warm="headshot")
    ppoi = PPOIField()

    content_panels = [*Page.content_panels, FieldPanel("image")]


@register_snippet
class Advert(models.Model):
    text = models.CharField(max_length=80)
    image = VersatileImageField(upload_to="adverts", blank=True, ppoi_field="ppoi", warm="headshot")
    ppoi = PPOIField()

    panels = [FieldPanel("text"), FieldPanel("image")]

    def __str__(self) -> str:
        return self.text


@register_snippet
class Banner(DraftStateMixin, RevisionMixin, models.Model):
    text = models.CharField(max_length=80)
    image = VersatileImageField(upload_to="banners", blank=True, ppoi_field="ppoi", warm="headshot")
    ppoi = PPOIField()

    panels = [FieldPanel("text"), FieldPanel("image")]

    def __str__(self) -> str:
        return self.text
