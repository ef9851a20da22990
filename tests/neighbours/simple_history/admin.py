from django.contrib import admin
from simple_history.admin import SimpleHistoryAdmin

from workers.admin_mixin import RenditionsAdminMixin

from .models import Photo


@admin.register(Photo)
class PhotoAdmin(RenditionsAdminMixin, SimpleHistoryAdmin):
    list_display = ["title", "rendition_thumbnail", "rendition_state"]
