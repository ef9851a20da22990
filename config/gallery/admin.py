"""Photos in the admin."""

from django.contrib import admin
from django.utils.html import format_html

from .models import Photo
from .progress import progress_of


@admin.register(Photo)
class PhotoAdmin(admin.ModelAdmin):
    """Add photos, set their focal point, see how far their renditions are."""

    fields = ["title", "image"]
    list_display = ["title", "preview", "renditions", "added_at"]
    search_fields = ["title"]
    list_per_page = 25

    @admin.display(description="preview")
    def preview(self, photo: Photo) -> str:
        """Return a small picture of it, once there is one."""
        url = progress_of(photo).made_urls.get("card", "")
        return format_html('<img src="{}" alt="" width="90" height="60">', url) if url else "-"

    @admin.display(description="renditions")
    def renditions(self, photo: Photo) -> str:
        """Return the state in a word."""
        return progress_of(photo).state
