from django.contrib import admin
from unfold.admin import ModelAdmin, StackedInline, TabularInline

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
class PhotoAdmin(ModelAdmin):
    pass
