from django.contrib import admin

from .models import Album, Photo


class PhotoRow(admin.TabularInline):
    model = Photo
    extra = 1


@admin.register(Album)
class AlbumAdmin(admin.ModelAdmin):
    inlines = [PhotoRow]


@admin.register(Photo)
class PhotoAdmin(admin.ModelAdmin):
    pass
