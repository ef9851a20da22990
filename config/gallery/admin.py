"""Photos in the admin."""

from django.contrib import admin

from workers.admin_mixin import RenditionsAdminMixin

from .models import Photo


@admin.register(Photo)
class PhotoAdmin(RenditionsAdminMixin, admin.ModelAdmin):
    """Editors add photos, set focal points and see the state of the renditions."""

    fields = ["title", "image"]
    list_display = ["title", "rendition_thumbnail", "rendition_state", "added_at"]
    search_fields = ["title"]
    list_per_page = 25
    rendition_thumbnail_key = "card"
