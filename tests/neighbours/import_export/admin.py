from django.contrib import admin
from import_export.admin import ExportActionMixin, ImportExportModelAdmin

from workers.admin_mixin import RenditionsAdminMixin

from .models import Photo


@admin.register(Photo)
class PhotoAdmin(RenditionsAdminMixin, ExportActionMixin, ImportExportModelAdmin):
    list_display = ["title", "rendition_thumbnail", "rendition_state"]
