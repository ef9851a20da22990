from django.contrib import admin
from reversion.admin import VersionAdmin

from workers.admin_mixin import RenditionsAdminMixin

from .models import Photo


@admin.register(Photo)
class PhotoAdmin(RenditionsAdminMixin, VersionAdmin):
    list_display = ["title", "rendition_thumbnail", "rendition_state"]
