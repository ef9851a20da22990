"""Photos in the admin."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from .models import Photo
from .progress import progress_of


@admin.register(Photo)
class PhotoAdmin(admin.ModelAdmin):
    """Editors add photos, set focal points and see the state of the renditions."""

    fields = ["title", "image"]
    list_display = ["title", "preview", "renditions", "added_at"]
    search_fields = ["title"]
    list_per_page = 25

    @admin.display(description=_("preview"))
    def preview(self, photo: Photo) -> str:
        url = progress_of(photo).made_urls.get("card", "")
        return format_html('<img src="{}" alt="" width="90" height="60">', url) if url else "-"

    @admin.display(description=_("renditions"))
    def renditions(self, photo: Photo) -> str:
        return progress_of(photo).state.label
