from django.contrib import admin

from workers.admin_mixin import RenditionsAdminMixin

from .models import Album, Photo


class PhotoRow(admin.TabularInline):
    model = Photo
    extra = 1


@admin.register(Album)
class AlbumAdmin(admin.ModelAdmin):
    inlines = [PhotoRow]


@admin.register(Photo)
class PhotoAdmin(RenditionsAdminMixin, admin.ModelAdmin):
    list_display = ["title", "rendition_thumbnail", "rendition_state"]
