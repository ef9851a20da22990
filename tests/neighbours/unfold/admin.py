from django.contrib import admin
from unfold.admin import ModelAdmin, StackedInline, TabularInline

from workers.admin_mixin import RenditionsAdminMixin

from .models import Album, Photo


class PhotoRow(TabularInline):
    model = Photo
    extra = 1


class PhotoBlock(StackedInline):
    model = Photo
    extra = 1


@admin.register(Album)
class AlbumAdmin(ModelAdmin):
    inlines = [PhotoRow]


@admin.register(Photo)
class PhotoAdmin(RenditionsAdminMixin, ModelAdmin):
    list_display = ["title", "rendition_thumbnail", "rendition_state"]
